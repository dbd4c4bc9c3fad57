//! What users observe and what counters show, and the checks that explain it.

use std::net::SocketAddr;

use super::expectation::Expectation;
use super::facts::{CONNTRACK_DROPPED, Facts, service_name};
use crate::path::Check::{self, *};
use lvs::ipvs::{AddressFamily, DestinationEntry, Forwarding};

use Cause::Check as of;

/// What a user observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symptom {
    NoSyn,
    NoSynAck,
    Refused,
    ClientReset,
    SomeClients,
    OneServerOnly,
    UploadsHang,
    AfterMinutes,
    AfterReboot,
}

impl Symptom {
    pub(crate) const ALL: [Self; 9] = [
        Self::NoSyn,
        Self::NoSynAck,
        Self::Refused,
        Self::ClientReset,
        Self::SomeClients,
        Self::OneServerOnly,
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
            Self::Refused => ("refused", "Clients are refused at once"),
            Self::OneServerOnly => ("one-server-only", "One real server gets all connections"),
            Self::UploadsHang => ("uploads-hang", "Small pages work, uploads hang"),
            Self::AfterMinutes => ("after-minutes", "It works, and stops after minutes"),
            Self::AfterReboot => ("after-reboot", "It worked before the machine was rebooted"),
        }
    }

    /// Causes with direct routing, with tunnels, and with NAT, the most likely first.
    const fn by_mode(self) -> [&'static [Cause]; 3] {
        match self {
            Self::NoSyn => [
                &[of(A9), of(A16), of(L4), of(N11), of(F1), of(K2), of(H21), of(H12)],
                &[of(K3), of(A16), of(F1), of(M6), of(V4), of(K2), of(H21)],
                &[of(A16), of(F1), of(L4), of(K2), of(H21)],
            ],
            Self::NoSynAck => [
                &[of(A1), of(F1), of(P3), of(A11)],
                &[of(P1), of(A1), of(F1), of(P2), of(A11)],
                &[of(N2), of(F1), of(A11), of(N15)],
            ],
            Self::Refused => [&[of(A11), of(H21), of(H12), of(H13), of(F1)]; 3],
            Self::ClientReset => [
                &[of(A9), of(A10), of(A11)],
                &[of(A9), of(A10), of(A11)],
                &[of(N2), of(N3), of(N4)],
            ],
            Self::SomeClients => [
                &[of(A9), of(A4), of(P3), of(A5), of(A3), of(H15)],
                &[of(A9), of(P4), of(H18), of(P3), of(H15)],
                &[of(N3), of(P4), of(H18), of(H15)],
            ],
            Self::OneServerOnly => {
                [&[Cause::Persistence, Cause::OneClient, Cause::OthersIdle, of(H23)]; 3]
            }
            Self::UploadsHang => [&[of(F1), of(M2)], &[of(M1), of(M7), of(M2)], &[of(F1), of(M2)]],
            Self::AfterMinutes => {
                [&[of(A5), of(A4), of(A3)], &[of(A5), of(A4), of(H1)], &[of(N4), of(H1), of(N8)]]
            }
            Self::AfterReboot => [
                &[of(H20), of(A6), of(A4), of(A5), of(K1)],
                &[of(P2), of(H20), of(A6), of(K3), of(K1)],
                &[of(N1), of(H20), of(N2), of(A6), of(H16)],
            ],
        }
    }

    /// What explains it on this machine, the most likely first: with the methods in use, then with
    /// the others.
    pub(super) fn causes(self, expectation: &Expectation, facts: &Facts) -> Vec<Cause> {
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

/// What can explain a symptom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Check(Check),
    Persistence,
    OneClient,
    OthersIdle,
}

impl Cause {
    pub(crate) const fn check(self) -> Option<Check> {
        match self {
            Self::Check(check) => Some(check),
            _ => None,
        }
    }

