//! A ruleset as Linux 6.18 lists it: three tables of nft 1.0.6, and two of iptables-nft.
//!
//! ```text
//! table inet filter {
//!     set clients { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.10.0/25 } }
//!     set closed { type ipv4_addr . inet_service; flags interval
//!         elements = { 192.0.2.0/28 . 90-99, 10.0.0.1 . 1 } }
//!     chain web { ip saddr @clients counter accept; return }
//!     chain input {
//!         type filter hook input priority 0; policy drop
//!         iif "lo" accept
//!         ct state vmap { established : accept, related : accept, invalid : drop }
//!         ip daddr . tcp dport @closed reject
//!         tcp dport vmap { 22 : accept, 80 : jump web, 8000-8010 : drop }
//!         udp dport 53 limit rate over 5/second drop
//!         meta mark & 0xff00 == 0x1200 accept
//!         tcp flags & (fin|syn|rst|ack) == syn tcp dport 443 iifname "eth*" accept
//!     }
//!     chain prerouting {
//!         type filter hook prerouting priority mangle
//!         tcp dport 81 meta mark set meta mark or 0x1200
//!         tcp dport 82 meta mark set 0x1234 accept
//!     }
//! }
//! table ip nat {
//!     chain prerouting {
//!         type nat hook prerouting priority dstnat
//!         ip daddr 192.0.2.10 tcp dport 8080 dnat to 192.0.2.2:80
//!         dnat to tcp dport map { 83 : 192.0.2.3, 84 : 192.0.2.4 }
//!         tcp dport 85 redirect to :8085
//!     }
//! }
//! table netdev early {
//!     chain in { type filter hook ingress device "lo" priority -500; ip saddr 192.0.2.66 drop }
//! }
//! ```
//!
//! `iptables -A INPUT -p tcp -m multiport --dports 90,91 -m conntrack --ctstate NEW -j DROP`,
//! `iptables -t mangle -A PREROUTING -p tcp --dport 92 -j MARK --set-mark 7`.

use super::super::{ConnectionState, Filters, Hook, Outcome, Packet, Peer, Table, traverse};
use super::{Interface, Ruleset, tables};
use crate::host::{Prefix, hexadecimal};

fn recorded() -> Ruleset {
    let mut ruleset = Ruleset::default();
    for line in include_str!("recorded.txt").lines() {
        let (kind, digits) = line.split_once(' ').unwrap();
        let list = match kind {
            "table" => &mut ruleset.tables,
            "chain" => &mut ruleset.chains,
            "rule" => &mut ruleset.rules,
            "set" => &mut ruleset.sets,
            _ => &mut ruleset.elements,
        };
        list.push(hexadecimal::bytes(digits).unwrap());
    }
    ruleset
}

fn interfaces() -> [Interface; 1] {
    [Interface { index: 1, name: "lo".to_owned(), is_bridge: false }]
}

fn whole() -> Vec<Table> {
    tables(&recorded(), &interfaces())
}

fn packet(protocol: u8, source: &str, destination: &str, port: u16) -> Packet {
    let host = |text: &str| Peer::Host(text.parse().unwrap());
    Packet {
        destination_port: Some(port),
        flags: if protocol == 6 { 2 } else { 0 },
        input: Some("eth7".to_owned()),
        ..Packet::new(protocol, host(source), host(destination))
    }
}

fn tcp(source: &str, port: u16) -> Packet {
    packet(6, source, "192.0.2.200", port)
}

/// What becomes of a packet in words.
fn judged(tables: &[Table], hook: Hook, packet: &mut Packet) -> String {
    match traverse(tables, hook, i32::MAX, packet) {
        Outcome::Passes => "passes".to_owned(),
        Outcome::Stops { at, reject: true } => format!("rejects: {at}"),
        Outcome::Stops { at, .. } => format!("drops: {at}"),
        Outcome::StopsSome { at } => format!("drops some: {at}"),
        Outcome::Unknown(at) => format!("unknown: {at}"),
    }
}

fn input(mut packet: Packet) -> String {
    judged(&whole(), Hook::Input, &mut packet).replace("nft table inet filter chain ", "")
}

#[test]
fn sets_maps_and_policies_of_a_recorded_ruleset_are_followed() {
    assert_eq!(input(tcp("192.168.10.5", 80)), "passes");
    assert_eq!(input(tcp("10.9.8.7", 80)), "passes");
    assert_eq!(input(tcp("192.168.10.200", 80)), "drops: input policy");
    assert_eq!(input(tcp("192.168.10.5", 22)), "passes");
    assert_eq!(input(tcp("192.168.10.5", 8005)), "drops: input handle 13");
    assert_eq!(input(tcp("192.168.10.5", 8011)), "drops: input policy");
    assert_eq!(input(packet(6, "10.0.0.2", "192.0.2.5", 95)), "rejects: input handle 11");
    assert_eq!(input(packet(6, "10.0.0.2", "192.0.2.16", 95)), "drops: input policy");
    assert_eq!(input(packet(17, "10.0.0.2", "192.0.2.5", 53)), "drops: input handle 14");
    let anyone = Peer::Anyone(Prefix { address: "0.0.0.0".parse().unwrap(), length: 0 });
    let some = input(Packet { source: anyone, ..tcp("10.0.0.2", 80) });
    assert_eq!(some, "drops some: input policy");
}

