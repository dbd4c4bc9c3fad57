//! Virtual addresses that a director takes: its neighbours learn that it has them.

use std::net::IpAddr;

use super::address::faces_nobody;
use super::{DesiredItem, Role};
use crate::engine::System;
use crate::host::machine::{self, Key, Machine};
use crate::host::{self, InterfaceName, State, Sysctl, Wire};

/// A virtual address that this machine answers ARP or neighbour solicitations for once it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Takeover {
    pub(crate) vip: IpAddr,
    /// The interface on which it answers.
    pub(crate) device: InterfaceName,
    pub(crate) wire: Wire,
}

impl Takeover {
    /// Tells the neighbours that the addresses are here now.
    pub(crate) fn announce(taken: &[Self]) {
        let addresses: Vec<_> = taken.iter().map(|it| (it.vip, it.wire)).collect();
        if let Err(error) = host::announce(&addresses) {
            tracing::warn!("cannot announce the virtual addresses: {error}");
        }
    }
}

/// Whether an item is the virtual address of a director, or the route to it.
pub(super) fn assigns_vip(item: &DesiredItem) -> bool {
    let Some(owner) = item.owner.address().filter(|owner| owner.role == Role::Director) else {
        return false;
    };
    match &item.key {
        Key::Host(host::Key::Address { address, .. }) => *address == owner.vip,
        Key::Host(host::Key::Route { destination, .. }) => *destination == owner.vip,
        _ => false,
    }
}

/// The virtual addresses that are missing, and that neighbours will ask for. No neighbour asks on an
/// interface that does not run, or is no Ethernet.
pub(crate) fn takeovers(
    machine: &mut Machine,
    desired: &[DesiredItem],
) -> Result<Vec<Takeover>, machine::Error> {
    let mut takeovers: Vec<Takeover> = Vec::new();
    let mut state = None;
    for item in desired.iter().filter(|item| item.value.is_some() && assigns_vip(item)) {
        let Key::Host(host::Key::Address { address, device, .. }) = &item.key else { continue };
        let known = takeovers.iter().any(|takeover| takeover.vip == *address);
        if known || machine.read(&item.key)?.is_some() {
            continue;
        }
        let state = match &mut state {
            Some(state) => state,
            state => state.insert(machine.state()?),
        };
        let Some(device) = answering(machine, state, *address, device)? else { continue };
        let link = state.link(&device).filter(|link| link.arp && link.up && link.carrier);
        let wire = link.and_then(|link| Wire::parse(link.index, link.hardware.as_deref()?));
        takeovers.extend(wire.map(|wire| Takeover { vip: *address, device, wire }));
    }
    Ok(takeovers)
}

/// The interface on which the machine will answer for an address. Linux answers ARP for any of its
/// addresses, unless `arp_ignore` of the interface forbids it.
fn answering(
    machine: &mut Machine,
    state: &State,
    vip: IpAddr,
    device: &InterfaceName,
) -> Result<Option<InterfaceName>, machine::Error> {
    if !faces_nobody(device) {
        return Ok(Some(device.clone()));
    }
    let Some(device) = state.on_link(vip).filter(|_| vip.is_ipv4()) else { return Ok(None) };
    for sysctl in
        [Sysctl::of_all_interfaces("arp_ignore"), Sysctl::of_interface(device, "arp_ignore")]
    {
        let value = machine.read(&Key::Host(host::Key::Sysctl(sysctl)))?;
        if value.is_some_and(|value| value.to_string() != "0") {
            return Ok(None);
        }
    }
    Ok(Some(device.clone()))
}
