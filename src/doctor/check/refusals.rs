//! Clients whom no real server takes, though the table has some.

use std::collections::HashSet;

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, named};
use crate::doctor::facts::Destinations;
use crate::engine::Change;
use lvs::ipvs::{DestinationEntry, Forwarding, ServiceFlags, ServiceIdentity};
use lvs::table;

/// What lvsctl has made and was removed since. Beside a program that keeps the table up by itself it
/// may be gone on purpose.
pub(super) fn services_are_there(case: &Case<'_>) -> Vec<Fault> {
    if case.facts.table.is_none() || !case.facts.controllers.is_empty() {
        return Vec::new();
    }
    // That it cannot be made is another check's.
    let unknown: HashSet<ServiceIdentity> =
        case.unknown_parts().into_iter().map(|(service, _)| service).collect();
    let mut missing = case.missing_services();
    missing.retain(|(identity, _)| !unknown.contains(identity));
    let fault = |(identity, repair): (ServiceIdentity, Vec<Step>)| Fault {
        title: format!("{} is not in the IPVS table: its clients are refused", named(identity)),
        found: "no such service (ipvsadm -L)".to_owned(),
        expected: "the service and its real servers, as lvsctl has made them".to_owned(),
        repair,
    };
    missing.into_iter().map(fault).collect()
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
        let found = service.clone();
        let mut desired = found.clone();
        desired.flags = desired.flags.union(ServiceFlags::SCHEDULER_1);
        faults.push(Fault {
            title: format!(
                "{} refuses the clients that its hash sends to a drained real server",
                named(service.identity)
            ),
            found: format!("scheduler sh without sh-fallback, {} of weight 0", drained.len()),
            expected: "sh-fallback, which sends them to another one".to_owned(),
            repair: vec![Step::Table(Change {
                key: table::Key::Service(service.identity),
                from: Some(table::Value::from(found)),
                to: Some(table::Value::from(desired)),
            })],
        });
    }
    faults
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