#[test]
fn states_marks_flags_and_interfaces_of_a_recorded_ruleset_are_followed() {
    let https = tcp("192.168.10.5", 443);
    assert_eq!(input(https.clone()), "passes");
    let from = |name: &str| Packet { input: Some(name.to_owned()), ..https.clone() };
    assert_eq!(input(from("wlan0")), "drops: input policy");
    assert_eq!(input(from("lo")), "passes");
    assert_eq!(input(Packet { flags: 0x12, ..https.clone() }), "drops: input policy");
    let state = |state| Packet { state, ..tcp("192.168.10.5", 1) };
    assert_eq!(input(state(ConnectionState::Established)), "passes");
    assert_eq!(input(state(ConnectionState::Invalid)), "drops: input handle 10");
    let marked = |mark| Packet { mark, ..tcp("192.168.10.5", 1) };
    assert_eq!(input(marked(Some(0x1201))), "passes");
    assert_eq!(input(marked(Some(0x1301))), "drops: input policy");
    assert_eq!(input(marked(None)), "unknown: input handle 15 (match mark)");
}

#[test]
fn marks_translations_and_ingress_of_a_recorded_ruleset_are_followed() {
    let walked = |mut packet: Packet| {
        let found = judged(&whole(), Hook::Prerouting, &mut packet);
        (found, packet)
    };
    let mark = |port| walked(Packet { mark: Some(1), ..tcp("10.0.0.2", port) }).1.mark;
    assert_eq!((mark(81), mark(82), mark(92)), (Some(0x1201), Some(0x1234), Some(7)));
    let to = |destination, port| {
        let (_, packet) = walked(packet(6, "10.0.0.2", destination, port));
        (packet.destination, packet.destination_port, packet.redirected)
    };
    let host = |text: &str| Peer::Host(text.parse().unwrap());
    assert_eq!(to("192.0.2.10", 8080), (host("192.0.2.2"), Some(80), false));
    assert_eq!(to("192.0.2.10", 84), (host("192.0.2.4"), Some(84), false));
    assert_eq!(to("192.0.2.10", 85), (host("192.0.2.10"), Some(8085), true));
    assert_eq!(to("192.0.2.10", 86), (host("192.0.2.10"), Some(86), false));
    let early =
        |device: &str| walked(Packet { input: Some(device.to_owned()), ..tcp("192.0.2.66", 86) }).0;
    assert_eq!(early("lo"), "drops: nft table netdev early chain in handle 2");
    assert_eq!(early("eth0"), "passes");
}

#[test]
fn matches_of_iptables_nft_are_those_of_legacy_rules() {
    let mut own = whole();
    own.retain(|table| table.nft == Some(super::Nft::Ip) && table.name == "filter");
    let mut new = tcp("10.0.0.2", 91);
    let found = judged(&own, Hook::Input, &mut new);
    assert!(found.starts_with("drops: nft table ip filter chain INPUT handle "), "{found}");
    let mut known = Packet { state: ConnectionState::Established, ..new };
    assert_eq!(judged(&own, Hook::Input, &mut known), "passes");
    assert_eq!(judged(&own, Hook::Input, &mut tcp("10.0.0.2", 92)), "passes");
}

#[test]
fn rules_survive_a_snapshot() {
    let filters = Filters { tables: whole(), suffix: false };
    let text = serde_json::to_string(&filters).unwrap();
    assert_eq!(serde_json::from_str::<Filters>(&text).unwrap(), filters);
}

#[test]
fn damaged_messages_do_no_harm() {
    // A generator of its own, so that a failure can be repeated.
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..300 {
        let mut ruleset = recorded();
        for list in [
            &mut ruleset.tables,
            &mut ruleset.chains,
            &mut ruleset.rules,
            &mut ruleset.sets,
            &mut ruleset.elements,
        ] {
            let at = random(list.len());
            let message = &mut list[at];
            for _ in 0..random(4) {
                let place = random(message.len());
                message[place] = [0, 1, 4, 0x7f, 0x80, 0xff, random(256) as u8][random(7)];
            }
            if random(8) == 0 {
                message.truncate(random(message.len() + 1));
            }
        }
        let tables = tables(&ruleset, &interfaces());
        for hook in Hook::ALL {
            for mut packet in [tcp("10.0.0.2", 80), packet(17, "2001:db8::1", "2001:db8::2", 53)] {
                packet.source_port = None;
                traverse(&tables, hook, i32::MAX, &mut packet);
            }
        }
    }
}
