//! What moved between two looks at one machine, and what that means.

use super::Facts;
use super::case::named;
use lvs::ipvs::{DestinationEntry, ServiceIdentity};

/// A counter that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Its name, as its file or `ipvsadm -L --stats` has it.
    pub counter: String,
    /// By how much.
    pub by: u64,
    /// What it means.
    pub meaning: &'static str,
}

/// Counters of a healthy machine stand still, or mean something to whoever looks for a fault.
const MEANINGS: &[(&str, &str)] = &[
    ("TcpExt IPReversePathFilter", "the reverse path filter drops packets: P1, P3, P4"),
    ("TcpExt ListenOverflows", "a program here accepts its connections too slowly"),
    ("TcpExt ListenDrops", "a program here accepts its connections too slowly"),
    ("Ip InAddrErrors", "packets for others come in, and are not passed on: N1, A1"),
    ("Ip OutNoRoutes", "packets have no route to go by"),
    ("Ip FragFails", "packets are too large for their way, and may not be split: M2"),
    ("Ip ReasmFails", "fragments are lost"),
    ("IpExt InNoRoutes", "packets come in that no route leads on"),
    ("Icmp InRedirects", "a router tells of a way past the director: N4"),
    ("Icmp OutRedirects", "this machine tells of a way past itself: N4"),
    ("Icmp InDestUnreachs", "somebody refuses what this machine sends"),
    ("Icmp OutDestUnreachs", "this machine refuses packets: nobody listens, or no real server"),
    ("Tcp AttemptFails", "connections to or from this machine do not come about"),
    ("Tcp OutRsts", "this machine resets connections: nobody listens (A11)"),
    ("Udp NoPorts", "datagrams come for a port that nobody listens on: A11"),
    ("Udp RcvbufErrors", "a program here reads its datagrams too slowly"),
    ("Ip6InNoRoutes", "packets come in that no route leads on"),
    ("Ip6InAddrErrors", "packets for others come in, and are not passed on: V5, A1"),
    ("Ip6OutNoRoutes", "packets have no route to go by"),
    ("Ip6InTooBigErrors", "packets are too large for their way"),
    ("Icmp6OutRedirects", "this machine tells of a way past itself"),
    ("Icmp6InRedirects", "a router tells of a way past the director"),
    ("Udp6NoPorts", "datagrams come for a port that nobody listens on: A11"),
];

/// What moved, in the order of importance.
#[must_use]
pub fn moved(before: &Facts, after: &Facts) -> Vec<Movement> {
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
        add(format!("{} RX dropped", link.name), from, to, "the interface throws packets away");
        let (from, to) = (earlier.transmit_dropped, link.transmit_dropped);
        add(format!("{} TX dropped", link.name), from, to, "the interface cannot send fast enough");
    }
    for (identity, entry) in destinations(after) {
        let destination = &entry.destination;
        let same = |other: &DestinationEntry| {
            other.destination.address == destination.address
                && other.destination.port == destination.port
        };
        let earlier = destinations(before).find(|(other, it)| *other == identity && same(it));
        let Some((_, earlier)) = earlier else {
            continue;
        };
        let socket = std::net::SocketAddr::new(destination.address, destination.port);
        let name = |what| format!("{what} of {socket} for {}", named(identity));
        let waiting = |facts| half_open(facts, socket);
        let known = u64::from(entry.active_connections) + u64::from(entry.inactive_connections);
        if known <= waiting(after) {
            add(name("SYN_RECV"), waiting(before), waiting(after), NOT_ESTABLISHED);
        }
        let (from, to) = (earlier.stats.connections, entry.stats.connections);
        add(name("Conns"), from, to, "the director hands clients to it");
    }
    movements
}

const NOT_ESTABLISHED: &str = "clients get there, and no connection comes about: H18";

fn half_open(facts: &Facts, destination: std::net::SocketAddr) -> u64 {
    let all = facts.table.iter().flat_map(|table| &table.half_open);
    all.filter(|connection| connection.destination == destination).count() as u64
}

fn destinations(facts: &Facts) -> impl Iterator<Item = (ServiceIdentity, &DestinationEntry)> {
    let services = facts.table.iter().flat_map(|table| &table.services);
    services.flat_map(|entry| {
        let identity = entry.service.service.identity;
        entry.destinations.iter().map(move |destination| (identity, destination))
    })
}
