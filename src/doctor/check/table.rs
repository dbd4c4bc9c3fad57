//! The IPVS table: services without a real server for their clients, and destinations that cannot
//! work.

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::doctor::context::{Context, delete_destination};
use crate::doctor::facts::{HalfOpen, ServiceState, service_name};
use crate::doctor::finding::{Fault, Step};
use crate::engine::Change;
use crate::host::Sysctl;
use crate::path::is_full;
use lvs::ipvs::{
    DaemonState, Destination, DestinationEntry, Forwarding, Protocol, ServiceFlags, ServiceIdentity,
};
use lvs::table;

fn keeps_port(destination: &Destination) -> bool {
    matches!(destination.forwarding, Forwarding::Tunnel | Forwarding::DirectRouting)
}

pub(super) fn port_is_ignored(
    context: &Context<'_>,
    identity: ServiceIdentity,
    entry: &DestinationEntry,
) -> Option<Fault> {
    let (destination, port) = (&entry.destination, identity.port());
    if port == 0 || destination.port == port || !keeps_port(destination) {
        return None;
    }
    let mut right = destination.clone();
    right.port = port;
    let exists = context.destinations().any(|(other, entry)| {
        other == identity
            && entry.destination.address == right.address
            && entry.destination.port == port
    });
    let key = table::Key::of(identity, &right);
    let to = Some(table::Value::Destination(right));
    let add = (!exists).then_some(Step::Table(Change { key, from: None, to }));
    // `ipvsadm` cannot add such a destination again: half an undo would leave the service without
    // one.
    let steps = add.into_iter().chain([delete_destination(identity, entry)]);
    let repair = steps.map(|step| Step::Shell { fix: step.fix(), undo: None }).collect();
    let socket = SocketAddr::new(destination.address, destination.port);
    Some(Fault {
        title: format!(
            "the port of {socket} is ignored: tunnelling and direct routing do not translate ports"
        ),
        found: format!("port {} for {}", destination.port, service_name(identity)),
        expected: format!("port {port}, or NAT"),
        repair,
    })
}

/// The director itself gets the requests, and nobody listens.
pub(super) fn destination_is_this_machine(
    context: &Context<'_>,
    identity: ServiceIdentity,
    entry: &DestinationEntry,
) -> Option<Fault> {
    let listeners = context.listeners()?;
    let ServiceIdentity::Address { protocol, address: vip, port } = identity else {
        return None;
    };
    let destination = &entry.destination;
    // Only NAT changes the address and port of the packet.
    let (address, port) = match destination.forwarding {
        Forwarding::Masquerade => (destination.address, destination.port),
        _ => (vip, port),
    };
    if !context.is_own(destination.address)
        || destination.weight == 0
        || port == 0
        || !matches!(protocol, Protocol::TCP | Protocol::UDP)
        || listeners.iter().any(|listener| {
            listener.protocol == protocol && listener.port == port && listener.hears(address)
        })
    {
        return None;
    }
    let (local, service) = (destination.address, service_name(identity));
    let socket = SocketAddr::new(address, port);
    Some(Fault {
        title: format!(
            "{local} of {service} is this machine itself, and no program listens on {socket}: its \
             clients are refused"
        ),
        found: format!("{local} is a local address"),
        expected: format!("the address of another machine, or a program on {socket}"),
        repair: vec![delete_destination(identity, entry)],
    })
}

/// A standby that is a real server too schedules what the active director forwarded to it.
pub(super) fn directors_forward_in_a_loop(context: &Context<'_>) -> Option<Fault> {
    let backup_only = Sysctl::of_ipvs("backup_only");
    let daemons = &context.facts.table.as_ref()?.daemons;
    let has = |state| daemons.iter().any(|it| it.state == state);
    if context.number(&backup_only) != Some(0)
        || !has(DaemonState::Backup)
        || has(DaemonState::Master)
    {
        return None;
    }
    let looping = context.services().iter().find(|state| {
        let used =
            |it: &&DestinationEntry| keeps_port(&it.destination) && it.destination.weight > 0;
        let mut used = state.destinations.iter().filter(used);
        let here = |it: &DestinationEntry| context.is_own(it.destination.address);
        state.destinations.iter().any(here) && used.any(|it| !here(it))
    });
    let title = format!(
        "this standby director is also a real server of {}, and forwards requests that it must \
         answer: packets loop between the directors",
        looping?.name()
    );
    Some(Fault {
        expected: "1: a backup does not schedule".to_owned(),
        ..context.is_off(backup_only, ", with a backup daemon", title)
    })
}

/// A journalled service was removed. Another program that manages the table may have done so on
/// purpose.
pub(super) fn service_is_missing(context: &Context<'_>) -> Vec<Fault> {
    if context.facts.table.is_none() || !context.facts.controllers.is_empty() {
        return Vec::new();
    }
    // K2 reports those that cannot be created.
    let unavailable: HashSet<ServiceIdentity> =
        context.unavailable_modules().into_iter().map(|(service, _)| service).collect();
    let mut missing = context.missing_services();
    missing.retain(|(identity, _)| !unavailable.contains(identity));
    let fault = |(identity, repair)| Fault {
        title: format!(
            "{} is not in the IPVS table: its clients are refused",
            service_name(identity)
        ),
        found: "no such service (ipvsadm -L)".to_owned(),
        expected: "the service and its real servers, as lvsctl has created them".to_owned(),
        repair,
    };
    missing.into_iter().map(fault).collect()
}

