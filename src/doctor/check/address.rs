//! The virtual address: present, with its host prefix, listened to, and not the source of other
//! traffic.

use std::net::SocketAddr;

use super::tunnel::{self, bring_up};
use crate::doctor::context::{Context, add_address, delete_address};
use crate::doctor::expectation::{Served, is_fallback_tunnel};
use crate::doctor::finding::{Fault, Step};
use crate::host::{Address, InterfaceName, host_prefix};
use lvs::ipvs::{DaemonState, Forwarding};

/// The interface for the virtual address of a real server.
fn vip_device(context: &Context<'_>, served: &Served) -> InterfaceName {
    if let Some(device) = context.desired_device(served.address) {
        return device.clone();
    }
    match served.forwarding {
        Forwarding::Tunnel if served.address.is_ipv4() => InterfaceName::tunl0(),
        Forwarding::Tunnel => InterfaceName::ip6tnl0(),
        _ => InterfaceName::loopback(),
    }
}

pub(super) fn missing_on_real_server(context: &Context<'_>) -> Vec<Fault> {
    // The repair of a tunnel adds the address of that tunnel.
    let tunnels = tunnel::interface_is_not_up(context).into_iter();
    let added: Vec<Step> = tunnels.flat_map(|fault| fault.repair).collect();
    let fault = |served: &Served| {
        let (address, device) = (served.address, vip_device(context, served));
        let step = add_address(address, &device);
        if !served.desired || context.is_own(address) || added.contains(&step) {
            return None;
        }
        Some(Fault {
            title: format!(
                "{address} is missing: packets that the director forwards here for it are dropped"
            ),
            found: "no interface has the address".to_owned(),
            expected: format!("{address}/{} on {device}", host_prefix(address)),
            repair: vec![step],
        })
    };
    context.local_vips().filter_map(fault).collect()
}

pub(super) fn prefix_is_not_host_prefix(context: &Context<'_>) -> Vec<Fault> {
    let states = context.local_vips().flat_map(|served| context.assignments(served.address));
    let fault = |state: &Address| {
        let (address, device, prefix) = (state.address, &state.interface.name, state.prefix);
        let hidden = *device == InterfaceName::loopback() || is_fallback_tunnel(device);
        if !hidden || prefix == host_prefix(address) {
            return None;
        }
        Some(Fault {
            title: format!(
                "{address} on {device} captures its whole subnet: replies to neighbours in it \
                 never leave this machine"
            ),
            found: format!("{address}/{prefix} on {device}"),
            expected: format!("{address}/{}", host_prefix(address)),
            repair: vec![delete_address(state), add_address(address, device)],
        })
    };
    states.filter_map(fault).collect()
}

/// Whether the machine may be a standby, which has the table without the address: keepalived and
/// others add the address on takeover, and so does the backup of the connection synchronization.
fn may_stand_by(context: &Context<'_>) -> bool {
    let mut daemons = context.facts.table.iter().flat_map(|table| &table.daemons);
    daemons.any(|daemon| daemon.state == DaemonState::Backup)
        || !context.facts.controllers.is_empty()
}

pub(super) fn missing_on_director(context: &Context<'_>) -> Vec<Fault> {
    if may_stand_by(context) {
        return Vec::new();
    }
    let covers_host = context.expectation.desired.as_ref().is_some_and(|it| it.covers_host);
    let mut faults = Vec::new();
    for address in context.directed_vips() {
        let desired = context.desired_device(address);
        // A duplicate is reported by another check. With a cluster file that does not name the
        // address, another program may add it.
        if address.is_unspecified()
            || covers_host && desired.is_none()
            || context.network().local_prefixes().any(|prefix| prefix.contains(address))
            || context.assignments(address).any(Address::is_duplicate)
        {
            continue;
        }
        let device = desired.or_else(|| context.network().on_link(address));
        // A tunnel disappears with its module. An interface that is down keeps its addresses.
        let is_missing = |device: &InterfaceName| context.network().link(device).is_none();
        let repair = match device {
            Some(device) if is_missing(device) => bring_up(context, device, "ipip"),
            device => device.map(|device| add_address(address, device)).into_iter().collect(),
        };
        let on = device.map_or("the interface that faces the clients", InterfaceName::as_str);
        faults.push(Fault {
            title: format!(
                "{address} is not a local address of this director: IPVS never sees its packets"
            ),
            found: match device.filter(|device| is_missing(device)) {
                Some(device) => format!("services in the IPVS table, but no interface {device}"),
                None => "services in the IPVS table, but no local route".to_owned(),
            },
            expected: format!("{address} on {on}"),
            repair,
        });
    }
    faults
}

