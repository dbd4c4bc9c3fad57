//! The reverse path filter drops, without a word, what comes in by another interface than the
//! answer would leave by.

use std::net::IpAddr;

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault};
use crate::doctor::expectation::is_fallback_tunnel;
use crate::host::{self, Effective, InterfaceName, Sysctl};
use crate::policy::loose_filter;
use lvs::ipvs::Forwarding;

/// Of `rp_filter`.
const STRICT: u32 = 1;

/// Tunnels that take packets for a virtual address of IPv4, and filter strictly.
fn strict_tunnels(case: &Case<'_>) -> Vec<Effective> {
    let mut tunnels: Vec<InterfaceName> = Vec::new();
    for served in case.silent().filter(|served| served.forwarding == Forwarding::Tunnel) {
        let places = case.places(served.address).map(|state| state.assigned.device.clone());
        tunnels.extend(places.filter(is_fallback_tunnel));
        tunnels.extend(served.desired.then(InterfaceName::tunl0));
    }
    // Those that lvsctl made, since the kernel has none that takes such packets from anywhere.
    let journalled = case.facts.journal.iter().filter_map(|entry| match &entry.key {
        Some(host::Key::Link(device)) if entry.value.is_some() => Some(device.clone()),
        _ => None,
    });
    let unpacks = |device: &InterfaceName| device.as_str().starts_with("lvs-");
    tunnels.extend(journalled.filter(unpacks));
    tunnels.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    tunnels.dedup();
    let up = |device: &InterfaceName| case.network().link(device).is_some_and(|link| link.up);
    let values = tunnels.iter().filter(|device| up(device));
    values
        .filter_map(|device| case.effective("rp_filter", device))
        .filter(|effective| effective.value() == STRICT)
        .collect()
}

/// What was written to `default`, and came too late for the tunnel.
fn came_too_late(case: &Case<'_>, effective: &Effective) -> bool {
    let default = case.number(&Sysctl::of_default("rp_filter"));
    effective.all == 0 && default.is_some_and(|default| default != STRICT)
}

fn loosen(case: &Case<'_>, effective: &Effective, otherwise: &'static str) -> Vec<Step> {
    let (value, _) = loose_filter(effective.all, otherwise);
    vec![case.set(Sysctl::of_interface(&effective.device, "rp_filter"), value)]
}

pub(super) fn not_strict_on_tunnel(case: &Case<'_>) -> Vec<Fault> {
    let mut strict = strict_tunnels(case);
    strict.retain(|effective| !came_too_late(case, effective));
    let fault = |effective: Effective| Fault {
        title: format!(
            "{} drops what the director sends: its packets come from clients whom the machine \
             reaches by another interface",
            effective.device
        ),
        found: effective.to_string(),
        expected: "0 or 2".to_owned(),
        repair: loosen(case, &effective, "0"),
    };
    strict.into_iter().map(fault).collect()
}

pub(super) fn not_in_default_alone(case: &Case<'_>) -> Vec<Fault> {
    let mut strict = strict_tunnels(case);
    strict.retain(|effective| came_too_late(case, effective));
    let fault = |effective: Effective| Fault {
        title: format!(
            "{} drops what the director sends: its filter was to be loosened by \
             net/ipv4/conf/default, which counts for interfaces to come only",
            effective.device
        ),
        found: effective.to_string(),
        expected: "0 or 2 on the interface itself".to_owned(),
        repair: loosen(case, &effective, "0"),
    };
    strict.into_iter().map(fault).collect()
}

/// Packets were dropped, and the clients of this interface are reached by another one.
fn deaf(case: &Case<'_>, device: &InterfaceName) -> Option<Fault> {
    let dropped = *case.facts.counters.get("TcpExt IPReversePathFilter")?;
    let way_out = case.topology.default_interface(false)?;
    let effective = case.effective("rp_filter", device)?;
    if dropped == 0 || way_out == device || effective.value() != STRICT {
        return None;
    }
    Some(Fault {
        title: format!(
            "{device} drops clients from afar: they come in by it, and would be answered by \
             {way_out}"
        ),
        found: format!("{effective}; {dropped} packets dropped so far"),
        expected: format!("2, or the way out by {device}"),
        repair: loosen(case, &effective, "2"),
    })
}

/// The faults of the interfaces that face these addresses, each interface once.
fn deaf_to(case: &Case<'_>, addresses: impl Iterator<Item = IpAddr>) -> Vec<Fault> {
    let mut devices: Vec<&InterfaceName> = Vec::new();
    for address in addresses.filter(|address| address.is_ipv4() && case.is_own(*address)) {
        let device = case.facing(address);
        devices.extend(device.filter(|device| !devices.contains(device)));
    }
    devices.into_iter().filter_map(|device| deaf(case, device)).collect()
}

pub(super) fn real_server_hears_clients(case: &Case<'_>) -> Vec<Fault> {
    let direct = case.silent().filter(|served| served.forwarding == Forwarding::DirectRouting);
    deaf_to(case, direct.map(|served| served.address))
}

pub(super) fn director_hears_clients(case: &Case<'_>) -> Vec<Fault> {
    deaf_to(case, case.virtual_addresses().into_iter())
}
