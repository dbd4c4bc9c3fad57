//! The interface that unpacks what the director packed.

use super::probes;
use crate::doctor::Step;
use crate::doctor::case::{Case, Fault};
use crate::ipvs::Forwarding;
use crate::node::{self, DOWN, InterfaceName, UP};
use crate::plan::Change;

/// The interface is missing, or down.
pub(super) fn is_up(case: &Case<'_>) -> Vec<Fault> {
    let tunnelled = |ipv4: bool| {
        case.held().find(|served| {
            served.forwarding == Forwarding::Tunnel
                && served.address.is_ipv4() == ipv4
                && (served.wanted || on(case, served.address, ipv4))
                && case.place(served.address).is_none_or(|it| is_fallback(it, ipv4))
        })
    };
    let mut faults = Vec::new();
    for (device, kind, ipv4) in
        [(InterfaceName::tunl0(), "ipip", true), (InterfaceName::ip6tnl0(), "ip6tnl", false)]
    {
        let link = case.network().link(&device);
        let Some(served) = tunnelled(ipv4).filter(|_| link.is_none_or(|link| !link.up)) else {
            continue;
        };
        // A tunnel of another kind may do its work.
        let other = ["gre0", "sit0"].iter().any(|name| {
            let links = &case.network().links;
            links.iter().any(|link| link.name.as_str() == *name && link.up)
        });
        if other {
            continue;
        }
        faults.push(Fault {
            title: format!(
                "{device} is {}: nobody unpacks what the director sends for {}",
                if link.is_none() { "missing" } else { "down" },
                served.address
            ),
            found: match link {
                None => format!("no interface {device}"),
                Some(_) => format!("{device} is there, and down"),
            },
            expected: format!("{device} of kind {kind}, up"),
            repair: bring_up(case, &device, kind),
        });
    }
    faults
}

/// The steps to a tunnel that is up.
fn bring_up(case: &Case<'_>, device: &InterfaceName, kind: &str) -> Vec<Step> {
    let step = |key, from: Option<&str>, to: &str| {
        Step::Host(Change { key, from: from.map(str::to_owned), to: Some(to.to_owned()) })
    };
    let missing = case.network().link(device).is_none();
    let make = missing.then(|| step(node::Key::Link(device.clone()), None, kind));
    let up = step(node::Key::LinkUp(device.clone()), Some(DOWN), UP);
    make.into_iter().chain([up]).collect()
}

fn on(case: &Case<'_>, address: std::net::IpAddr, ipv4: bool) -> bool {
    case.places(address).any(|state| is_fallback(&state.assigned.device, ipv4))
}

/// The interface that takes packets of one family in packets of the same.
fn is_fallback(device: &InterfaceName, ipv4: bool) -> bool {
    device.as_str() == if ipv4 { "tunl0" } else { "ip6tnl0" }
}

/// `tunl0` unpacks IPv4 only.
pub(super) fn takes_the_family(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for served in case.held().filter(|served| served.address.is_ipv6()) {
        let wrong = case
            .places(served.address)
            .any(|state| state.assigned.device == InterfaceName::tunl0());
        let right = case.network().links.iter().any(|link| {
            link.up && matches!(link.name.as_str(), "ip6tnl0" | "sit0" | "gre0" | "ip6gre0")
        });
        if !wrong || right {
            continue;
        }
        faults.push(Fault {
            title: format!(
                "{} is on tunl0, which unpacks IPv4 only: its packets are thrown away",
                served.address
            ),
            found: format!("{} on tunl0, and no other tunnel is up", served.address),
            expected: "ip6tnl0 for IPv6 in IPv6 (sit0 for IPv6 in IPv4), up".to_owned(),
            repair: bring_up(case, &InterfaceName::ip6tnl0(), "ip6tnl"),
        });
    }
    faults
}

/// What comes through a tunnel is whole: large packets get to the real server, and clients of this
/// one are told to send smaller ones.
pub(super) fn packets_fit(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = probes::large_packets_arrive(case);
    let rules = case.facts.journal.iter().filter_map(|entry| match &entry.key {
        Some(node::Key::Rule { table, .. }) => Some(*table),
        _ => None,
    });
    let tables: Vec<u32> = rules.collect();
    let lost = case.lost().filter(|(key, _)| match key {
        node::Key::Rule { .. } => true,
        node::Key::WholeRoute(route) => tables.contains(&route.table),
        _ => false,
    });
    let (keys, repair): (Vec<_>, Vec<Step>) = lost.unzip();
    if !repair.is_empty() {
        let keys: Vec<String> = keys.into_iter().map(ToString::to_string).collect();
        faults.push(Fault {
            title: "clients are not told of the smaller segments that fit the tunnel: small pages \
                    work, uploads hang where a network keeps silent about what is too large"
                .to_owned(),
            found: format!("gone, or changed: {}", keys.join("; ")),
            expected: "as lvsctl has set it".to_owned(),
            repair,
        });
    }
    faults
}

pub(super) fn port_unpacks(case: &Case<'_>) -> Vec<Fault> {
    let lost = case.lost().filter_map(|(key, step)| match key {
        node::Key::FouPort { port, .. } => Some((port, step)),
        _ => None,
    });
    let fault = |(port, step)| Fault {
        title: format!(
            "UDP port {port} unpacks nothing: what the director sends in GUE is refused"
        ),
        found: format!("no port {port} (ip fou show)"),
        expected: "gue, as lvsctl has set it".to_owned(),
        repair: vec![step],
    };
    lost.map(fault).collect()
}
