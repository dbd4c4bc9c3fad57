//! Destinations that cannot do what they were made for.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, named};
use crate::engine::Change;
use crate::host::Sysctl;
use lvs::ipvs::{
    DaemonState, Destination, DestinationEntry, Forwarding, Protocol, ServiceIdentity,
};
use lvs::table;

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
        let add = Change {
            key: table::Key::of(identity, &right),
            from: None,
            to: Some(table::Value::Destination(right)),
        };
        let remove = Change {
            key: table::Key::of(identity, destination),
            from: Some(table::Value::Destination(destination.clone())),
            to: None,
        };
        // `ipvsadm` gives such a destination the service's port: it cannot be made again, and half
        // an undo would leave the service without one.
        let once = |change| Step::Shell { fix: table::command(change), undo: None };
        let repair = [&add].into_iter().filter(|_| !there).chain([&remove]).map(once).collect();
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
