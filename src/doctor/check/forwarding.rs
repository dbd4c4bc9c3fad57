//! NAT: both ways lead through the director.

use std::net::IpAddr;

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault};
use crate::engine::Change;
use crate::host::{self, InterfaceName, Sysctl};
use lvs::ipvs::{AddressFamily, Forwarding};

/// Real servers of NAT, other machines only.
fn translated(case: &Case<'_>, family: AddressFamily) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for (_, entry) in case.destinations() {
        let destination = &entry.destination;
        let address = destination.address;
        if destination.forwarding == Forwarding::Masquerade
            && destination.family() == family
            && !case.is_own(address)
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

fn forwards(case: &Case<'_>, family: AddressFamily) -> Vec<Fault> {
    let sysctl = Sysctl::forwarding(family);
    let translated = translated(case, family);
    let (Some(first), Some(0)) = (translated.first(), case.number(&sysctl)) else {
        return Vec::new();
    };
    vec![Fault {
        title: format!(
            "this director passes no packets on, so the answers of {first} never reach a client"
        ),
        found: format!("{sysctl} is 0, and NAT to {} real servers", translated.len()),
        expected: "1".to_owned(),
        repair: vec![case.set(sysctl, 1)],
    }]
}

pub(super) fn nat_forwards(case: &Case<'_>) -> Vec<Fault> {
    let faults = forwards(case, AddressFamily::Ipv4);
    if faults.is_empty() { cards_that_pass_nothing_on(case) } else { faults }
}

/// For IPv4 the value of the interface counts by which the answers come in (`ip_route_input_slow`).
fn cards_that_pass_nothing_on(case: &Case<'_>) -> Vec<Fault> {
    let mut done: Vec<&InterfaceName> = Vec::new();
    let mut faults = Vec::new();
    for real in translated(case, AddressFamily::Ipv4) {
        let Some(route) = case.topology.route_to(real) else {
            continue;
        };
        let device = &route.device;
        let sysctl = Sysctl::of_interface(device, "forwarding");
        if case.number(&sysctl) != Some(0) || done.contains(&device) {
            continue;
        }
        done.push(device);
        faults.push(Fault {
            title: format!(
                "{device} passes no packets on, so the answers of {real} never reach a client"
            ),
            found: format!("{sysctl} is 0, though ip_forward is 1"),
            expected: "1".to_owned(),
            repair: vec![case.set(sysctl, 1)],
        });
    }
    faults
}

pub(super) fn nat_forwards_ipv6(case: &Case<'_>) -> Vec<Fault> {
    forwards(case, AddressFamily::Ipv6)
}

/// On a director with one leg, answers come in and go out by one interface, and the kernel tells
/// their sender of the shorter way. A real server that listens takes it, past the director.
pub(super) fn no_redirects(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut done: Vec<&InterfaceName> = Vec::new();
    for real in translated(case, AddressFamily::Ipv4) {
        let Some(device) = case.topology.on_link(real) else {
            continue;
        };
        let one_leg = case.topology.default_interface(false) == Some(device)
            || case
                .virtual_addresses()
                .into_iter()
                .any(|address| address.is_ipv4() && case.topology.on_link(address) == Some(device));
        let effective = case.effective("send_redirects", device);
        let Some(effective) = effective.filter(|effective| effective.value() != 0 && one_leg)
        else {
            continue;
        };
        if done.contains(&device) {
            continue;
        }
        done.push(device);
        faults.push(Fault {
            title: format!(
                "{device} sends redirects: they teach {real} a way to the clients past the director"
            ),
            found: effective.to_string(),
            expected: "0 for both".to_owned(),
            repair: case.switch_off(&effective),
        });
    }
    faults.extend(heeded_redirects(case));
    faults
}

/// On a real server, by the route that lvsctl set.
fn heeded_redirects(case: &Case<'_>) -> Option<Fault> {
    let way = journalled_ways(case).find(|way| way.family == AddressFamily::Ipv4)?;
    let device = way.device;
    let effective = case.effective("accept_redirects", &device)?;
    if effective.value() == 0 {
        return None;
    }
    Some(Fault {
        title: format!(
            "{device} heeds redirects: they lead this machine's answers past the director"
        ),
        found: effective.to_string(),
        expected: "0".to_owned(),
        repair: case.switch_off(&effective),
    })
}

/// A default route through the director that lvsctl set.
struct Way<'a> {
    family: AddressFamily,
    director: IpAddr,
    device: InterfaceName,
    key: &'a host::Key,
    value: &'a str,
}

/// Their values say `via ADDRESS dev INTERFACE`.
fn journalled_ways<'a>(case: &Case<'a>) -> impl Iterator<Item = Way<'a>> {
    case.facts.journal.iter().filter_map(|entry| {
        let (Some(key @ host::Key::DefaultRoute(family)), Some(value)) = (&entry.key, &entry.value)
        else {
            return None;
        };
        let mut words = value.split(' ');
        let (director, device) = (words.nth(1)?.parse().ok()?, words.nth(1)?.parse().ok()?);
        Some(Way { family: *family, director, device, key, value })
    })
}

pub(super) fn answers_pass_the_director(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if case.policy_rules() > 0 {
        return faults;
    }
    for Way { family, director, device, key, value } in journalled_ways(case) {
        let defaults =
            case.network().routes.iter().filter(|route| {
                route.prefix == 0 && AddressFamily::from(route.destination) == family
            });
        let metric = defaults.clone().map(|route| route.metric).min();
        let best: Vec<_> = defaults.filter(|route| Some(route.metric) == metric).collect();
        if best.iter().any(|it| it.gateway == Some(director) && it.device == device) {
            continue;
        }
        let found = best.first();
        let replaced = found.filter(|route| route.metric <= preferred(family));
        let from = replaced.and_then(|route| {
            route.gateway.map(|gateway| host::Key::through(gateway, &route.device))
        });
        faults.push(Fault {
            title: format!(
                "answers do not pass the director {director}: clients get them from an address \
                 that they never asked, and reset"
            ),
            found: match found {
                Some(route) => match route.gateway {
                    Some(gateway) => format!("default via {gateway} dev {}", route.device),
                    None => format!("default dev {}", route.device),
                },
                None => "no default route".to_owned(),
            },
            expected: format!("default via {director} dev {device}"),
            repair: vec![Step::Host(Change { key: key.clone(), from, to: Some(value.to_owned()) })],
        });
    }
    faults
}

/// The metric of the route that lvsctl sets.
const fn preferred(family: AddressFamily) -> u32 {
    match family {
        AddressFamily::Ipv4 => 0,
        AddressFamily::Ipv6 => 1,
    }
}