    /// The cause in words, and what to try; empty for what is unlikely and has its findings alone.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        let check = match self {
            Self::Persistence => {
                return (
                    "The service is persistent: a client stays with its real server",
                    "ipvsadm -L --persistent-conn; test with clients of other networks",
                );
            }
            Self::OneClient => {
                return (
                    "The scheduler hashes the client's address (sh, mh, dh), and the test comes \
                     from one client",
                    "ipvsadm -Ln; test from several addresses, or with -s rr",
                );
            }
            Self::OthersIdle => {
                return (
                    "The other real servers have weight 0, are at their upper threshold, or never \
                     answer",
                    "ipvsadm -L --thresholds; ipvsadm -L; lvsctl trace on each real server",
                );
            }
            Self::Check(check) => check,
        };
        match check {
            A1 => (
                "The real server does not have the virtual address, and drops the packets",
                "ip route get VIP, on the real server: it must say local",
            ),
            A3 | A4 => (
                "A real server answers ARP for the virtual address: clients bypass the director",
                "lvsctl doctor, on each real server; arping -I INTERFACE VIP, on a client",
            ),
            A5 => (
                "A real server announces the virtual address in its ARP requests, and neighbours \
                 learn it",
                "lvsctl doctor, on each real server: arp_announce must be 2",
            ),
            A6 => (
                "A file of sysctl.d sets another value than the running machine has",
                "sysctl --system, then lvsctl doctor",
            ),
            A9 => (
                "Clients, or their router, have the MAC address of another machine for the virtual \
                 address",
                "ip neigh show VIP, on the client or the router; lvsctl doctor --probe",
            ),
            A10 => (
                "Packets of the real server come from an unexpected source address",
                "tcpdump -ni INTERFACE tcp port PORT, on the real server",
            ),
            A11 => (
                "No program listens on that address and port of the real server",
                "ss -ltn; curl http://VIP:PORT, on the real server",
            ),
            A16 => (
                "The virtual address is not local on the director: IPVS never sees the packets",
                "ip route get VIP, on the director: it must say local; lvsctl trace",
            ),
            F1 => (
                "A packet filter drops the requests or the replies",
                "lvsctl trace, on the director and on the real server",
            ),
            H1 => (
                "Idle connections time out in IPVS before the application sends again",
                "ipvsadm -L --timeout; keepalives of the application",
            ),
            H12 | H13 => (
                "No real server takes new connections: weight 0, or upper threshold",
                "ipvsadm -L --thresholds; ipvsadm -e ... -w 1",
            ),
            H18 => (
                "One of the real servers does not answer",
                "ipvsadm -L -c | grep SYN_RECV; lvsctl trace on that real server",
            ),
            H20 => (
                "Nothing restores the settings at boot",
                "lvsctl install FILE, or ipvsadm.service with saved rules",
            ),
            H21 => (
                "The service is not in the IPVS table, or on another address, port or protocol",
                "ipvsadm -Ln; lvsctl diff FILE",
            ),
            K1 => ("The module ip_vs is not loaded", "modprobe ip_vs; lvsctl apply FILE"),
            K3 => (
                "No interface of the real server decapsulates the packets of the director",
                "ip -d link show type ipip, on the real server; ip link set tunl0 up",
            ),
            L4 => (
                "The real server does not answer ARP: it is down, or in another network",
                "ip neigh show REAL; ping REAL, on the director",
            ),
            M1 => (
                "Full packets do not fit the tunnel, and no ICMP error reaches the client",
                "lvsctl doctor --probe, on the director; a smaller MSS on the real server (advmss)",
            ),
            M2 => (
                "ICMP errors are filtered, and packets that are too large are lost",
                "ping -M do -s 1472 CLIENT; sysctl net.ipv4.vs.pmtu_disc",
            ),
            M7 => (
                "Clients do not learn the segment size that fits the tunnel",
                "ip route show default, on the real server: advmss",
            ),
            N1 => (
                "The director does not forward the replies",
                "sysctl net.ipv4.ip_forward, on the director",
            ),
            N2 => (
                "Replies of the real server bypass the director",
                "ip route get CLIENT, on the real server: via the director",
            ),
            N3 => (
                "The client is in the subnet of the real servers, which answer it directly",
                "a client of another subnet; ip route get CLIENT, on the real server",
            ),
            N4 => (
                "ICMP redirects teach the real servers a route that bypasses the director",
                "sysctl net.ipv4.conf.all.send_redirects, on the director: 0 for all and the \
                 interface",
            ),
            N8 => (
                "The table of connection tracking is full",
                "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
            ),
            P1 | P2 => (
                "The reverse path filter of the tunnel drops what it decapsulates",
                "nstat -az TcpExtIPReversePathFilter; sysctl net.ipv4.conf.tunl0.rp_filter",
            ),
            P3 | P4 => (
                "The reverse path filter drops requests of clients whose replies leave by another \
                 interface",
                "nstat -az TcpExtIPReversePathFilter; ip route get CLIENT from VIP",
            ),
            _ => ("", ""),
        }
    }
}

/// A counter that increased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Movement {
    /// As in its file, or in `ipvsadm -L --stats`.
    pub(crate) counter: String,
    pub(crate) by: u64,
    pub(crate) meaning: &'static str,
    /// Packets end on this machine.
    pub(crate) ends: bool,
}

