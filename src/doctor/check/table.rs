//! Services and destinations that cannot do what they were made for.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, named};
use crate::doctor::facts::Destinations;
use crate::ipvs::{DaemonState, Destination, DestinationEntry, Forwarding, Protocol};
use crate::ipvs::{ServiceFlags, ServiceIdentity};
use crate::node::Sysctl;
use crate::plan::Change;
use crate::table;

fn kept_port(destination: &Destination) -> bool {
    matches!(destination.forwarding, Forwarding::Tunnel | Forwarding::DirectRouting)
}

pub(super) fn port_is_the_service_s(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (identity, entry) in case.destinations() {
        let (destination, port) = (&entry.destination, identity.port());
        if port == 0 || destination.port == port || !kept_port(destination) {
            continue;
        }
        let mut right = destination.clone();
        right.port = port;
        let there = case.destinations().any(|(other, entry)| {
            other == identity
                && entry.destination.address == right.address
                && entry.destination.port == port
        });
        let mut repair = Vec::new();
        if !there {
            repair.push(Step::Table(Change {
                key: table::Key::of(identity, &right),
                from: None,
                to: Some(table::Value::Destination(right)),
            }));
        }
        // `ipvsadm` gives such a destination the service's port, so that it cannot be made again.
        let remove = Change {
            key: table::Key::of(identity, destination),
            from: Some(table::Value::Destination(destination.clone())),
            to: None,
        };
        repair.push(Step::Shell { fix: table::command(&remove), undo: None });
        faults.push(Fault {
            title: format!(
                "the port of {} is not heeded: tunnelling and direct routing leave the port as it \
                 is",
                std::net::SocketAddr::new(destination.address, destination.port)
            ),
            found: format!("port {} for {}", destination.port, named(identity)),
            expected: format!("port {port}, or NAT"),
            repair,
        });
    }
    faults
}

/// The director would answer by itself, and nobody listens.
pub(super) fn destination_is_another_machine(case: &Case<'_>) -> Vec<Fault> {
    let Some(listeners) = case.listeners() else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for (identity, entry) in case.destinations() {
        let ServiceIdentity::Address { protocol, address: vip, port } = identity else {
            continue;
        };
        let destination = &entry.destination;
        if !case.is_own(destination.address)
            || destination.weight == 0
            || !matches!(protocol, Protocol::TCP | Protocol::UDP)
        {
            continue;
        }
        // The packet stays as it is, unless NAT gives it the destination's address and port.
        let (address, port) = match destination.forwarding {
            Forwarding::Masquerade => (destination.address, destination.port),
            _ => (vip, port),
        };
        let heard = listeners.iter().any(|listener| {
            listener.protocol == protocol && listener.port == port && listener.hears(address)
        });
        if heard || port == 0 {
            continue;
        }
        let socket = std::net::SocketAddr::new(address, port);
        faults.push(Fault {
            title: format!(
                "{} of {} is this machine itself, and no program listens to {socket}: its clients \
                 are refused",
                destination.address,
                named(identity)
            ),
            found: format!("{} among this machine's own addresses", destination.address),
            expected: format!("the address of another machine, or a program on {socket}"),
            repair: vec![Step::Table(Change {
                key: table::Key::of(identity, destination),
                from: Some(table::Value::Destination(destination.clone())),
                to: None,
            })],
        });
    }
    faults
}

/// A cluster manager keeps services that nobody serves, and refuses their clients itself.
pub(super) fn somebody_gets_connections(case: &Case<'_>) -> Vec<Fault> {
    if case.facts.controllers.iter().any(|name| name.starts_with("kube-")) {
        return Vec::new();
    }
    let idle = case.services().iter().filter(|entry| {
        entry.destinations.iter().all(|destination| destination.destination.weight == 0)
    });
    let fault = |entry: &Destinations| {
        let identity = entry.service.service.identity;
        Fault {
            title: format!("{} refuses every client: no real server may get any", named(identity)),
            found: match entry.destinations.len() {
                0 => "no destination".to_owned(),
                1 => "one destination, of weight 0".to_owned(),
                count => format!("{count} destinations, each of weight 0"),
            },
            expected: "a destination of a weight above 0".to_owned(),
            repair: case.wanted_of(identity),
        }
    };
    idle.map(fault).collect()
}

/// The kernel lets go of a full server at three quarters where no lower threshold is set
/// (`ip_vs_dest_update_overload`).
fn is_full(entry: &DestinationEntry) -> bool {
    let upper = u64::from(entry.destination.upper_threshold);
    let connections = u64::from(entry.active_connections) + u64::from(entry.inactive_connections);
    upper != 0 && connections >= upper
}

