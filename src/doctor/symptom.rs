//! What users observe and what counters show, and the checks that explain it.

use std::net::SocketAddr;

use super::expectation::Expectation;
use super::facts::{Facts, service_name};
use lvs::ipvs::{DestinationEntry, Forwarding};

/// What a user observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symptom {
    NoSyn,
    NoSynAck,
    ClientReset,
    SomeClients,
    UploadsHang,
    AfterMinutes,
    AfterReboot,
}

impl Symptom {
    pub(crate) const ALL: [Self; 7] = [
        Self::NoSyn,
        Self::NoSynAck,
        Self::ClientReset,
        Self::SomeClients,
        Self::UploadsHang,
        Self::AfterMinutes,
        Self::AfterReboot,
    ];

    /// The name on the command line, and a description.
    pub(crate) const fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::NoSyn => ("no-syn", "No request reaches the real server"),
            Self::NoSynAck => {
                ("no-synack", "Requests reach the real server, and no reply leaves it")
            }
            Self::ClientReset => (
                "client-reset",
                "Replies leave the real server, and the client resets or ignores them",
            ),
            Self::SomeClients => ("some-clients", "It works for some clients only"),
            Self::UploadsHang => ("uploads-hang", "Small pages work, uploads hang"),
            Self::AfterMinutes => ("after-minutes", "It works, and stops after minutes"),
            Self::AfterReboot => ("after-reboot", "It worked before the machine was rebooted"),
        }
    }

    /// Causes with direct routing, with tunnels, and with NAT, the most likely first.
    pub(super) const fn by_mode(self) -> [&'static [&'static str]; 3] {
        match self {
            Self::NoSyn => [
                &["A9", "A16", "N11", "K2", "H21", "H12"],
                &["K3", "V4", "M6", "A16", "K2", "H21"],
                &["N1", "V5", "A16", "K2", "H21"],
            ],
            Self::NoSynAck => [&["A1", "A11", "P3"], &["P1", "P2", "A1", "A11"], &["A11", "N15"]],
            Self::ClientReset => [&["A10", "A11"], &["A10", "A11"], &["N2", "N3", "N4"]],
            Self::SomeClients => {
                [&["A9", "A4", "A5", "A3", "P3", "H15"], &["P3", "P4", "H15"], &["N3", "P4", "H15"]]
            }
            Self::UploadsHang => [&[], &["M1", "M2"], &[]],
            Self::AfterMinutes => [&["A5", "A4", "A3"], &["A5", "A4", "H1"], &["N4", "H1"]],
            Self::AfterReboot => [
                &["H20", "A6", "A4", "A5", "K1"],
                &["P2", "H20", "A6", "K3", "K1"],
                &["N1", "H20", "A6", "N2", "H16"],
            ],
        }
    }

    /// The checks that explain it on this machine, the most likely first.
    pub(super) fn causes(self, expectation: &Expectation, facts: &Facts) -> Vec<&'static str> {
        let methods = [Forwarding::DirectRouting, Forwarding::Tunnel, Forwarding::Masquerade];
        let used = |method| {
            let served = expectation.served.iter().any(|served| served.forwarding == method);
            served || facts.destinations().any(|(_, entry)| entry.destination.forwarding == method)
        };
        let mut causes = Vec::new();
        let (first, others): (Vec<_>, Vec<_>) =
            methods.into_iter().zip(self.by_mode()).partition(|(method, _)| used(*method));
        for cause in first.into_iter().chain(others).flat_map(|(_, causes)| causes) {
            if !causes.contains(cause) {
                causes.push(*cause);
            }
        }
        causes
    }
}

/// A counter that increased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Movement {
    /// As in its file, or in `ipvsadm -L --stats`.
    pub(crate) counter: String,
    pub(crate) by: u64,
    pub(crate) meaning: &'static str,
}

