//! ARP: real servers of TUN and DR neither answer nor announce it for the virtual address, one
//! machine owns the address, and one interface has its subnet.

use crate::doctor::context::{Context, add_address, delete_address, grouped};
use crate::doctor::facts::AddressOwners;
use crate::doctor::finding::{Fault, Step};
use crate::host::{Address, Effective, InterfaceName, Scope, Sysctl, host_prefix};
use crate::path::{Answer, Query, Served, hears_the_segment};
use lvs::ipvs::Forwarding;

/// `arp_ignore` suppresses answers for addresses of other interfaces at 1, 2 and 8; at 3 not for
/// those of scope host (`ip-sysctl`).
fn ignores(context: &Context<'_>, served: &Served, value: u32) -> bool {
    let host_scope = || context.assignments(served.address).all(|state| state.scope == Scope::HOST);
    matches!(value, 1 | 2 | 8) || value == 3 && host_scope()
}

/// The interfaces that hear the segment of virtual addresses for which the effective value of a parameter is bad,
/// with these addresses.
fn faulty(
    context: &Context<'_>,
    parameter: &'static str,
    is_bad: impl Fn(&Served, u32) -> bool,
) -> Vec<(Effective, String)> {
    let pairs = context.suppressed().flat_map(|served| {
        let devices = hears_the_segment(&context.machine, served.address, &served.directors);
        let bad = devices.into_iter().filter_map(|device| {
            let effective = context.effective(parameter, &device)?;
            is_bad(served, effective.value())
                .then(|| (device, (effective, served.address.to_string())))
        });
        bad.collect::<Vec<_>>()
    });
    let groups = grouped(pairs).into_iter().filter_map(|(_, values)| {
        let (effective, mut addresses): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        addresses.dedup();
        Some((effective.into_iter().next()?, addresses.join(", ")))
    });
    groups.collect()
}

pub(super) fn arp_is_answered(context: &Context<'_>) -> Vec<Fault> {
    let is_bad = |served: &Served, value| !ignores(context, served, value);
    let fault = |(effective, addresses): (Effective, String)| {
        let device = &effective.device;
        // The larger value counts: a 1 does not override a 3 for all.
        let bad = |value| !matches!(value, 0..=2);
        let all = bad(effective.all).then(|| Sysctl::of_all_interfaces("arp_ignore"));
        let own = (all.is_none() || bad(effective.own))
            .then(|| Sysctl::of_interface(device, "arp_ignore"));
        Fault {
            title: format!(
                "{device} answers ARP for {addresses}, which only the director must: clients may \
                 bypass the director"
            ),
            found: effective.to_string(),
            expected: "1 or 2".to_owned(),
            repair: all.into_iter().chain(own).map(|sysctl| context.set(sysctl, 1)).collect(),
        }
    };
    faulty(context, "arp_ignore", is_bad).into_iter().map(fault).collect()
}

pub(super) fn arp_is_announced(context: &Context<'_>) -> Vec<Fault> {
    let fault = |(effective, addresses): (Effective, String)| Fault {
        title: format!(
            "{} announces {addresses} in ARP requests: neighbours learn this machine as the \
             owner, and bypass the director",
            effective.device
        ),
        found: effective.to_string(),
        expected: "2".to_owned(),
        repair: vec![context.set(Sysctl::of_interface(&effective.device, "arp_announce"), 2)],
    };
    faulty(context, "arp_announce", |_, value| value < 2).into_iter().map(fault).collect()
}

pub(super) fn vip_is_on_the_network(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Programs such as keepalived move addresses.
    if !context.facts.controllers.is_empty() {
        return faults;
    }
    for served in context.local_vips() {
        let address = served.address;
        let (answering, hidden): (Vec<_>, Vec<_>) =
            context.assignments(address).partition(|state| {
                let link = context.network().link(&state.interface.name);
                link.is_some_and(|link| link.arp && link.up && !link.is_dummy())
            });
        // If it is nowhere else, it may be there on purpose.
        if hidden.is_empty() && !served.desired {
            continue;
        }
        faults.extend(answering.into_iter().map(|state| {
            let (device, prefix) = (&state.interface, state.prefix);
            Fault {
                title: format!(
                    "{address} is on {device} too, which answers ARP for it: clients may bypass \
                     the director"
                ),
                found: format!("{address}/{prefix} on {device}"),
                expected: "the virtual address of a real server on lo or a tunnel only".to_owned(),
                repair: vec![delete_address(state)],
            }
        }));
    }
    faults
}