fn source_fault(address: impl std::fmt::Display, device: &InterfaceName) -> Fault {
    Fault {
        title: format!(
            "connections of this machine use {address} as their source: the replies go to the \
             director"
        ),
        found: format!("source {address} by the default route, dev {device}"),
        expected: "another address, with the virtual one deprecated".to_owned(),
        repair: Vec::new(),
    }
}

/// The default route of IPv4 names the address as its source.
pub(super) fn vip_is_source(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &context.network().sources {
        let (address, device) = (source.source, &source.device);
        if !address.is_ipv4() || !context.local_vips().any(|served| served.address == address) {
            continue;
        }
        let own = context.network().addresses.iter().find(|own| {
            own.interface == *device && own.address.is_ipv4() && own.address != address
        });
        let route = context.network().main_routes().find(|route| {
            route.is_default() && route.destination.is_ipv4() && route.device() == Some(device)
        });
        let repair = own.zip(route).and_then(|(own, route)| {
            let change = format!("ip route change default via {} dev {device}", route.gateway()?);
            let metric = match route.metric {
                0 => String::new(),
                metric => format!(" metric {metric}"),
            };
            Some(Step::Shell {
                fix: format!("{change} src {}{metric}", own.address),
                undo: Some(format!("{change} src {address}{metric}")),
            })
        });
        faults.push(Fault {
            expected: match own {
                Some(own) => format!("source {}", own.address),
                None => format!("an address of {device}"),
            },
            repair: repair.into_iter().collect(),
            ..source_fault(address, device)
        });
    }
    faults
}

/// The kernel selects the source of IPv6, and avoids deprecated addresses.
pub(super) fn vip_is_source_ipv6(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &context.network().sources {
        let address = source.source;
        if !address.is_ipv6() || !context.local_vips().any(|served| served.address == address) {
            continue;
        }
        faults.extend(context.assignments(address).map(|state| {
            let (prefix, device) = (state.prefix, &state.interface);
            let change = format!("ip -6 address change {address}/{prefix} dev {device}");
            let repair = Step::Shell {
                fix: format!("{change} preferred_lft 0"),
                undo: Some(format!("{change} preferred_lft forever")),
            };
            Fault { repair: vec![repair], ..source_fault(address, &source.device) }
        }));
    }
    faults
}

pub(super) fn nobody_listens(context: &Context<'_>, served: &Served) -> Option<Fault> {
    let (listeners, address) = (context.listeners()?, served.address);
    if !context.is_own(address) || listeners.iter().any(|it| it.hears(address)) {
        return None;
    }
    let mut others: Vec<String> = listeners
        .iter()
        .filter(|listener| !listener.address.is_loopback())
        .map(|listener| SocketAddr::new(listener.address, listener.port).to_string())
        .take(8)
        .collect();
    others.dedup();
    Some(Fault {
        title: format!(
            "no program listens on {address}: clients are refused, while a check of the machine's \
             own address succeeds"
        ),
        found: format!("listening: {}", others.join(", ")),
        expected: format!("a socket bound to {address} or to every address"),
        repair: Vec::new(),
    })
}

pub(super) fn vip_is_duplicate(context: &Context<'_>) -> Vec<Fault> {
    let mut addresses = context.directed_vips();
    addresses.extend(context.local_vips().map(|served| served.address));
    let states = context.network().addresses.iter();
    let duplicates =
        states.filter(|state| state.is_duplicate() && addresses.contains(&state.address));
    let fault = |state: &Address| {
        let (address, device) = (state.address, &state.interface.name);
        // The undo runs duplicate address detection again.
        let mut delete = delete_address(state);
        if let Step::Host(change) = &mut delete {
            change.from = Some("valid_lft forever".to_owned());
        }
        Fault {
            title: format!("{address} is not in use: another machine on the network has it too"),
            found: format!("{address} on {device} is marked dadfailed"),
            expected: "an address without duplicate address detection (nodad)".to_owned(),
            repair: vec![delete, add_address(address, device)],
        }
    };
    duplicates.map(fault).collect()
}