/// These counters stand still on a healthy machine, or help whoever searches for a fault.
const MEANINGS: &[(&str, &str)] = &[
    ("TcpExt IPReversePathFilter", "the reverse path filter drops packets: P1, P3, P4"),
    ("TcpExt ListenOverflows", "a server on this machine accepts connections too slowly"),
    ("TcpExt ListenDrops", "a server on this machine accepts connections too slowly"),
    ("Ip InAddrErrors", "packets for other addresses arrive and are not forwarded: N1, A1"),
    ("Ip OutNoRoutes", "packets have no route"),
    ("Ip FragFails", "packets with DF set exceed the MTU: M2"),
    ("Ip ReasmFails", "fragments are lost"),
    ("IpExt InNoRoutes", "packets arrive that have no route"),
    ("Icmp InRedirects", "a router sends redirects that bypass the director: N4"),
    ("Icmp OutRedirects", "this machine sends redirects that bypass it: N4"),
    ("Icmp InDestUnreachs", "packets of this machine are refused"),
    ("Icmp OutDestUnreachs", "this machine refuses packets: no listener, or no real server"),
    ("Tcp AttemptFails", "connections to or from this machine fail"),
    ("Tcp OutRsts", "this machine resets connections: no listener (A11)"),
    ("Udp NoPorts", "datagrams arrive for a port without a listener: A11"),
    ("Udp RcvbufErrors", "a server on this machine reads datagrams too slowly"),
    ("Ip6InNoRoutes", "packets arrive that have no route"),
    ("Ip6InAddrErrors", "packets for other addresses arrive and are not forwarded: V5, A1"),
    ("Ip6OutNoRoutes", "packets have no route"),
    ("Ip6InTooBigErrors", "packets exceed the MTU"),
    ("Icmp6OutRedirects", "this machine sends redirects that bypass it"),
    ("Icmp6InRedirects", "a router sends redirects that bypass the director"),
    ("Udp6NoPorts", "datagrams arrive for a port without a listener: A11"),
];

/// The counters that increased between two readings, the most important first.
pub(crate) fn moved(before: &Facts, after: &Facts) -> Vec<Movement> {
    let mut movements = Vec::new();
    let mut add = |counter: String, from: u64, to: u64, meaning| {
        if to > from {
            movements.push(Movement { counter, by: to - from, meaning });
        }
    };
    for (name, meaning) in MEANINGS {
        let of = |facts: &Facts| facts.counters.get(*name).copied();
        if let (Some(from), Some(to)) = (of(before), of(after)) {
            add((*name).to_owned(), from, to, meaning);
        }
    }
    for link in &after.network.links {
        let Some(earlier) = before.network.link(&link.name) else {
            continue;
        };
        let (from, to) = (earlier.receive_dropped, link.receive_dropped);
        add(format!("{} RX dropped", link.name), from, to, "the interface drops packets");
        let (from, to) = (earlier.transmit_dropped, link.transmit_dropped);
        add(format!("{} TX dropped", link.name), from, to, "the interface cannot send fast enough");
    }
    for (identity, entry) in after.destinations() {
        let destination = &entry.destination;
        let same = |other: &DestinationEntry| {
            other.destination.address == destination.address
                && other.destination.port == destination.port
        };
        let Some((_, earlier)) =
            before.destinations().find(|(other, it)| *other == identity && same(it))
        else {
            continue;
        };
        let socket = SocketAddr::new(destination.address, destination.port);
        let name = |what| format!("{what} of {socket} for {}", service_name(identity));
        let waiting = |facts| half_open(facts, socket);
        let known = u64::from(entry.active_connections) + u64::from(entry.inactive_connections);
        if known <= waiting(after) {
            let meaning = "requests arrive there, and no connection is established: H18";
            add(name("SYN_RECV"), waiting(before), waiting(after), meaning);
        }
        let (from, to) = (earlier.stats.connections, entry.stats.connections);
        add(name("Conns"), from, to, "the director forwards clients to it");
    }
    movements
}

fn half_open(facts: &Facts, destination: SocketAddr) -> u64 {
    let all = facts.table.iter().flat_map(|table| &table.half_open);
    all.filter(|connection| connection.destination == destination).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Served;

    #[test]
    fn causes_of_mode_in_use_come_first() {
        let served = Served::new([192, 0, 2, 1].into(), Forwarding::Tunnel, false);
        let expectation = Expectation { served: vec![served], ..Expectation::default() };
        let causes = Symptom::NoSynAck.causes(&expectation, &Facts::default());
        assert_eq!(causes, ["P1", "P2", "A1", "A11", "P3", "N15"]);
    }
}
