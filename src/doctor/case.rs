//! What a check is given: the facts, what was expected, and the questions that several checks ask.

use std::net::{IpAddr, SocketAddr};

use super::expectation::Expectation;
use super::facts::Destinations;
use super::{Facts, Listener, Served, Step, Symptom};
use crate::engine::Change;
use crate::host::{
    self, AddressState, Effective, InterfaceName, Inventory, PRESENT, Sysctl, Topology, host_prefix,
};
use lvs::ipvs::{DestinationEntry, Forwarding, ServiceIdentity, Timeouts};

/// One machine that is examined.
pub(super) struct Case<'a> {
    pub(super) facts: &'a Facts,
    pub(super) expectation: &'a Expectation,
    pub(super) topology: Topology,
    /// What somebody sees, where he said so.
    pub(super) symptom: Option<Symptom>,
}

/// A fault that one check found.
pub(super) struct Fault {
    pub(super) title: String,
    pub(super) found: String,
    pub(super) expected: String,
    pub(super) repair: Vec<Step>,
}

impl<'a> Case<'a> {
    pub(super) fn new(facts: &'a Facts, expectation: &'a Expectation) -> Self {
        Self { facts, expectation, topology: facts.network.topology(), symptom: None }
    }

    pub(super) fn network(&self) -> &'a Inventory {
        &self.facts.network
    }

    /// Virtual addresses of IPv4 that a real server must be silent about.
    pub(super) fn silent(&self) -> impl Iterator<Item = &'a Served> {
        self.held().filter(|served| served.address.is_ipv4())
    }

    /// Virtual addresses that a real server must have itself: those of TUN and DR.
    pub(super) fn held(&self) -> impl Iterator<Item = &'a Served> {
        self.expectation.served.iter().filter(|served| served.forwarding != Forwarding::Masquerade)
    }

    /// Sockets that wait for clients; `None` where not all of them are known.
    pub(super) fn listeners(&self) -> Option<&'a [Listener]> {
        self.facts.listeners.as_deref().filter(|_| !self.facts.kernel.hidden_listeners)
    }

    pub(super) fn services(&self) -> &'a [Destinations] {
        self.facts.table.as_ref().map_or(&[], |table| &table.services)
    }

    /// Each destination beside its service.
    pub(super) fn destinations(
        &self,
    ) -> impl Iterator<Item = (ServiceIdentity, &'a DestinationEntry)> {
        self.services().iter().flat_map(|entry| {
            let identity = entry.service.service.identity;
            entry.destinations.iter().map(move |destination| (identity, destination))
        })
    }

    /// The virtual addresses of the table's services, each once.
    pub(super) fn virtual_addresses(&self) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for entry in self.services() {
            if let ServiceIdentity::Address { address, .. } = entry.service.service.identity
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        addresses
    }

    /// What the cluster file wants to be done about a service and its destinations.
    pub(super) fn wanted_of(&self, service: ServiceIdentity) -> Vec<Step> {
        let intent = self.expectation.intent.iter();
        intent.flat_map(|intent| intent.unmet_of(service)).map(|wish| wish.step.clone()).collect()
    }

    /// The timeouts that the cluster file wants; a 0 is left to others.
    pub(super) fn wanted_timeouts(&self) -> Option<Timeouts> {
        self.expectation.intent.as_ref()?.timeouts()
    }

    /// Where an address is on this machine.
    pub(super) fn places(&self, address: IpAddr) -> impl Iterator<Item = &'a AddressState> {
        self.network().addresses.iter().filter(move |state| state.assigned.address == address)
    }

    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        self.places(address).next().is_some()
    }

    /// The interface on whose wire neighbours may ask for a virtual address: that whose subnet
    /// holds it. Elsewhere nobody asks.
    pub(super) fn facing(&self, address: IpAddr) -> Option<&InterfaceName> {
        let device = self.topology.on_link(address)?;
        self.network().link(device).filter(|link| link.arp).map(|_| device)
    }

    pub(super) fn effective(
        &self,
        parameter: &'static str,
        device: &InterfaceName,
    ) -> Option<Effective> {
        Effective::read(parameter, device, |sysctl| self.network().sysctl(sysctl))
    }

    pub(super) fn number(&self, sysctl: &Sysctl) -> Option<u32> {
        self.network().sysctl(sysctl)?.parse().ok()
    }

    /// The step that sets a sysctl.
    pub(super) fn set(&self, sysctl: Sysctl, to: impl ToString) -> Step {
        let from = self.network().sysctl(&sysctl).map(str::to_owned);
        Step::Host(Change { key: host::Key::Sysctl(sysctl), from, to: Some(to.to_string()) })
    }

    /// The steps that switch a parameter off which is on where either value is.
    pub(super) fn switch_off(&self, effective: &Effective) -> Vec<Step> {
        let parameter = effective.parameter;
        let all = (effective.all != 0).then(|| Sysctl::of_all_interfaces(parameter));
        let own = (effective.own != 0).then(|| Sysctl::of_interface(&effective.device, parameter));
        all.into_iter().chain(own).map(|sysctl| self.set(sysctl, 0)).collect()
    }
}

/// The step that gives an interface an address.
pub(super) fn give(address: IpAddr, device: &InterfaceName) -> Step {
    let key = host::Key::Address { address, prefix: host_prefix(address), device: device.clone() };
    Step::Host(Change { key, from: None, to: Some(PRESENT.to_owned()) })
}

/// The step that takes an address away.
pub(super) fn take(state: &AddressState) -> Step {
    let assigned = state.assigned.clone();
    let (address, prefix, device) = (assigned.address, assigned.prefix, assigned.device);
    let key = host::Key::Address { address, prefix, device };
    Step::Host(Change { key, from: Some(PRESENT.to_owned()), to: None })
}

/// A service as people name it.
pub(super) fn named(identity: ServiceIdentity) -> String {
    match identity {
        ServiceIdentity::Address { protocol, address, port } => {
            let protocol = protocol.name().unwrap_or("ip");
            format!("{protocol} {}", SocketAddr::new(address, port))
        }
        ServiceIdentity::Mark { mark, .. } => format!("fwmark {mark}"),
    }
}