/// These counters stand still on a healthy machine, or help whoever searches for a fault.
const MEANINGS: &[(&str, &str)] = &[
    (CONNTRACK_DROPPED, "the table of connection tracking is full: N8"),
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

/// The counters of packets that end on this machine.
const ENDS: [&str; 10] = [
    CONNTRACK_DROPPED,
    "TcpExt IPReversePathFilter",
    "TcpExt ListenOverflows",
    "Ip InAddrErrors",
    "Ip OutNoRoutes",
    "IpExt InNoRoutes",
    "Udp NoPorts",
    "Ip6InNoRoutes",
    "Ip6InAddrErrors",
    "Ip6OutNoRoutes",
];

/// What becomes of a packet that is received, by family: it is delivered, forwarded, or an error.
const RECEIVED: [(AddressFamily, &str, &[&str]); 2] = [
    (
        AddressFamily::Ipv4,
        "Ip InReceives",
        &[
            "Ip InDelivers",
            "Ip ForwDatagrams",
            "Ip InAddrErrors",
            "Ip InHdrErrors",
            "Ip InDiscards",
            "Ip ReasmReqds",
            "IpExt InNoRoutes",
            "TcpExt IPReversePathFilter",
        ],
    ),
    (
        AddressFamily::Ipv6,
        "Ip6InReceives",
        &[
            "Ip6InDelivers",
            "Ip6OutForwDatagrams",
            "Ip6InAddrErrors",
            "Ip6InHdrErrors",
            "Ip6InDiscards",
            "Ip6ReasmReqds",
            "Ip6InNoRoutes",
        ],
    ),
];

/// Packets that were received, and neither delivered nor forwarded nor taken by IPVS.
fn lost(before: &Facts, after: &Facts, family: AddressFamily) -> u64 {
    let Some((_, received, others)) = RECEIVED.iter().find(|(it, ..)| *it == family) else {
        return 0;
    };
    let by = |name: &str| {
        let value = |facts: &Facts| facts.counters.get(name).copied().unwrap_or_default();
        value(after).saturating_sub(value(before))
    };
    let taken = |facts: &Facts| -> u64 {
        let services = facts.services().iter().map(|it| &it.service);
        services
            .filter(|it| it.service.identity.family() == family)
            .map(|it| it.stats.packets_in)
            .sum()
    };
    let by_ipvs = taken(after).saturating_sub(taken(before));
    let known: u64 = others.iter().map(|name| by(name)).sum();
    by(received).saturating_sub(known).saturating_sub(by_ipvs)
}

/// The counters that increased between two readings, the most important first.
pub(crate) fn moved(before: &Facts, after: &Facts) -> Vec<Movement> {
    let mut movements = Vec::new();
    let mut add = |counter: String, from: u64, to: u64, meaning| {
        if to > from {
            let ends = ENDS.contains(&&*counter);
            movements.push(Movement { counter, by: to - from, meaning, ends });
        }
    };
    for (name, meaning) in MEANINGS {
        let value = |facts: &Facts| facts.counters.get(*name).copied();
        if let (Some(from), Some(to)) = (value(before), value(after)) {
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
    for state in after.services() {
        let mut services = before.services().iter();
        let Some(earlier) = services.find(|it| it.identity() == state.identity()) else { continue };
        let (from, to) = (earlier.service.stats.packets_in, state.service.stats.packets_in);
        let counter = format!("InPkts of {}", state.name());
        add(counter, from, to, "packets of clients reach IPVS");
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
    let meaning = "received, and neither delivered, forwarded nor taken by IPVS: a packet filter drops \
                   them, F1 (lvsctl trace)";
    for (family, counter) in
        [(AddressFamily::Ipv4, "IPv4 lost"), (AddressFamily::Ipv6, "IPv6 lost")]
    {
        let by = lost(before, after, family);
        if by > 0 {
            movements.push(Movement { counter: counter.to_owned(), by, meaning, ends: true });
        }
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
    fn three_likeliest_causes_of_each_symptom_have_words() {
        for symptom in Symptom::ALL {
            for causes in symptom.by_mode() {
                let worded = causes.iter().filter(|it| !it.words().0.is_empty()).count();
                assert!(worded >= causes.len().min(3), "{symptom:?} {causes:?}");
            }
        }
    }

    #[test]
    fn causes_of_mode_in_use_come_first() {
        let served = Served::new([192, 0, 2, 1].into(), Forwarding::Tunnel, false);
        let expectation = Expectation { served: vec![served], ..Expectation::default() };
        let causes = Symptom::NoSynAck.causes(&expectation, &Facts::default());
        assert_eq!(causes[..5], [P1, A1, F1, P2, A11].map(of));
    }
}