/// A director answers ARP for its virtual addresses.
pub(super) fn director_does_not_answer(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let machine = &context.machine;
    for address in context.directed_vips() {
        let Some(device) = machine.facing(address) else { continue };
        if !matches!(machine.look_up(&Query::to(address)), Answer::Local(_)) {
            continue;
        }
        let here = context.assignments(address).any(|state| state.interface == *device);
        if address.is_ipv6() {
            let mut proxies = context.network().neighbours.iter().filter(|it| it.proxy);
            let is_proxy = proxies.any(|it| it.address == address && it.interface == *device);
            if !here && !is_proxy {
                faults.push(Fault {
                    title: format!(
                        "{device} does not answer neighbour solicitations for {address}: no client \
                         finds the director"
                    ),
                    found: format!("{address} is local, but not an address of {device}"),
                    expected: format!("{address} on {device}"),
                    repair: vec![add_address(address, device)],
                });
            }
            continue;
        }
        let Some(effective) = context.effective("arp_ignore", device) else { continue };
        let answers = match effective.value() {
            0 => true,
            1 | 2 => here,
            3 => context.assignments(address).any(|state| state.scope != Scope::HOST),
            value => value != 8,
        };
        // It is a real server of another director then.
        if answers || context.local_vips().any(|served| served.address == address) {
            continue;
        }
        let all = (effective.all != 0).then(|| Sysctl::of_all_interfaces("arp_ignore"));
        let own = (effective.own != 0).then(|| Sysctl::of_interface(device, "arp_ignore"));
        faults.push(Fault {
            title: format!(
                "{device} does not answer ARP for {address}: no client finds the director"
            ),
            found: effective.to_string(),
            expected: format!("0, or {address} on {device}"),
            repair: all.into_iter().chain(own).map(|sysctl| context.set(sysctl, 0)).collect(),
        });
    }
    faults
}

/// A program on a director of direct routing connects to the virtual address: the director then asks
/// for the real servers in the name of that address, which they have too, and do not answer.
pub(super) fn director_announces_the_vip(context: &Context<'_>) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let machine = &context.machine;
    let clients = context.facts.table.iter().flat_map(|table| &table.own_clients);
    for vip in clients {
        let direct = context.destinations().filter(|(_, entry)| {
            entry.destination.forwarding == Forwarding::DirectRouting && vip.is_ipv4()
        });
        for (_, entry) in direct {
            let real = entry.destination.address;
            let Some(device) = machine.towards(real) else { continue };
            let effective = context.effective("arp_announce", &device);
            let Some(effective) = effective.filter(|it| it.value() < 2) else { continue };
            let title = format!(
                "a program on this director connects to {vip}: {device} asks ARP for the real \
                 servers in its name, and they do not answer"
            );
            if faults.iter().any(|fault| fault.title == title) {
                continue;
            }
            faults.push(Fault {
                title,
                found: format!("connections from {vip} (ipvsadm -L -c); {effective}"),
                expected: "2".to_owned(),
                repair: vec![context.set(Sysctl::of_interface(&device, "arp_announce"), 2)],
            });
        }
    }
    faults
}

