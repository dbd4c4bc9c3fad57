//! What a check gets: the facts, the expectation, and the questions that several checks ask.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::expectation::Expectation;
use super::facts::{CONNTRACK_DROPPED, Facts, Listener, ServiceState};
use super::finding::{Fault, Step};
use super::symptom::Symptom;
use crate::engine::Change;
use crate::host::{self, Address, Effective, InterfaceName, State, Sysctl};
use crate::path::{Machine, Served};
pub(super) use crate::path::{add_address, delete_address};
use lvs::ipvs::{DestinationEntry, Forwarding, ServiceIdentity, Timeouts};
use lvs::table;

pub(super) struct Context<'a> {
    pub(super) facts: &'a Facts,
    pub(super) expectation: &'a Expectation,
    pub(super) symptom: Option<Symptom>,
    /// What walks look at.
    pub(super) machine: Machine<'a>,
    /// The interfaces that the cluster file, or else lvsctl's journal, gives addresses to.
    devices: HashMap<IpAddr, &'a InterfaceName>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        expectation: &'a Expectation,
        symptom: Option<Symptom>,
    ) -> Self {
        let listeners = facts.listeners.as_deref().filter(|_| !facts.kernel.hidden_listeners);
        let mut machine = Machine::new(&facts.network, facts.filters.as_ref(), listeners);
        let dropped = facts.counters.get("TcpExt IPReversePathFilter");
        machine.untracked_drops = facts.counters.get(CONNTRACK_DROPPED).copied();
        machine.has_dropped = dropped.is_some_and(|count| *count > 0);
        machine.unreachable_clients =
            facts.table.as_ref().map_or(&[], |table| &table.unreachable_clients);
        let desired = expectation.desired.iter().flat_map(|desired| &desired.entries);
        let keys = desired.filter_map(|entry| entry.host());
        let journalled = facts.journal.iter().filter_map(|entry| entry.key.as_ref());
        let mut devices = HashMap::new();
        for key in keys.chain(journalled) {
            if let host::Key::Address { address, device, .. } = key {
                devices.entry(*address).or_insert(device);
            }
        }
        Self { facts, expectation, symptom, machine, devices }
    }

    pub(super) fn network(&self) -> &'a State {
        &self.facts.network
    }

    /// The virtual addresses of IPv4 for which a real server must not answer or announce ARP.
    pub(super) fn suppressed(&self) -> impl Iterator<Item = &'a Served> {
        self.local_vips().filter(|served| served.address.is_ipv4())
    }

    /// The virtual addresses that a real server must have itself: those of TUN and DR.
    pub(super) fn local_vips(&self) -> impl Iterator<Item = &'a Served> {
        self.expectation.served.iter().filter(|served| served.forwarding != Forwarding::Masquerade)
    }

    /// The listening sockets; `None` if some of them may be unknown.
    pub(super) fn listeners(&self) -> Option<&'a [Listener]> {
        self.machine.listeners
    }

    pub(super) fn services(&self) -> &'a [ServiceState] {
        self.facts.services()
    }

    pub(super) fn destinations(
        &self,
    ) -> impl Iterator<Item = (ServiceIdentity, &'a DestinationEntry)> {
        self.facts.destinations()
    }

    /// The virtual addresses of the services in the IPVS table, each once.
    pub(super) fn directed_vips(&self) -> Vec<IpAddr> {
        let mut seen = HashSet::new();
        let addresses = self.services().iter().filter_map(|state| match state.identity() {
            ServiceIdentity::Address { address, .. } => Some(address),
            ServiceIdentity::Mark { .. } => None,
        });
        addresses.filter(|address| seen.insert(*address)).collect()
    }

    /// The timeouts of the cluster file; 0 leaves one as it is.
    pub(super) fn desired_timeouts(&self) -> Option<Timeouts> {
        self.expectation.desired.as_ref()?.timeouts()
    }

    /// The interface that the cluster file or lvsctl's journal gives an address to.
    pub(super) fn desired_device(&self, address: IpAddr) -> Option<&'a InterfaceName> {
        self.devices.get(&address).copied()
    }

    /// Every assignment of an address to an interface of this machine.
    pub(super) fn assignments(&self, address: IpAddr) -> impl Iterator<Item = &'a Address> {
        self.machine.assignments(address)
    }

    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        self.machine.is_own(address)
    }

    pub(super) fn effective(
        &self,
        parameter: &'static str,
        device: &InterfaceName,
    ) -> Option<Effective> {
        self.machine.effective(parameter, device)
    }

    pub(super) fn number(&self, sysctl: &Sysctl) -> Option<u32> {
        self.machine.number(sysctl)
    }

    /// The step that sets a sysctl.
    pub(super) fn set(&self, sysctl: Sysctl, to: impl ToString) -> Step {
        self.machine.set(sysctl, to)
    }

    /// A sysctl that is 0 and must be 1. `why` follows the actual value.
    pub(super) fn is_off(&self, sysctl: Sysctl, why: &str, title: String) -> Fault {
        let (found, expected) = (format!("{sysctl} is 0{why}"), "1".to_owned());
        Fault { title, found, expected, repair: vec![self.set(sysctl, 1)] }
    }

    /// The steps that switch off a parameter that is on if either value is.
    pub(super) fn switch_off(&self, effective: &Effective) -> Vec<Step> {
        let parameter = effective.parameter;
        let all = (effective.all != 0).then(|| Sysctl::of_all_interfaces(parameter));
        let own = (effective.own != 0).then(|| Sysctl::of_interface(&effective.device, parameter));
        all.into_iter().chain(own).map(|sysctl| self.set(sysctl, 0)).collect()
    }

    /// What lvsctl has set by its journal and now differs, with the step that sets it again.
    pub(super) fn journal_drift(&self) -> impl Iterator<Item = (&'a host::Key, Step)> {
        self.facts.journal.iter().filter_map(|entry| {
            let key = entry.key.as_ref()?;
            let from = self.network().value(key).unwrap_or_else(|| entry.found.clone());
            let to = entry.value.clone()?;
            let is_same = from.as_ref().is_some_and(|from| host::is_same(from, &to));
            let to = Some(to);
            (!is_same).then(|| (key, Step::Host(Change { key: key.clone(), from, to })))
        })
    }

    /// The steps that restore what lvsctl has set on an interface, in the order it was set.
    pub(super) fn journal_drift_on(&self, device: &InterfaceName) -> Vec<Step> {
        let is_on = |key: &host::Key| match key {
            host::Key::Link(name) => name == device,
            host::Key::Sysctl(sysctl) => sysctl.interface().as_ref() == Some(device),
            key => key.device() == Some(device),
        };
        self.journal_drift().filter(|(key, _)| is_on(key)).map(|(_, step)| step).collect()
    }

    /// Journalled services that are gone, with the steps that create them and their destinations.
    pub(super) fn missing_services(&self) -> Vec<(ServiceIdentity, Vec<Step>)> {
        let present: HashSet<ServiceIdentity> =
            self.services().iter().map(ServiceState::identity).collect();
        let entries = self.facts.journal.iter().filter_map(|entry| entry.entry.as_ref());
        let steps = entries.filter_map(|(key, value)| {
            let identity = key.service().filter(|identity| !present.contains(identity))?;
            let step = Step::Table(Change { key: *key, from: None, to: Some(value.clone()) });
            Some((identity, step))
        });
        grouped(steps)
    }

    /// Services of the cluster file whose scheduler or persistence engine the kernel cannot load,
    /// with the module.
    pub(super) fn unavailable_modules(&self) -> Vec<(ServiceIdentity, String)> {
        let Some(known) = &self.facts.kernel.parts else {
            return Vec::new();
        };
        let mut unavailable = Vec::new();
        for service in self.expectation.unmet().filter_map(|entry| entry.desired_service()) {
            let engine = service.persistence_engine.iter().map(|engine| format!("pe_{engine}"));
            let parts = [service.scheduler.clone()].into_iter().chain(engine);
            let missing = parts.filter(|part| !known.contains(part));
            unavailable.extend(missing.map(|part| (service.identity, format!("ip_vs_{part}"))));
        }
        unavailable
    }

    /// The number of policy rules that lvsctl did not add.
    pub(super) fn unmanaged_policy_rules(&self) -> usize {
        let ours = self.facts.journal.iter().filter(|entry| {
            matches!(entry.key, Some(host::Key::Rule { .. })) && entry.value.is_some()
        });
        self.network().unusual_rules().saturating_sub(ours.count())
    }
}

/// Collects the values of each key, in the order in which the keys first appear.
pub(super) fn grouped<K: Clone + Eq + std::hash::Hash, V>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> Vec<(K, Vec<V>)> {
    let (mut groups, mut places) = (Vec::<(K, Vec<V>)>::new(), HashMap::new());
    for (key, value) in pairs {
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// The step that deletes a destination.
pub(super) fn delete_destination(service: ServiceIdentity, entry: &DestinationEntry) -> Step {
    let destination = &entry.destination;
    let from = Some(table::Value::Destination(destination.clone()));
    Step::Table(Change { key: table::Key::of(service, destination), from, to: None })
}
