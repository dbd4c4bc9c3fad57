//! The interface that unpacks what the director packed.

use super::probes;
use crate::doctor::Step;
use crate::doctor::case::{Case, Fault};
use crate::doctor::facts::is_of;
use crate::engine::Change;
use crate::host::{self, DOWN, InterfaceName, UP};
use lvs::ipvs::Forwarding;

/// The interface is missing, or down.
pub(super) fn is_up(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (device, kind) in ends(case) {
        let link = case.network().link(&device);
        if link.is_some_and(|link| link.up) {
            continue;
        }
        faults.push(Fault {
            title: format!(
                "{device} is {}: nobody unpacks what the director sends",
                if link.is_none() { "missing" } else { "down" }
            ),
            found: match link {
                None => format!("no interface {device}"),
                Some(_) => format!("{device} is there, and down"),
            },
            expected: format!("{device} of kind {kind}, up"),
            repair: bring_up(case, &device, &kind),
        });
    }
    faults
}

/// The interfaces that must be up, each with its kind: those that lvsctl set up on a real server, and
/// those that an address is on, or would be, unless a tunnel of another kind may do its work.
fn ends(case: &Case<'_>) -> Vec<(InterfaceName, String)> {
    let mut ends: Vec<(InterfaceName, String)> = Vec::new();
    for entry in &case.facts.journal {
        let of_real_server = entry.owners.iter().any(|owner| is_of(owner, "real-server"));
        if let (Some(host::Key::Link(device)), Some(kind), true) =
            (&entry.key, &entry.value, of_real_server)
        {
            ends.push((device.clone(), kind.clone()));
        }
    }
    let is_up = |name: &&str| {
        let mut links = case.network().links.iter();
        links.any(|link| link.name.as_str() == *name && link.up)
    };
    if ["gre0", "sit0"].iter().any(is_up) {
        return ends;
    }
    for (device, kind, ipv4) in
        [(InterfaceName::tunl0(), "ipip", true), (InterfaceName::ip6tnl0(), "ip6tnl", false)]
    {
        let needed = case.held().any(|served| {
            served.forwarding == Forwarding::Tunnel
                && served.address.is_ipv4() == ipv4
                && (served.desired || on(case, served.address, ipv4))
                && case.place(served.address).is_none_or(|it| is_fallback(it, ipv4))
        });
        if needed && !ends.iter().any(|(known, _)| *known == device) {
            ends.push((device, kind.to_owned()));
        }
    }
    ends
}

/// The steps to a tunnel that is up, and has again what lvsctl has set on it.
pub(super) fn bring_up(case: &Case<'_>, device: &InterfaceName, kind: &str) -> Vec<Step> {
    let step = |key, from: Option<&str>, to: &str| {
        Step::Host(Change { key, from: from.map(str::to_owned), to: Some(to.to_owned()) })
    };
    let (link, state) = (host::Key::Link(device.clone()), host::Key::LinkUp(device.clone()));
    let missing = case.network().link(device).is_none();
    let mut steps = case.lost_on(device);
    steps.retain(|step| !matches!(step, Step::Host(it) if it.key == link || it.key == state));
    // Parameters come before the address that they keep silent about.
    let is_parameter =
        |step: &Step| matches!(step, Step::Host(Change { key: host::Key::Sysctl(_), .. }));
    let parameters = steps.iter().take_while(|step| is_parameter(step)).count();
    steps.insert(parameters, step(state, Some(DOWN), UP));
    let make = missing.then(|| step(link, None, kind));
    make.into_iter().chain(steps).collect()
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
        Some(host::Key::Rule { table, .. }) => Some(*table),
        _ => None,
    });
    let tables: Vec<u32> = rules.collect();
    let lost = case.lost().filter(|(key, _)| match key {
        host::Key::Rule { .. } => true,
        host::Key::FullRoute(route) => tables.contains(&route.table),
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
        host::Key::FouPort { port, .. } => Some((port, step)),
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
