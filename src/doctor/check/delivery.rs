//! The virtual address: on this machine, whole, heard by somebody, and no source of its own traffic.

use super::tunnel::{self, bring_up};
use crate::doctor::case::{Case, Fault, give, take};
use crate::doctor::expectation::is_fallback_tunnel;
use crate::doctor::{Served, Step};
use crate::host::{InterfaceName, host_prefix};
use lvs::ipvs::{DaemonState, Forwarding};

/// Where the address of a real server belongs.
fn place(case: &Case<'_>, served: &Served) -> InterfaceName {
    if let Some(device) = case.place(served.address) {
        return device.clone();
    }
    match served.forwarding {
        Forwarding::Tunnel if served.address.is_ipv4() => InterfaceName::tunl0(),
        Forwarding::Tunnel => InterfaceName::ip6tnl0(),
        _ => InterfaceName::loopback(),
    }
}

pub(super) fn real_server_has_the_address(case: &Case<'_>) -> Vec<Fault> {
    // With the tunnel that it is on comes the address.
    let coming: Vec<Step> = tunnel::is_up(case).into_iter().flat_map(|it| it.repair).collect();
    let missing = case.held().filter(|served| {
        let given = give(served.address, &place(case, served));
        served.desired && !case.is_own(served.address) && !coming.contains(&given)
    });
    let fault = |served: &Served| Fault {
        title: format!(
            "{} is missing: what the director sends here for it vanishes, while the machine looks \
             well",
            served.address
        ),
        found: "no interface has the address".to_owned(),
        expected: format!(
            "{}/{} on {}",
            served.address,
            host_prefix(served.address),
            place(case, served)
        ),
        repair: vec![give(served.address, &place(case, served))],
    };
    missing.map(fault).collect()
}

pub(super) fn prefix_is_whole(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for served in case.held() {
        for state in case.places(served.address) {
            let assigned = &state.assigned;
            let (address, device, prefix) = (assigned.address, &assigned.device, assigned.prefix);
            let hidden = *device == InterfaceName::loopback() || is_fallback_tunnel(device);
            if !hidden || prefix == host_prefix(address) {
                continue;
            }
            faults.push(Fault {
                title: format!(
                    "{address} on {device} takes its whole subnet side_effects: answers to the neighbours \
                     there never leave this machine"
                ),
                found: format!("{address}/{prefix} on {device}"),
                expected: format!("{address}/{}", host_prefix(address)),
                repair: vec![take(state), give(address, device)],
            });
        }
    }
    faults
}

/// A standby has the table without the address, which keepalived and its like bring when it takes
/// over; so has the backup of the connection synchronization.
fn stands_by(case: &Case<'_>) -> bool {
    let backup = case.facts.table.iter().flat_map(|table| &table.daemons);
    let backup = backup.filter(|daemon| daemon.state == DaemonState::Backup).count() > 0;
    backup || !case.facts.controllers.is_empty()
}

pub(super) fn director_has_the_address(case: &Case<'_>) -> Vec<Fault> {
    if stands_by(case) {
        return Vec::new();
    }
    let local = |address| case.network().local.iter().any(|prefix| prefix.contains(address));
    let mut faults = Vec::new();
    for address in case.virtual_addresses() {
        // What is marked as a duplicate is another check's. By the file, somebody else may give it.
        if address.is_unspecified()
            || case.expectation.intent.as_ref().is_some_and(|it| it.whole)
                && case.place(address).is_none()
            || local(address)
            || case.places(address).any(|state| state.duplicate)
        {
            continue;
        }
        let device = case.place(address).or_else(|| case.topology.on_link(address));
        // A tunnel goes with its module. Of an interface that is down an address is one still.
        let gone = |device: &InterfaceName| case.network().link(device).is_none();
        let repair = match device {
            Some(device) if gone(device) => bring_up(case, device, "ipip"),
            device => device.map(|device| give(address, device)).into_iter().collect(),
        };
        faults.push(Fault {
            title: format!(
                "{address} is no address of this director: its packets never come to IPVS"
            ),
            found: match device.filter(|device| gone(device)) {
                Some(device) => format!("services in the IPVS table, and no interface {device}"),
                None => "services in the IPVS table, and no local route".to_owned(),
            },
            expected: match device {
                Some(device) => format!("{address} on {device}"),
                None => format!("{address} on the interface that faces the clients"),
            },
            repair,
        });
    }
    faults
}

/// By IPv4. That the kernel's choice falls on an address of IPv6 is another check.
pub(super) fn not_the_source(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &case.network().sources {
        if !source.source.is_ipv4() || !case.held().any(|it| it.address == source.source) {
            continue;
        }
        let (address, device) = (source.source, &source.device);
        let own =
            case.network().addresses.iter().map(|state| &state.assigned).find(|own| {
                own.device == *device && own.address.is_ipv4() && own.address != address
            });
        let route = case.network().routes.iter().find(|route| {
            route.prefix == 0 && route.destination.is_ipv4() && route.device == *device
        });
        let repair = own.zip(route).and_then(|(own, route)| {
            let gateway = route.gateway?;
            let way = format!("ip route change default via {gateway} dev {device}");
            let metric = match route.metric {
                0 => String::new(),
                metric => format!(" metric {metric}"),
            };
            Some(Step::Shell {
                fix: format!("{way} src {}{metric}", own.address),
                undo: Some(format!("{way} src {address}{metric}")),
            })
        });
        faults.push(Fault {
            title: format!(
                "this machine's own connections have {address} as their source: the answers go to \
                 the director"
            ),
            found: format!("source {address} by the default route, dev {device}"),
            expected: match own {
                Some(own) => format!("source {}", own.address),
                None => format!("an address of {device}'s own"),
            },
            repair: repair.into_iter().collect(),
        });
    }
    faults
}

pub(super) fn somebody_listens(case: &Case<'_>) -> Vec<Fault> {
    let Some(listeners) = case.listeners() else {
        return Vec::new();
    };
    let unheard = case.held().filter(|served| {
        case.is_own(served.address)
            && !listeners.iter().any(|listener| listener.hears(served.address))
    });
    let fault = |served: &Served| {
        let mut elsewhere: Vec<String> = listeners
            .iter()
            .filter(|listener| !listener.address.is_loopback())
            .map(|listener| std::net::SocketAddr::new(listener.address, listener.port).to_string())
            .take(8)
            .collect();
        elsewhere.dedup();
        Fault {
            title: format!(
                "no program listens to {}: clients are refused, while a check of the machine's own \
                 address succeeds",
                served.address
            ),
            found: format!("listening: {}", elsewhere.join(", ")),
            expected: format!("a socket bound to {} or to every address", served.address),
            repair: Vec::new(),
        }
    };
    unheard.map(fault).collect()
}
