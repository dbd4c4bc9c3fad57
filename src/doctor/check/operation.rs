//! Timers and switches that hurt later.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, named};
use crate::host::Sysctl;
use lvs::ipvs::{Forwarding, Protocol, ServiceFlags};

pub(super) fn drained_servers_lose_clients(case: &Case<'_>) -> Vec<Fault> {
    let sysctl = Sysctl::of_ipvs("expire_quiescent_template");
    if case.number(&sysctl) != Some(0) {
        return Vec::new();
    }
    let drained = case.services().iter().find_map(|entry| {
        let drained = entry.destinations.iter().find(|it| it.destination.weight == 0)?;
        entry.service.service.is_persistent().then_some((entry, drained))
    });
    let Some((entry, drained)) = drained else {
        return Vec::new();
    };
    vec![Fault {
        title: format!(
            "{} is of weight 0 and keeps getting the clients of {} that it had, as long as they \
             come back",
            drained.destination.address,
            named(entry.service.service.identity)
        ),
        found: format!("{sysctl} is 0, with persistence"),
        expected: "1".to_owned(),
        repair: vec![case.set(sysctl, 1)],
    }]
}

pub(super) fn removed_servers_lose_connections(case: &Case<'_>) -> Vec<Fault> {
    let sysctl = Sysctl::of_ipvs("expire_nodest_conn");
    let checker = case
        .facts
        .controllers
        .iter()
        .find(|name| matches!(name.as_str(), "keepalived" | "ldirectord"));
    let (Some(0), Some(checker)) = (case.number(&sysctl), checker) else {
        return Vec::new();
    };
    if case.services().is_empty() {
        return Vec::new();
    }
    vec![Fault {
        title: format!(
            "clients of a real server that {checker} removes hang until their own timeout, instead \
             of being told at once"
        ),
        found: format!("{sysctl} is 0"),
        expected: "1".to_owned(),
        repair: vec![case.set(sysctl, 1)],
    }]
}

/// Of `drop_entry`, `drop_packet` and `secure_tcp`: on, whether there is an attack or not.
const ALWAYS: u32 = 3;

pub(super) fn no_defence_without_attack(case: &Case<'_>) -> Vec<Fault> {
    let effects = [
        ("drop_entry", "connections are forgotten at random"),
        ("drop_packet", "packets are dropped at random"),
        ("secure_tcp", "connections that are not established time out early"),
    ];
    let on = effects.into_iter().map(|(name, effect)| (Sysctl::of_ipvs(name), effect));
    let on =
        on.filter(|(sysctl, _)| !case.services().is_empty() && case.number(sysctl) == Some(ALWAYS));
    on.map(|(sysctl, effect)| Fault {
        title: format!("{effect}, though memory is not short"),
        found: format!("{sysctl} is 3"),
        expected: "0, or 1 for when memory is short".to_owned(),
        repair: vec![case.set(sysctl, 0)],
    })
    .collect()
}

pub(super) fn tunnels_keep_dont_fragment(case: &Case<'_>) -> Vec<Fault> {
    let sysctl = Sysctl::of_ipvs("pmtu_disc");
    let tunnels =
        case.destinations().any(|(_, it)| it.destination.forwarding == Forwarding::Tunnel);
    if !tunnels || case.number(&sysctl) != Some(0) {
        return Vec::new();
    }
    vec![Fault {
        title: "packets too large for a tunnel are sent in fragments, which many networks drop, \
                and clients are not told of a smaller size"
            .to_owned(),
        found: format!("{sysctl} is 0, with real servers of tunnelling"),
        expected: "1".to_owned(),
        repair: vec![case.set(sysctl, 1)],
    }]
}

/// The kernel's own timeouts, in seconds.
const TCP: u32 = 900;
const UDP: u32 = 300;

pub(super) fn idle_connections_are_kept(case: &Case<'_>) -> Vec<Fault> {
    let Some(table) = &case.facts.table else {
        return Vec::new();
    };
    let timeouts = table.timeouts;
    if case.wanted_timeouts().is_some_and(|desired| desired.tcp != 0) {
        return Vec::new();
    }
    let tcp = case
        .services()
        .iter()
        .any(|entry| entry.service.service.identity.protocol() == Protocol::TCP);
    if !tcp || timeouts.tcp >= TCP {
        return Vec::new();
    }
    let (udp, fin) = (timeouts.udp, timeouts.tcp_fin);
    vec![Fault {
        title: format!(
            "connections that are silent for {} seconds are forgotten, and their next packet is \
             reset: keepalives come after 7200 seconds by default",
            timeouts.tcp
        ),
        found: format!("timeouts {} {fin} {udp} (ipvsadm -L --timeout)", timeouts.tcp),
        expected: format!("the kernel's {TCP} at least, or applications that speak more often"),
        repair: vec![Step::Shell {
            fix: format!("ipvsadm --set {TCP} 0 0"),
            undo: Some(format!("ipvsadm --set {} 0 0", timeouts.tcp)),
        }],
    }]
}

pub(super) fn datagrams_are_forgotten(case: &Case<'_>) -> Vec<Fault> {
    let Some(table) = &case.facts.table else {
        return Vec::new();
    };
    let timeouts = table.timeouts;
    if case.wanted_timeouts().is_some_and(|desired| desired.udp != 0) {
        return Vec::new();
    }
    let sticky = case.services().iter().find(|entry| {
        let service = &entry.service.service;
        service.identity.protocol() == Protocol::UDP
            && !service.flags.contains(ServiceFlags::ONE_PACKET)
    });
    let Some(entry) = sticky.filter(|_| timeouts.udp > UDP) else {
        return Vec::new();
    };
    vec![Fault {
        title: format!(
            "clients of {} stay with one real server for {} seconds, even when it is dead",
            named(entry.service.service.identity),
            timeouts.udp
        ),
        found: format!("timeouts {} {} {}", timeouts.tcp, timeouts.tcp_fin, timeouts.udp),
        expected: format!("the kernel's {UDP} at most, or the service with --ops"),
        repair: vec![Step::Shell {
            fix: format!("ipvsadm --set 0 0 {UDP}"),
            undo: Some(format!("ipvsadm --set 0 0 {}", timeouts.udp)),
        }],
    }]
}
