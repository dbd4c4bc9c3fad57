//! A packet from the interface to its delivery on this machine: link, filters, reverse path filter,
//! route, connection tracking.

use std::net::IpAddr;

use super::filter::{self, ConnectionState, Hook, Outcome, Packet, Peer, Place};
use super::machine::{Client, Machine, unspecified};
use super::reverse_path::{self, Dropped};
use super::route::{Answer, Query};
use super::{Check, Fault, Severity, Stage, Step, Walk};
use crate::host::{Effective, InterfaceName, Key, Neighbour, NeighbourState, Sysctl};
use crate::policy::loose_filter;
use lvs::ipvs::Protocol;

/// All packets of a hook.
pub(crate) const WHOLE: i32 = i32::MAX;

/// IPVS takes packets in INPUT before this priority (`ip_vs_ops4` of the kernel).
pub(crate) const IPVS: i32 = 99;

/// The flags of TCP.
pub(crate) const SYN: u8 = 2;
pub(crate) const SYN_ACK: u8 = 0x12;

/// What is expected of an arriving packet.
pub(crate) struct Expected<'a> {
    /// Packets of the hook INPUT are seen up to this priority.
    pub(crate) below: i32,
    /// The check for the reverse path filter.
    pub(crate) reverse_path: Check,
    /// The check and the fault of an address that is not local.
    pub(crate) not_local: (Check, &'a dyn Fn() -> Fault),
}

pub(crate) fn number(protocol: Protocol) -> u8 {
    protocol.0 as u8
}

/// The request of a client.
pub(crate) fn request(
    client: &Client,
    destination: IpAddr,
    protocol: Protocol,
    port: Option<u16>,
) -> Packet {
    Packet {
        destination_port: port,
        flags: if protocol == Protocol::TCP { SYN } else { 0 },
        later: Some(ConnectionState::Established),
        input: Some(client.input.to_string()),
        local: true,
        ..Packet::new(number(protocol), client.peer, Peer::Host(destination))
    }
}

/// Follows a packet to its local delivery; whether it goes on.
pub(crate) fn arrive(
    machine: &Machine<'_>,
    walk: &mut Walk,
    packet: &mut Packet,
    client: &Client,
    expected: Expected<'_>,
) -> bool {
    let input = &client.input;
    if let Some(link) = machine.link(input) {
        if let Some(fault) = machine.dead_link(input) {
            walk.stops(Stage::Link, Check::L1, fault);
            return false;
        }
        walk.passes(Stage::Link, format!("{input} is up, {}", link.kind));
    }
    let Peer::Host(sent_to) = packet.destination else { return true };
    if !filtered(machine, walk, Hook::Prerouting, WHOLE, packet) {
        return false;
    }
    let Peer::Host(destination) = packet.destination else { return true };
    if destination != sent_to {
        let title = format!("a rule sends packets for {sent_to} to {destination}");
        walk.unknown(Stage::Translation, title, "iptables -t nat -L PREROUTING -vn");
        return false;
    }
    let mark = packet.mark.unwrap_or(0);
    let mut dropped = reverse_path::check(machine, input, client.address, destination, mark);
    if let Err(Dropped::NoAddress { effective }) = &dropped {
        // The repair of a missing address adds it there.
        if adds_address(&(expected.not_local.1)(), input) && !machine.is_own(destination) {
            dropped = match effective.value() {
                1 => Err(Dropped::Elsewhere { effective: effective.clone(), by: None }),
                _ => Ok(()),
            };
        }
    }
    if let Err(Dropped::Captured(route)) = dropped {
        let fault = machine.captured(client.address, destination, route);
        walk.stops(Stage::ReversePath, Check::A2, fault);
    } else if let Err(dropped) = dropped {
        if let Some(fault) =
            reverse_path_fault(machine, input, client, dropped, expected.reverse_path)
        {
            let check = expected.reverse_path;
            // There may be no such clients, and no packet of theirs was dropped so far. Those of a
            // director may also arrive where its default route leads.
            let possible = !client.sure && !machine.has_dropped;
            match check {
                Check::P4 if possible => {
                    let seen = format!("{}; it has dropped no packet so far", fault.found);
                    walk.passes(Stage::ReversePath, seen);
                }
                Check::P3 if possible => {
                    walk.stops_as(Stage::ReversePath, check, Severity::Warning, fault);
                }
                check => walk.stops_as(Stage::ReversePath, check, client.severity(), fault),
            }
        }
    } else if let Some(effective) = machine.effective("rp_filter", input) {
        walk.passes(Stage::ReversePath, effective.to_string());
    }
    let query = Query {
        source: Some(client.address),
        input: input.as_str(),
        mark,
        protocol: packet.protocol,
        destination_port: packet.destination_port,
        ..Query::to(destination)
    };
    match machine.look_up(&query) {
        _ if packet.redirected => walk.passes(Stage::LocalDelivery, "by a REDIRECT rule"),
        Answer::Local(_) => walk.passes(Stage::LocalDelivery, format!("{destination} is local")),
        Answer::Unknown(why) => {
            let ask = format!("ip route get {destination} from {} iif {input:#}", client.address);
            walk.unknown(Stage::LocalDelivery, why, ask);
        }
        _ => {
            let (check, fault) = expected.not_local;
            walk.stops(Stage::LocalDelivery, check, fault());
        }
    }
    conntrack(machine, walk, packet);
    filtered(machine, walk, Hook::Input, expected.below, packet)
}