/// Kubernetes keeps services without real servers, and refuses their clients itself.
pub(super) fn no_destination_has_weight(
    context: &Context<'_>,
    state: &ServiceState,
) -> Option<Fault> {
    if context.facts.controllers.iter().any(|name| name.starts_with("kube-"))
        || state.destinations.iter().any(|it| it.destination.weight != 0)
    {
        return None;
    }
    let (identity, service) = (state.identity(), state.name());
    let desired = context.expectation.unmet().filter(|entry| entry.service() == Some(identity));
    Some(Fault {
        title: format!("{service} refuses every client: no real server has a weight above 0"),
        found: match state.destinations.len() {
            0 => "no destination".to_owned(),
            1 => "one destination, of weight 0".to_owned(),
            count => format!("{count} destinations, each of weight 0"),
        },
        expected: "a destination of a weight above 0".to_owned(),
        repair: desired.map(|entry| entry.step.clone()).collect(),
    })
}

pub(super) fn all_destinations_are_full(_: &Context<'_>, state: &ServiceState) -> Option<Fault> {
    let mut working = state.destinations.iter().filter(|it| it.destination.weight > 0);
    let count = working.clone().count();
    let service = state.name();
    (count > 0 && working.all(is_full)).then(|| Fault {
        title: format!(
            "{service} refuses new clients: every real server is at its upper threshold"
        ),
        found: format!("{count} destinations at or above their upper threshold"),
        expected: "a higher threshold, or another real server".to_owned(),
        repair: Vec::new(),
    })
}

/// `sh` hashes clients to a server of weight 0 too, and refuses them without the fallback flag
/// (`IP_VS_SVC_F_SCHED_SH_FALLBACK`, flag-1). `mh` does so for a server whose weight was above 0
/// before, which cannot be seen.
pub(super) fn hash_has_no_fallback(_: &Context<'_>, state: &ServiceState) -> Option<Fault> {
    let service = &state.service.service;
    let drained = state.destinations.iter().filter(|it| it.destination.weight == 0).count();
    if !matches!(&*service.scheduler, "sh" | "mh")
        || service.flags.contains(ServiceFlags::SCHEDULER_1)
        || drained == 0
        || drained == state.destinations.len()
    {
        return None;
    }
    let (found, scheduler) = (service.clone(), &service.scheduler);
    let mut desired = found.clone();
    desired.flags = desired.flags.union(ServiceFlags::SCHEDULER_1);
    let (key, name) = (table::Key::Service(service.identity), state.name());
    let (from, to) = (Some(table::Value::from(found)), Some(table::Value::from(desired)));
    Some(Fault {
        title: format!("{name} refuses clients that it hashes to a drained real server"),
        found: format!("scheduler {scheduler} without {scheduler}-fallback, {drained} of weight 0"),
        expected: format!("{scheduler}-fallback, which selects another real server"),
        repair: vec![Step::Table(Change { key, from, to })],
    })
}

/// So many half-open connections are no coincidence if none is established.
const SUSPICIOUS: u64 = 3;

/// How many connections to a real server are in SYN_RECV.
fn half_open(context: &Context<'_>, identity: ServiceIdentity, entry: &DestinationEntry) -> u64 {
    let ServiceIdentity::Address { address, port, .. } = identity else { return 0 };
    let is_of = |it: &&HalfOpen| {
        let real = entry.destination.address;
        it.service == (address, port).into() && it.destination.ip() == real
    };
    let table = context.facts.table.iter();
    table.flat_map(|table| &table.half_open).filter(is_of).count() as u64
}

/// How many connections to a real server are, or were a moment ago, established.
pub(super) fn established(
    context: &Context<'_>,
    identity: ServiceIdentity,
    entry: &DestinationEntry,
) -> u64 {
    // Linux 6.1 counts half-open ones as active connections; not every kernel did.
    let known = u64::from(entry.active_connections) + u64::from(entry.inactive_connections);
    known.saturating_sub(half_open(context, identity, entry))
}

pub(super) fn connections_stay_half_open(
    context: &Context<'_>,
    identity: ServiceIdentity,
    entry: &DestinationEntry,
) -> Option<Fault> {
    let waiting = half_open(context, identity, entry);
    if waiting < SUSPICIOUS || established(context, identity, entry) > 0 {
        return None;
    }
    let destination = &entry.destination;
    let (real, service) = (destination.address, service_name(identity));
    let causes = match destination.forwarding {
        Forwarding::Masquerade => "its default route (N2) and the subnet of the clients (N3)",
        Forwarding::Tunnel => "its reverse path filter (P1) and the address (A1)",
        _ => "the address (A1) and the listener (A11)",
    };
    Some(Fault {
        title: format!(
            "{real} gets requests of {service}, and no connection is established: check {causes} \
             there"
        ),
        found: format!("{waiting} connections in SYN_RECV, none established"),
        expected: "connections in ESTABLISHED".to_owned(),
        repair: Vec::new(),
    })
}