pub(super) fn not_all_are_full(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for entry in case.services() {
        let mut working = entry.destinations.iter().filter(|it| it.destination.weight > 0);
        let count = working.clone().count();
        if count == 0 || !working.all(is_full) {
            continue;
        }
        let identity = entry.service.service.identity;
        faults.push(Fault {
            title: format!(
                "{} refuses new clients: every real server has as many connections as it may",
                named(identity)
            ),
            found: format!("{count} destinations at or above their upper threshold"),
            expected: "room on one of them: a higher threshold, or another real server".to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}

/// `sh` keeps a place for a server of weight 0, and refuses whom it would send there unless it may
/// fall back (`IP_VS_SVC_F_SCHED_SH_FALLBACK`, flag-1). `mh` does so for one whose weight was above
/// 0 once, which cannot be told from outside.
pub(super) fn hash_has_a_fallback(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for entry in case.services() {
        let service = &entry.service.service;
        let drained: Vec<_> =
            entry.destinations.iter().filter(|it| it.destination.weight == 0).collect();
        if service.scheduler != "sh"
            || service.flags.contains(ServiceFlags::SCHEDULER_1)
            || drained.is_empty()
            || drained.len() == entry.destinations.len()
        {
            continue;
        }
        let mut found = service.clone();
        found.flags = found.flags.without(ServiceFlags::HASHED);
        let mut wanted = found.clone();
        wanted.flags = wanted.flags.union(ServiceFlags::SCHEDULER_1);
        faults.push(Fault {
            title: format!(
                "{} refuses the clients that its hash sends to a drained real server",
                named(service.identity)
            ),
            found: format!("scheduler sh without sh-fallback, {} of weight 0", drained.len()),
            expected: "sh-fallback, which sends them to another one".to_owned(),
            repair: vec![Step::Table(Change {
                key: table::Key::Service(service.identity),
                from: Some(table::Value::Service(found)),
                to: Some(table::Value::Service(wanted)),
            })],
        });
    }
    faults
}

/// A standby that is a real server too hands on what the active director handed to it.
pub(super) fn no_loop_between_directors(case: &Case<'_>) -> Vec<Fault> {
    let backup_only = Sysctl::of_ipvs("backup_only");
    let daemons = case.facts.table.as_ref().map(|table| &table.daemons);
    let has = |state| daemons.is_some_and(|daemons| daemons.iter().any(|it| it.state == state));
    if case.number(&backup_only) != Some(0) || !has(DaemonState::Backup) || has(DaemonState::Master)
    {
        return Vec::new();
    }
    let looping = case.services().iter().find(|entry| {
        let kept = |it: &&DestinationEntry| kept_port(&it.destination) && it.destination.weight > 0;
        let mut others = entry.destinations.iter().filter(kept);
        let here = |it: &DestinationEntry| case.is_own(it.destination.address);
        entry.destinations.iter().any(here) && others.any(|it| !here(it))
    });
    let Some(entry) = looping else {
        return Vec::new();
    };
    vec![Fault {
        title: format!(
            "this standby director is also a real server of {}, and hands on what it is to answer: \
             packets go round between the directors",
            named(entry.service.service.identity)
        ),
        found: format!("{backup_only} is 0, with a backup daemon"),
        expected: "1: no scheduling while this is the backup".to_owned(),
        repair: vec![case.set(backup_only, 1)],
    }]
}

/// So many, and none established, are no accident.
const SUSPICIOUS: usize = 3;

pub(super) fn connections_are_established(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let half_open = case.facts.table.as_ref().map_or(&[][..], |table| &table.half_open);
    for (identity, entry) in case.destinations() {
        let ServiceIdentity::Address { address, port, .. } = identity else {
            continue;
        };
        let destination = &entry.destination;
        let waiting = half_open
            .iter()
            .filter(|it| {
                it.service == (address, port).into() && it.destination.ip() == destination.address
            })
            .count();
        // Linux 6.1 counts them among the active ones; not every kernel did.
        let known = u64::from(entry.active_connections) + u64::from(entry.inactive_connections);
        if waiting < SUSPICIOUS || known > waiting as u64 {
            continue;
        }
        let way = match destination.forwarding {
            Forwarding::Masquerade => "its default route (N2) and the subnet of the clients (N3)",
            Forwarding::Tunnel => "its reverse path filter (P1) and the address (A1)",
            _ => "the address (A1) and whether somebody listens (A11)",
        };
        faults.push(Fault {
            title: format!(
                "{} gets clients of {}, and no connection comes about: look there for {way}",
                destination.address,
                named(identity)
            ),
            found: format!("{waiting} connections in SYN_RECV, none established"),
            expected: "connections in ESTABLISHED".to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}