/// Whether a repair adds an address to an interface.
fn adds_address(fault: &Fault, device: &InterfaceName) -> bool {
    fault.repair.iter().any(|step| match step {
        Step::Host(change) => {
            matches!(&change.key, Key::Address { device: to, .. } if to == device)
        }
        Step::Table(_) | Step::Shell { .. } => false,
    })
}

fn reverse_path_fault(
    machine: &Machine<'_>,
    input: &InterfaceName,
    client: &Client,
    dropped: Dropped<'_>,
    check: Check,
) -> Option<Fault> {
    let from = client.name();
    let tunnel = matches!(check, Check::P1 | Check::P2);
    let (title, expected, repair, effective) = match dropped {
        Dropped::OwnSource | Dropped::Captured(_) => return None,
        Dropped::NoAddress { effective } => (
            format!(
                "{input} drops requests of {from}: it has no address, and accepts packets with a \
                 filter of 0 alone"
            ),
            "0",
            without_filter(machine, input, &effective),
            effective,
        ),
        Dropped::Elsewhere { effective, by: None } if !tunnel => (
            format!("{input} drops requests of {from}: there is no route to them"),
            "a route to the clients",
            Vec::new(),
            effective,
        ),
        Dropped::Elsewhere { effective, .. } => {
            let (value, _) = loose_filter(effective.all, if tunnel { "0" } else { "2" });
            let title = match tunnel {
                true => format!(
                    "{input} drops decapsulated packets: they come from clients that are reached \
                     by another interface"
                ),
                false => {
                    format!("{input} drops requests of {from}: replies do not leave by it")
                }
            };
            let step = machine.set(Sysctl::of_interface(input, "rp_filter"), value);
            (title, "0 or 2", vec![step], effective)
        }
    };
    let (found, expected) = (effective.to_string(), expected.to_owned());
    Some(Fault { title, found, expected, repair })
}

/// The steps that turn the filter of an interface off. The others keep what they have.
fn without_filter(
    machine: &Machine<'_>,
    input: &InterfaceName,
    effective: &Effective,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if effective.all != 0 {
        steps.push(machine.set(Sysctl::of_all_interfaces("rp_filter"), 0));
        for link in machine.network.links.iter().filter(|link| link.name != *input) {
            let own = Sysctl::of_interface(&link.name, "rp_filter");
            if machine.number(&own).is_some_and(|value| value < effective.all) {
                steps.push(machine.set(own, effective.all));
            }
        }
    }
    if effective.own != 0 {
        steps.push(machine.set(Sysctl::of_interface(input, "rp_filter"), 0));
    }
    steps
}