/// Containers behind an interface without an address resolve an address of another interface.
pub(super) fn arp_is_suppressed_for_containers(context: &Context<'_>) -> Vec<Fault> {
    if context.suppressed().next().is_none() {
        return Vec::new();
    }
    let network = context.network();
    let unnumbered = network.links.iter().filter(|link| {
        let numbered = |state: &Address| state.interface == link.name && state.address.is_ipv4();
        let routed = network.main_routes().any(|route| {
            route.device() == Some(&link.name)
                && route.destination.is_ipv4()
                && route.gateway().is_none()
        });
        link.kind.name() == "veth"
            && link.up
            && link.master.is_none()
            && routed
            && !network.addresses.iter().any(numbered)
    });
    let fault = |device: &InterfaceName| {
        let ignore = context.effective("arp_ignore", device)?;
        let proxy = context.effective("proxy_arp", device)?;
        if ignore.all == 0 || ignore.own != 0 || proxy.value() != 0 {
            return None;
        }
        let mut repair: Vec<Step> = Vec::new();
        for facing in
            context.suppressed().filter_map(|served| context.machine.facing(served.address))
        {
            let step = context.set(Sysctl::of_interface(facing, "arp_ignore"), ignore.all);
            let is_set =
                context.effective("arp_ignore", facing).is_some_and(|it| it.own == ignore.all);
            if !is_set && !repair.contains(&step) {
                repair.push(step);
            }
        }
        repair.push(context.set(Sysctl::of_all_interfaces("arp_ignore"), 0));
        Some(Fault {
            title: format!(
                "{device} has no address and does not answer ARP: the container behind it cannot \
                 reach its gateway"
            ),
            found: ignore.to_string(),
            expected: "arp_ignore on the interface that faces the director, not for all".to_owned(),
            repair,
        })
    };
    unnumbered.filter_map(|link| fault(&link.name)).collect()
}

/// Found by probes. A director answers for the address itself; in the network of a real server
/// nobody else may.
pub(super) fn vip_has_several_owners(context: &Context<'_>) -> Vec<Fault> {
    let probes = context.facts.probes.iter().flat_map(|probes| &probes.owners);
    let mut faults = Vec::new();
    for AddressOwners { address, device, hardware } in probes {
        let held = context.local_vips().any(|served| served.address == *address);
        let is_local = || {
            let answer = context.machine.look_up(&Query::to(*address));
            matches!(answer, Answer::Local(_))
        };
        let own = !held && is_local();
        if hardware.len() + usize::from(own) < 2 {
            continue;
        }
        let others = hardware.join(" and ");
        let own = context.network().link(device).filter(|_| own);
        let own = own.and_then(|link| link.hardware.as_deref());
        faults.push(Fault {
            title: format!(
                "{address} has several owners on the network of {device}: clients, or their \
                 router, use the one that answers first"
            ),
            found: match own {
                Some(own) => format!("{others} answers for it besides this machine, {own}"),
                None => format!("{others} answer for it"),
            },
            expected: "the director alone: see A3, A4 and V1 for the machine with that hardware \
                       address"
                .to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}

/// With policy routing this can be intended.
pub(super) fn two_interfaces_share_a_subnet(context: &Context<'_>) -> Vec<Fault> {
    if context.expectation.role() == "none" || context.unmanaged_policy_rules() > 0 {
        return Vec::new();
    }
    let is_wired = |state: &&Address| {
        let link = context.network().link(&state.interface.name);
        let is_used =
            link.is_some_and(|link| link.up && link.carrier && link.arp && link.master.is_none());
        let address = state.address;
        address.is_ipv4() && state.prefix < host_prefix(address) && is_used
    };
    let wired: Vec<_> = context.network().addresses.iter().filter(is_wired).collect();
    let mut faults = Vec::new();
    for (at, first) in wired.iter().enumerate() {
        let second = wired.iter().skip(at + 1).find(|second| {
            first.interface != second.interface
                && first.prefix == second.prefix
                && first.subnet().contains(second.address)
        });
        let Some(second) = second else {
            continue;
        };
        faults.push(Fault {
            title: format!(
                "{} and {} are in one subnet: both answer ARP for either address, and one of them \
                 sends all packets",
                first.interface, second.interface
            ),
            found: [first, second]
                .map(|it| format!("{}/{} on {}", it.address, it.prefix, it.interface))
                .join(", "),
            expected: "one interface per subnet: several addresses on one, or a bond of both"
                .to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}
