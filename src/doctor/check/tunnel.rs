//! Tunnels: the decapsulating interface and its reverse path filter, and packets that fit.

use crate::doctor::context::{Context, STRICT_FILTER};
use crate::doctor::expectation::{Served, is_fallback_tunnel};
use crate::doctor::facts::PathMtu;
use crate::doctor::finding::{Fault, Step};
use crate::engine::Change;
use crate::host::{self, DOWN, Effective, InterfaceName, Sysctl, UP, host_prefix};
use crate::policy::{Role, TunnelEndpoint};
use lvs::ipvs::Forwarding;

pub(super) fn interface_is_not_up(context: &Context<'_>) -> Vec<Fault> {
    let fault = |(device, kind): (InterfaceName, String)| {
        let link = context.network().link(&device);
        let state = match link {
            Some(link) if link.up => return None,
            Some(_) => "down",
            None => "missing",
        };
        Some(Fault {
            title: format!(
                "{device} is {state}: no interface decapsulates the packets of the director"
            ),
            found: match link {
                None => format!("no interface {device}"),
                Some(_) => format!("{device} is down"),
            },
            expected: format!("{device} of kind {kind}, up"),
            repair: bring_up(context, &device, &kind),
        })
    };
    required_interfaces(context).into_iter().filter_map(fault).collect()
}

/// The interfaces that must be up, with their kind: those that lvsctl set up on a real server, and
/// those that have a virtual address, or should, unless a tunnel of another kind may replace them.
fn required_interfaces(context: &Context<'_>) -> Vec<(InterfaceName, String)> {
    let mut required: Vec<(InterfaceName, String)> = Vec::new();
    for entry in &context.facts.journal {
        if !entry.owners.iter().any(|owner| owner.role() == Some(Role::RealServer)) {
            continue;
        }
        if let (Some(host::Key::Link(device)), Some(kind)) = (&entry.key, &entry.value) {
            required.push((device.clone(), kind.clone()));
        }
    }
    let links = &context.network().links;
    if links.iter().any(|link| link.up && matches!(link.name.as_str(), "gre0" | "sit0")) {
        return required;
    }
    for (device, kind, ipv4) in
        [(InterfaceName::tunl0(), "ipip", true), (InterfaceName::ip6tnl0(), "ip6tnl", false)]
    {
        let is_here = |served: &Served| {
            let mut states = context.assignments(served.address);
            served.desired || states.any(|state| state.interface == device)
        };
        let needed = context.local_vips().any(|served| {
            served.forwarding == Forwarding::Tunnel
                && served.address.is_ipv4() == ipv4
                && is_here(served)
                && context.desired_device(served.address).is_none_or(|it| *it == device)
        });
        if needed && !required.iter().any(|(known, _)| *known == device) {
            required.push((device, kind.to_owned()));
        }
    }
    required
}

/// The steps that bring a tunnel up, and restore what lvsctl has set on it.
pub(super) fn bring_up(context: &Context<'_>, device: &InterfaceName, kind: &str) -> Vec<Step> {
    let step = |key, from: Option<&str>, to: &str| {
        Step::Host(Change { key, from: from.map(str::to_owned), to: Some(to.to_owned()) })
    };
    let (link, state) = (host::Key::Link(device.clone()), host::Key::LinkUp(device.clone()));
    let missing = context.network().link(device).is_none();
    let mut steps = context.journal_drift_on(device);
    steps.retain(|step| !matches!(step, Step::Host(it) if it.key == link || it.key == state));
    // ARP suppression comes before the address.
    let is_sysctl =
        |step: &Step| matches!(step, Step::Host(Change { key: host::Key::Sysctl(_), .. }));
    let sysctls = steps.iter().take_while(|step| is_sysctl(step)).count();
    steps.insert(sysctls, step(state, Some(DOWN), UP));
    let make = missing.then(|| step(link, None, kind));
    make.into_iter().chain(steps).collect()
}

/// `tunl0` decapsulates IPv4 only.
pub(super) fn family_is_not_decapsulated(context: &Context<'_>, served: &Served) -> Option<Fault> {
    let (address, tunl0) = (served.address, InterfaceName::tunl0());
    let is_tunnel = |name: &str| name != tunl0.as_str() && host::is_fallback_tunnel(name);
    let has_tunnel =
        context.network().links.iter().any(|link| link.up && is_tunnel(link.name.as_str()));
    let on_tunl0 = context.assignments(address).any(|state| state.interface == tunl0);
    (address.is_ipv6() && on_tunl0 && !has_tunnel).then(|| Fault {
        title: format!("{address} is on tunl0, which decapsulates IPv4 only: its packets are lost"),
        found: format!("{address} on tunl0, and no other tunnel is up"),
        expected: "ip6tnl0 for IPv6 in IPv6 (sit0 for IPv6 in IPv4), up".to_owned(),
        repair: bring_up(context, &InterfaceName::ip6tnl0(), "ip6tnl"),
    })
}