/// Whether there is room for another connection.
pub(crate) fn conntrack(machine: &Machine<'_>, walk: &mut Walk, packet: &Packet) {
    let number = |name| machine.number(&Sysctl::of_conntrack(name));
    let (Some(count), Some(max)) = (number("count"), number("max")) else { return };
    // In a full table, connections without replies make room for others.
    let is_full = max != 0 && count >= max && machine.untracked_drops != Some(0);
    if packet.state == ConnectionState::Untracked || !is_full {
        walk.passes(Stage::Conntrack, format!("{count} of {max} connections"));
        return;
    }
    let sysctl = Sysctl::of_conntrack("max");
    let to = max.saturating_mul(2).max(65536);
    walk.stops(
        Stage::Conntrack,
        Check::N8,
        Fault {
            title:
                "the table of connection tracking is full: packets of new connections are dropped"
                    .to_owned(),
            found: format!(
                "{count} connections, at most {max} (nf_conntrack_count, nf_conntrack_max)"
            ),
            expected: "room for new connections, or rules that do not track them (NOTRACK)"
                .to_owned(),
            repair: vec![machine.set(sysctl, to)],
        },
    );
}

/// Walks a packet through the filters of a hook; whether it goes on.
pub(crate) fn filtered(
    machine: &Machine<'_>,
    walk: &mut Walk,
    hook: Hook,
    below: i32,
    packet: &mut Packet,
) -> bool {
    let Some(filters) = machine.filters else { return true };
    let stage = Stage::Filter(hook);
    let suffix = if filters.suffix { "-legacy" } else { "" };
    let following = packet.following();
    let mut outcome = filter::traverse(&filters.tables, hook, below, packet);
    if let (Outcome::Passes, Some(mut following)) = (&outcome, following) {
        outcome = filter::traverse(&filters.tables, hook, below, &mut following);
    }
    match outcome {
        Outcome::Passes => {
            walk.passes(stage, "no rule stops it");
            true
        }
        Outcome::Stops { at, reject } => {
            walk.stops(stage, Check::F1, filter_fault(hook, packet, &at, suffix, reject, false));
            false
        }
        Outcome::StopsSome { at } => {
            let fault = filter_fault(hook, packet, &at, suffix, false, true);
            walk.stops_as(stage, Check::F1, Severity::Warning, fault);
            true
        }
        Outcome::Unknown(at) => {
            let why = format!("{at} is not understood and could match");
            walk.unknown(stage, why, at.listing(suffix));
            true
        }
    }
}

fn filter_fault(
    hook: Hook,
    packet: &Packet,
    at: &Place,
    suffix: &str,
    reject: bool,
    some: bool,
) -> Fault {
    let verb = if reject { "refuses" } else { "drops" };
    let whose = if some { " of some clients" } else { "" };
    let what = specification(packet);
    let (accept, revert) = at.accepting(hook, suffix, packet, &what);
    Fault {
        title: format!("a packet filter {verb} packets{whose} in {}: {what}", hook.name()),
        found: at.to_string(),
        expected: "a rule that accepts them".to_owned(),
        // A rule for some clients may be meant.
        repair: if some { Vec::new() } else { vec![Step::shell(accept, revert)] },
    }
}

/// A packet in the words of iptables.
fn specification(packet: &Packet) -> String {
    let mut words = Vec::new();
    let protocol = Protocol(u16::from(packet.protocol));
    words.push(match protocol.name() {
        Some(name) => format!("-p {name}"),
        None => format!("-p {}", packet.protocol),
    });
    for (option, peer) in [("-s", packet.source), ("-d", packet.destination)] {
        if let Peer::Host(address) = peer {
            words.push(format!("{option} {address}"));
        }
    }
    for (option, port) in [("--sport", packet.source_port), ("--dport", packet.destination_port)] {
        words.extend(port.filter(|port| *port != 0).map(|port| format!("{option} {port}")));
    }
    words.join(" ")
}

