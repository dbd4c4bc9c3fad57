//! Real servers of TUN and DR must neither answer nor ask for the virtual address by ARP.

use crate::doctor::case::{Case, Fault, take};
use crate::doctor::{Served, Step};
use crate::host::{Effective, InterfaceName, Sysctl};

/// `arp_ignore` answers for no address of another interface at 1, 2 and 8; at 3 for those of scope
/// host not (`ip-sysctl`).
fn ignores(case: &Case<'_>, served: &Served, value: u32) -> bool {
    let host_scope = || case.places(served.address).all(|state| state.host_scope);
    matches!(value, 1 | 2 | 8) || value == 3 && host_scope()
}

/// Each virtual address beside what a parameter comes to on the interface that faces its wire.
fn facing<'a>(
    case: &Case<'a>,
    parameter: &'static str,
) -> Vec<(&'a Served, InterfaceName, Effective)> {
    let of = |served: &'a Served| {
        let device = case.facing(served.address)?.clone();
        let effective = case.effective(parameter, &device)?;
        Some((served, device, effective))
    };
    case.silent().filter_map(of).collect()
}

/// One fault an interface, which names the addresses.
fn by_device(
    faulty: &[(&Served, InterfaceName, Effective)],
    fault: impl Fn(&InterfaceName, &Effective, &str) -> Fault,
) -> Vec<Fault> {
    let mut done: Vec<&InterfaceName> = Vec::new();
    let mut faults = Vec::new();
    for (_, device, effective) in faulty {
        if done.contains(&device) {
            continue;
        }
        done.push(device);
        let here = faulty.iter().filter(|(_, other, _)| other == device);
        let mut addresses: Vec<String> =
            here.map(|(served, ..)| served.address.to_string()).collect();
        addresses.dedup();
        faults.push(fault(device, effective, &addresses.join(", ")));
    }
    faults
}

pub(super) fn ignores_questions(case: &Case<'_>) -> Vec<Fault> {
    let mut faulty = facing(case, "arp_ignore");
    faulty.retain(|(served, _, effective)| !ignores(case, served, effective.value()));
    by_device(&faulty, |device, effective, addresses| {
        // The larger value counts, so that a 3 for all cannot be outdone by a 1.
        let bad = |value| !matches!(value, 0..=2);
        let all = bad(effective.all).then(|| Sysctl::of_all_interfaces("arp_ignore"));
        let own = (all.is_none() || bad(effective.own))
            .then(|| Sysctl::of_interface(device, "arp_ignore"));
        Fault {
            title: format!(
                "{device} answers ARP for {addresses}, which is the director's: clients may come \
                 here past the director"
            ),
            found: effective.to_string(),
            expected: "1 or 2".to_owned(),
            repair: all.into_iter().chain(own).map(|sysctl| case.set(sysctl, 1)).collect(),
        }
    })
}

pub(super) fn announces_nothing(case: &Case<'_>) -> Vec<Fault> {
    let mut faulty = facing(case, "arp_announce");
    faulty.retain(|(.., effective)| effective.value() < 2);
    by_device(&faulty, |device, effective, addresses| Fault {
        title: format!(
            "answers from {addresses} make {device} ask for neighbours in its name: they learn that \
             it is here, and send past the director"
        ),
        found: effective.to_string(),
        expected: "2".to_owned(),
        repair: vec![case.set(Sysctl::of_interface(device, "arp_announce"), 2)],
    })
}

pub(super) fn not_on_a_card(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for served in case.held() {
        let places: Vec<_> = case.places(served.address).collect();
        let (cards, others): (Vec<_>, Vec<_>) = places.into_iter().partition(|state| {
            let link = case.network().link(&state.assigned.device);
            link.is_some_and(|link| link.arp && link.up && link.kind != "dummy")
        });
        // In its place only, the address may be there on purpose.
        if others.is_empty() && !served.desired {
            continue;
        }
        faults.extend(cards.into_iter().map(|state| {
            let (address, device) = (served.address, &state.assigned.device);
            Fault {
                title: format!(
                    "{address} is on {device} too, which answers its neighbours for it: clients may \
                     come here past the director"
                ),
                found: format!("{address}/{} on {device}", state.assigned.prefix),
                expected: "the virtual address of a real server on lo or a tunnel only".to_owned(),
                repair: vec![take(state)],
            }
        }));
    }
    faults
}

/// Containers without an address of the host on their wire ask for one of another interface.
pub(super) fn unnumbered_neighbours_are_answered(case: &Case<'_>) -> Vec<Fault> {
    if case.silent().next().is_none() {
        return Vec::new();
    }
    let network = case.network();
    let unnumbered = network.links.iter().filter(|link| {
        let numbered = |state: &&crate::host::AddressState| {
            state.assigned.device == link.name && state.assigned.address.is_ipv4()
        };
        let routed = network.routes.iter().any(|route| {
            route.device == link.name && route.destination.is_ipv4() && route.gateway.is_none()
        });
        link.kind == "veth"
            && link.up
            && link.master.is_none()
            && routed
            && network.addresses.iter().find(numbered).is_none()
    });
    let mut faults = Vec::new();
    for link in unnumbered {
        let ignore = case.effective("arp_ignore", &link.name);
        let proxy = case.effective("proxy_arp", &link.name);
        let (Some(ignore), Some(proxy)) = (ignore, proxy) else {
            continue;
        };
        if ignore.all == 0 || ignore.own != 0 || proxy.value() != 0 {
            continue;
        }
        let device = &link.name;
        let facing: Vec<&InterfaceName> =
            case.silent().filter_map(|served| case.facing(served.address)).collect();
        let mut repair: Vec<Step> = Vec::new();
        for facing in facing {
            let step = case.set(Sysctl::of_interface(facing, "arp_ignore"), ignore.all);
            let met = case.effective("arp_ignore", facing).is_some_and(|it| it.own == ignore.all);
            if !met && !repair.contains(&step) {
                repair.push(step);
            }
        }
        repair.push(case.set(Sysctl::of_all_interfaces("arp_ignore"), 0));
        faults.push(Fault {
            title: format!(
                "{device} has no address of its own and answers no ARP either: what is behind it \
                 cannot find its gateway"
            ),
            found: ignore.to_string(),
            expected: "arp_ignore on the interface that faces the director, not on all".to_owned(),
            repair,
        });
    }
    faults
}
