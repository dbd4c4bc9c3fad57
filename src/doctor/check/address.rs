//! The virtual address: not the source of other traffic, and not a duplicate.

use crate::doctor::context::{Context, add_address, delete_address};
use crate::doctor::finding::{Fault, Step};
use crate::host::{Address, InterfaceName, SourceAddress};
use crate::path::{deprecate, remote};

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

fn of_default_routes<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a SourceAddress> {
    context.network().sources.iter().filter(|it| it.towards == remote(it.towards.is_ipv4()))
}

/// The default route of IPv4 names the address as its source.
pub(super) fn vip_is_source(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in of_default_routes(context) {
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
            let change = format!("ip route change default via {} dev {device:#}", route.gateway()?);
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
    for source in of_default_routes(context) {
        let address = source.source;
        if !address.is_ipv6() || !context.local_vips().any(|served| served.address == address) {
            continue;
        }
        faults.extend(context.assignments(address).map(|state| Fault {
            repair: vec![deprecate(state)],
            ..source_fault(address, &source.device)
        }));
    }
    faults
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