/// Follows a packet of this machine out; whether it goes on. `what` is lost if it does not.
pub(crate) fn leave(
    machine: &Machine<'_>,
    walk: &mut Walk,
    packet: &mut Packet,
    device: &InterfaceName,
    next: IpAddr,
) -> bool {
    packet.input = None;
    packet.output = Some(device.to_string());
    if let Some(fault) = machine.dead_link(device) {
        walk.stops(Stage::Link, Check::L1, fault);
        return false;
    }
    for hook in [Hook::Output, Hook::Postrouting] {
        if !filtered(machine, walk, hook, WHOLE, packet) {
            return false;
        }
    }
    clients_are_resolved(machine, walk, device, packet.destination);
    resolved(machine, walk, device, next)
}

/// Entries of the administrator for clients on the network of an interface.
pub(crate) fn clients_are_resolved(
    machine: &Machine<'_>,
    walk: &mut Walk,
    device: &InterfaceName,
    clients: Peer,
) {
    let Peer::Anyone(network) = clients else { return };
    let here = |it: &&Neighbour| {
        it.interface == *device && network.length > 0 && network.contains(it.address)
    };
    let entries = machine.network.neighbours.iter().filter(here);
    entries.filter(|it| is_entered(it)).for_each(|it| entered(walk, it));
}

/// An entry that the kernel neither checks nor replaces.
fn is_entered(neighbour: &Neighbour) -> bool {
    let is_fixed = matches!(neighbour.state, NeighbourState::Permanent | NeighbourState::NoArp);
    is_fixed && neighbour.hardware.is_some() && !neighbour.proxy
}

fn entered(walk: &mut Walk, neighbour: &Neighbour) {
    let (address, device) = (neighbour.address, &neighbour.interface.name);
    let hardware = neighbour.hardware.as_deref().unwrap_or_default();
    walk.unknown(
        Stage::Neighbour,
        format!("{address} is {hardware} on {device} by a fixed entry, which may be wrong"),
        format!("arping -I {device:#} -c 1 {address}"),
    );
}

/// Whether the next hop has answered.
pub(crate) fn resolved(
    machine: &Machine<'_>,
    walk: &mut Walk,
    device: &InterfaceName,
    next: IpAddr,
) -> bool {
    if !machine.link(device).is_some_and(|link| link.arp) || next == unspecified(next.is_ipv4()) {
        return true;
    }
    match machine.neighbour(next, device) {
        Some(neighbour)
            if matches!(neighbour.state, NeighbourState::Failed | NeighbourState::Incomplete) =>
        {
            let protocol = if next.is_ipv4() { "ARP" } else { "neighbour solicitations" };
            walk.stops(
                Stage::Neighbour,
                Check::L4,
                Fault {
                    title: format!(
                        "{next} does not answer {protocol} on {device}: it is down, or in \
                                another network"
                    ),
                    found: format!("ip neigh show {next} dev {device}: FAILED"),
                    expected: "a machine that answers".to_owned(),
                    repair: Vec::new(),
                },
            );
            false
        }
        Some(neighbour) if is_entered(neighbour) => {
            entered(walk, neighbour);
            true
        }
        Some(neighbour) => {
            let hardware = neighbour.hardware.as_deref().unwrap_or("known");
            walk.passes(Stage::Neighbour, format!("{next} is {hardware}"));
            true
        }
        None => {
            walk.passes(Stage::Neighbour, format!("{next} is resolved when it is needed"));
            true
        }
    }
}

/// Replies have no route to a client.
pub(super) fn no_way_back(machine: &Machine<'_>, local: IpAddr, client: &Client) -> Fault {
    let query = Query { source: Some(local), ..Query::to(client.address) };
    let found = match machine.look_up(&query) {
        Answer::Refused(how) => how,
        _ => "no route",
    };
    Fault {
        title: format!("replies of {local} have no route to {}", client.name()),
        found: format!("{found} (ip route get {} from {local})", client.address),
        expected: "a route to the clients".to_owned(),
        repair: Vec::new(),
    }
}
