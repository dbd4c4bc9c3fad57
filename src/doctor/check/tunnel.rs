//! Tunnels: packets that fit, and receive ports.

use crate::doctor::context::Context;
use crate::doctor::facts::PathMtu;
use crate::doctor::finding::{Fault, Step};
use crate::host::{self, host_prefix};
use crate::policy::TunnelEndpoint;
use lvs::ipvs::Forwarding;

/// Found by probes: small packets arrive, and large ones are lost without an ICMP error.
pub(super) fn large_packets_are_lost(context: &Context<'_>) -> Vec<Fault> {
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
            let route = format!("{real}/{}{via} dev {:#}", host_prefix(*real), route.device()?);
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

/// Where ICMP is filtered, clients learn the segment size that fits the tunnel from the real server
/// alone.
pub(super) fn segment_size_is_not_announced(context: &Context<'_>) -> Option<Fault> {
    let drift =
        context.journal_drift().filter(|(key, _)| matches!(key, host::Key::DefaultRouteMss { .. }));
    let (keys, repair): (Vec<_>, Vec<Step>) = drift.unzip();
    let keys: Vec<String> = keys.into_iter().map(ToString::to_string).collect();
    (!repair.is_empty()).then(|| Fault {
        title: "clients do not learn the segment size that fits the tunnel: small pages work, \
                uploads hang where ICMP is filtered"
            .to_owned(),
        found: format!("missing or changed: {}", keys.join("; ")),
        expected: "as lvsctl has set it".to_owned(),
        repair,
    })
}

/// Missing though lvsctl set it, or the cluster file desires it.
pub(super) fn receive_port_is_closed(context: &Context<'_>) -> Vec<Fault> {
    let desired = context.expectation.unmet().filter_map(|entry| Some((entry.host()?, entry)));
    let desired = desired.map(|(key, entry)| (key, entry.step.clone()));
    let mut known: Vec<&host::Key> = Vec::new();
    let mut faults = Vec::new();
    for (key, step) in context.journal_drift().chain(desired) {
        let host::Key::FouPort { port, .. } = key else { continue };
        if known.contains(&key) {
            continue;
        }
        known.push(key);
        faults.push(Fault {
            title: format!("no receive port {port} for GUE: packets of the director are refused"),
            found: format!("no port {port} (ip fou show)"),
            expected: "gue, as lvsctl has set it".to_owned(),
            repair: vec![step],
        });
    }
    faults
}
