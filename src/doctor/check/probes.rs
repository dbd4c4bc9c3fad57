//! What only packets can tell: see [`Facts::probe`](crate::doctor::Facts::probe).

use crate::doctor::case::{Case, Fault};
use crate::doctor::{Owners, Path, Step};
use crate::host::host_prefix;
use crate::policy::TunnelEndpoint;
use lvs::ipvs::{AddressFamily, Forwarding};

/// A director answers for its virtual address itself; on the wire of a real server it alone may.
pub(super) fn address_has_one_owner(case: &Case<'_>) -> Vec<Fault> {
    let probes = case.facts.probes.iter().flat_map(|probes| &probes.owners);
    let mut faults = Vec::new();
    for Owners { address, device, hardware } in probes {
        let held = case.held().any(|served| served.address == *address);
        let own = !held && case.is_own(*address);
        if hardware.len() + usize::from(own) < 2 {
            continue;
        }
        let others = hardware.join(" and ");
        let own = case.network().link(device).filter(|_| own);
        let own = own.and_then(|link| link.hardware.as_deref());
        faults.push(Fault {
            title: format!(
                "{address} has several owners on the wire of {device}: a client, or its router, gets \
                 the one that answers first"
            ),
            found: match own {
                Some(own) => format!("{others} answers for it besides this machine, {own}"),
                None => format!("{others} answer for it"),
            },
            expected: "the director alone: on another machine of that hardware address see A3, A4 \
                       and V1"
                .to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}

/// Small packets get there, and large ones vanish without a word of any router.
pub(super) fn large_packets_arrive(case: &Case<'_>) -> Vec<Fault> {
    let probes = case.facts.probes.iter().flat_map(|probes| &probes.paths);
    let mut faults = Vec::new();
    for Path { real, assumed, carried } in probes {
        let Some(carried) = carried.filter(|carried| carried < assumed) else {
            continue;
        };
        let tunnel = case.destinations().find_map(|(identity, entry)| {
            let it = &entry.destination;
            let ours = it.address == *real && it.forwarding == Forwarding::Tunnel;
            let end = ours.then(|| TunnelEndpoint::new(identity.family(), *real, it.tunnel))?;
            end.map(|end| end.mss(carried))
        });
        let segment = match tunnel {
            Some(segment) => format!(", and segments of {segment} bytes at most"),
            None => String::new(),
        };
        let ip = if AddressFamily::from(*real) == AddressFamily::Ipv4 { "ip" } else { "ip -6" };
        let route = case.topology.route_to(*real).map(|route| {
            let via = route.gateway.map(|gateway| format!(" via {gateway}")).unwrap_or_default();
            let whole = host_prefix(*real);
            let way = format!("{real}/{whole}{via} dev {}", route.device);
            Step::Shell {
                fix: format!("{ip} route add {way} mtu {carried}"),
                undo: Some(format!("{ip} route del {way}")),
            }
        });
        faults.push(Fault {
            title: format!(
                "large packets to {real} vanish: what is packed for the tunnel does not get there, \
                 and small pages work while uploads hang"
            ),
            found: format!("packets of {carried} bytes arrive, of {assumed} they do not"),
            expected: format!("a way for {assumed} bytes; or a route that says {carried}{segment}"),
            repair: route.into_iter().collect(),
        });
    }
    faults
}