/// Tunnels that receive packets for virtual addresses of IPv4 and filter strictly. `by_default`
/// selects those for which `default` was loosened, but too late.
fn strict_tunnels(context: &Context<'_>, by_default: bool) -> Vec<Effective> {
    let mut tunnels: Vec<InterfaceName> = Vec::new();
    for served in context.suppressed().filter(|it| it.forwarding == Forwarding::Tunnel) {
        let devices = context.assignments(served.address).map(|state| state.interface.name.clone());
        tunnels.extend(devices.filter(is_fallback_tunnel));
        tunnels.extend(served.desired.then(InterfaceName::tunl0));
    }
    // lvsctl creates those for which the kernel has no fallback interface.
    let journalled = context.facts.journal.iter().filter_map(|entry| match &entry.key {
        Some(host::Key::Link(device)) if entry.value.is_some() => Some(device.clone()),
        _ => None,
    });
    tunnels.extend(journalled.filter(|device| device.as_str().starts_with("lvs-")));
    tunnels.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    tunnels.dedup();
    let default = context.number(&Sysctl::of_default("rp_filter"));
    let strict = tunnels.iter().filter_map(|device| {
        let effective = context.effective("rp_filter", device)?;
        let is_up = context.network().link(device).is_some_and(|link| link.up);
        let loose_default =
            effective.all == 0 && default.is_some_and(|value| value != STRICT_FILTER);
        (is_up && effective.value() == STRICT_FILTER && loose_default == by_default)
            .then_some(effective)
    });
    strict.collect()
}

pub(super) fn filter_is_strict(context: &Context<'_>) -> Vec<Fault> {
    let fault = |effective: Effective| Fault {
        title: format!(
            "{} drops decapsulated packets: they come from clients that are reached by another \
             interface",
            effective.device
        ),
        found: effective.to_string(),
        expected: "0 or 2".to_owned(),
        repair: vec![context.loosen_filter(&effective, "0")],
    };
    strict_tunnels(context, false).into_iter().map(fault).collect()
}

pub(super) fn filter_is_loose_by_default_only(context: &Context<'_>) -> Vec<Fault> {
    let fault = |effective: Effective| Fault {
        title: format!(
            "{} drops decapsulated packets: net/ipv4/conf/default loosens the filter of new \
             interfaces only",
            effective.device
        ),
        found: effective.to_string(),
        expected: "0 or 2 on the interface itself".to_owned(),
        repair: vec![context.loosen_filter(&effective, "0")],
    };
    strict_tunnels(context, true).into_iter().map(fault).collect()
}

/// Large packets do not reach a real server, or clients of this one do not learn the segment size
/// that fits the tunnel.
pub(super) fn large_packets_are_lost(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = path_faults(context);
    let rules = context.facts.journal.iter().filter_map(|entry| match &entry.key {
        Some(host::Key::Rule { table, .. }) => Some(*table),
        _ => None,
    });
    let tables: Vec<u32> = rules.collect();
    let drift = context.journal_drift().filter(|(key, _)| match key {
        host::Key::Rule { .. } | host::Key::DefaultRouteMss { .. } => true,
        host::Key::FullRoute(route) => tables.contains(&route.table),
        _ => false,
    });
    let (keys, repair): (Vec<_>, Vec<Step>) = drift.unzip();
    if !repair.is_empty() {
        let keys: Vec<String> = keys.into_iter().map(ToString::to_string).collect();
        faults.push(Fault {
            title: "clients do not learn the segment size that fits the tunnel: small pages work, \
                    uploads hang where ICMP is filtered"
                .to_owned(),
            found: format!("missing or changed: {}", keys.join("; ")),
            expected: "as lvsctl has set it".to_owned(),
            repair,
        });
    }
    faults
}

/// Found by probes: small packets arrive, and large ones are lost without an ICMP error.
fn path_faults(context: &Context<'_>) -> Vec<Fault> {
    let probes = context.facts.probes.iter().flat_map(|probes| &probes.paths);
    let mut faults = Vec::new();
    for PathMtu { real, assumed, carried } in probes {
        let Some(carried) = carried.filter(|carried| carried < assumed) else {
            continue;
        };
        let tunnel = context.destinations().find_map(|(identity, entry)| {
            let it = &entry.destination;
            let is_tunnel = it.address == *real && it.forwarding == Forwarding::Tunnel;
            let end =
                is_tunnel.then(|| TunnelEndpoint::new(identity.family(), *real, it.tunnel))?;
            end.map(|end| end.mss(carried))
        });
        let segment = match tunnel {
            Some(segment) => format!(", and segments of {segment} bytes at most"),
            None => String::new(),
        };
        let ip = if real.is_ipv4() { "ip" } else { "ip -6" };
        let route = context.network().route_to(*real).and_then(|route| {
            let via = route.gateway().map(|gateway| format!(" via {gateway}")).unwrap_or_default();
            let route = format!("{real}/{}{via} dev {}", host_prefix(*real), route.device()?);
            Some(Step::Shell {
                fix: format!("{ip} route add {route} mtu {carried}"),
                undo: Some(format!("{ip} route del {route}")),
            })
        });
        faults.push(Fault {
            title: format!(
                "large packets to {real} are lost: full encapsulated packets do not arrive, so \
                 small pages work and uploads hang"
            ),
            found: format!("packets of {carried} bytes arrive, of {assumed} they do not"),
            expected: format!("a path MTU of {assumed}; or a route with MTU {carried}{segment}"),
            repair: route.into_iter().collect(),
        });
    }
    faults
}

pub(super) fn receive_port_is_closed(context: &Context<'_>) -> Vec<Fault> {
    let drift = context.journal_drift().filter_map(|(key, step)| match key {
        host::Key::FouPort { port, .. } => Some((port, step)),
        _ => None,
    });
    let fault = |(port, step)| Fault {
        title: format!("no receive port {port} for GUE: packets of the director are refused"),
        found: format!("no port {port} (ip fou show)"),
        expected: "gue, as lvsctl has set it".to_owned(),
        repair: vec![step],
    };
    drift.map(fault).collect()
}
