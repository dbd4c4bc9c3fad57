//! What one director tells another of its connections.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, named};
use crate::engine::Change;
use crate::host::{self, DOWN, InterfaceName, Sysctl, UP};
use lvs::ipvs::{AddressFamily, Daemon, DaemonState};

fn daemons<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Daemon> {
    case.facts.table.iter().flat_map(|table| &table.daemons)
}

pub(super) fn interface_carries_it(case: &Case<'_>) -> Vec<Fault> {
    let fault = |daemon: &Daemon| {
        let device: InterfaceName = daemon.interface.parse().ok()?;
        let (state, repair) = match case.network().link(&device) {
            Some(link) if link.up && link.carrier => return None,
            Some(link) if link.up => ("has no carrier", None),
            Some(_) => ("is down", Some(UP.to_owned())),
            None => ("is gone", None),
        };
        let up = |to| {
            let (key, from) = (host::Key::LinkUp(device.clone()), Some(DOWN.to_owned()));
            Step::Host(Change { key, from, to: Some(to) })
        };
        Some(Fault {
            title: format!(
                "{device} {state}, and the other director is told of connections by it: a takeover \
                 loses them"
            ),
            found: format!("the {} daemon on {device} (ipvsadm -L --daemon)", daemon.state.name()),
            expected: format!("{device} up, with a carrier"),
            repair: repair.map(up).into_iter().collect(),
        })
    };
    daemons(case).filter_map(fault).collect()
}

/// Version 0 of the protocol has no addresses of IPv6 (`ipvs-sysctl`).
pub(super) fn protocol_knows_ipv6(case: &Case<'_>) -> Vec<Fault> {
    let sysctl = Sysctl::of_ipvs("sync_version");
    let tells = daemons(case).any(|daemon| daemon.state == DaemonState::Master);
    let mut services = case.services().iter().map(|entry| entry.service.service.identity);
    let ipv6 = services.find(|identity| identity.family() == AddressFamily::Ipv6);
    let Some(identity) = ipv6.filter(|_| tells && case.number(&sysctl) == Some(0)) else {
        return Vec::new();
    };
    vec![Fault {
        title: format!(
            "connections of {} are not told to the other director: a takeover loses them",
            named(identity)
        ),
        found: format!("{sysctl} is 0, a protocol for IPv4 alone"),
        expected: "1".to_owned(),
        repair: vec![case.set(sysctl, 1)],
    }]
}
