//! What the machine is expected to be.
//!
//! Without a cluster file that is what it evidently is: services in the IPVS table make it a
//! director; an entry in lvsctl's journal, or a virtual address where only real servers have one,
//! makes it a real server. A cluster file adds the [`DesiredState`].

use std::collections::HashSet;
use std::net::IpAddr;

use super::facts::Facts;
use super::finding::Step;
use crate::host::{
    self, Address, Combination, Effective, InterfaceName, Link, State, Sysctl, host_prefix,
    is_fallback_tunnel,
};
use crate::path::{End, Served, is_link_local};
use crate::policy::{Owner, Role};
use lvs::ipvs::{Forwarding, Protocol, Service, ServiceIdentity, Timeouts};
use lvs::table;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expectation {
    pub(crate) director: bool,
    /// The virtual addresses that it serves as a real server.
    pub(crate) served: Vec<Served>,
    /// What a cluster file desires, if one was given.
    pub(crate) desired: Option<DesiredState>,
}

/// What a cluster file desires of this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DesiredState {
    /// The command that applies it, such as `lvsctl apply web.toml`.
    pub(crate) apply: String,
    /// The command that reverts it; `None` if a part of it is set up already.
    pub(crate) revert: Option<String>,
    /// The name of the cluster, and the command that applies it at every boot; `None` if nothing
    /// can be installed for it.
    pub(crate) install: Option<(String, String)>,
    /// How many directors it has, counted in the family that has most.
    pub(crate) directors: usize,
    /// It covers the whole machine, not the IPVS table alone.
    pub(crate) covers_host: bool,
    /// In the order in which they are set up.
    pub(crate) entries: Vec<DesiredEntry>,
}

/// A desired value, compared with the actual one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DesiredEntry {
    /// The change from actual to desired.
    pub(crate) step: Step,
    pub(crate) acceptable: Vec<String>,
    pub(crate) owner: Owner,
    pub(crate) in_sync: bool,
}

impl Expectation {
    /// What the facts show the machine to be.
    pub(crate) fn evident(facts: &Facts) -> Self {
        let owners = || facts.journal.iter().flat_map(|entry| &entry.owners);
        let addresses = || owners().filter_map(Owner::address);
        let mut found = Self::default();
        for owner in addresses().filter(|owner| owner.role == Role::RealServer) {
            found.serve(owner.vip, owner.mode.forwarding(), true);
        }
        let of_directors = addresses().filter(|owner| owner.role == Role::Director);
        let mut directed: HashSet<IpAddr> = of_directors.map(|owner| owner.vip).collect();
        let mut marked = HashSet::new();
        for state in facts.services() {
            match state.identity() {
                ServiceIdentity::Address { address, .. } => directed.insert(address),
                // A firewall mark can be set on packets to any address.
                ServiceIdentity::Mark { family, .. } => marked.insert(family),
            };
        }
        for state in &facts.network.addresses {
            let address = state.address;
            if directed.contains(&address) || marked.contains(&address.into()) {
                continue;
            }
            if let Some(forwarding) = evident_forwarding(facts, state) {
                found.serve(address, forwarding, false);
            }
        }
        found.director = !facts.services().is_empty()
            || owners().any(|owner| owner.role() == Some(Role::Director));
        found
    }

    fn serve(&mut self, address: IpAddr, forwarding: Forwarding, desired: bool) {
        let mut known = self.served.iter_mut();
        match known.find(|it| it.address == address && it.forwarding == forwarding) {
            Some(served) => served.desired |= desired,
            None => self.served.push(Served::new(address, forwarding, desired)),
        }
    }

    /// Adds what is said to be served here: a virtual address, or with NAT an own one.
    pub(crate) fn serving(
        mut self,
        facts: &Facts,
        address: IpAddr,
        end: Option<(Protocol, u16)>,
    ) -> Self {
        let network = &facts.network;
        let on_network = |it: &&Address| {
            let link = network.link(&it.interface.name);
            it.address == address && link.is_some_and(|link| link.arp) && !it.subnet().is_host()
        };
        let forwarding = match network.addresses.iter().any(|it| on_network(&it)) {
            true => Forwarding::Masquerade,
            false => Forwarding::DirectRouting,
        };
        if !self.served.iter().any(|it| it.address == address) {
            self.serve(address, forwarding, true);
        }
        for served in self.served.iter_mut().filter(|it| it.address == address) {
            let end =
                end.map(|(protocol, port)| End { protocol, port, own: address, tunnel: None });
            served.ends.extend(end);
        }
        self
    }

    /// Adds a cluster file, which makes the machine a director or a real server of these addresses.
    pub(crate) fn with(
        mut self,
        desired: DesiredState,
        director: bool,
        served: Vec<Served>,
    ) -> Self {
        for it in served {
            let same =
                |known: &Served| known.address == it.address && known.forwarding == it.forwarding;
            self.served.retain(|known| !same(known));
            self.served.push(it);
        }
        self.director |= director;
        self.desired = Some(desired);
        self
    }

    /// `director`, `real-server`, `both` or `none`.
    pub(crate) fn role(&self) -> &'static str {
        match (self.director, self.served.is_empty()) {
            (true, false) => "both",
            (true, true) => "director",
            (false, false) => "real-server",
            (false, true) => "none",
        }
    }

    /// The desired entries that differ from the machine, whether or not that has an effect.
    pub(super) fn unmet(&self) -> impl Iterator<Item = &DesiredEntry> {
        self.desired.iter().flat_map(DesiredState::unmet)
    }
}

/// The forwarding method of a real server that has an address on this interface, if LVS explains
/// that it is there.
///
/// An address on `lo` or on a dummy interface counts if it is in the subnet of another interface,
/// whose neighbours would resolve it. Others, such as router IDs and anycast addresses, have nothing to
/// do with LVS. An address on a tunnel counts unless routes lead to gateways behind the tunnel, as on
/// the nodes of a container network.
fn evident_forwarding(facts: &Facts, state: &Address) -> Option<Forwarding> {
    let (address, device) = (state.address, &state.interface.name);
    if address.is_loopback() || is_link_local(address) {
        return None;
    }
    if is_hidden(&facts.network, device) {
        let mut subnets = facts.network.addresses.iter().filter(|it| {
            let faces = !is_hidden(&facts.network, &it.interface.name);
            faces && !it.subnet().is_host() && it.subnet().contains(address)
        });
        let on = |it: &Address| !is_fallback_tunnel(it.interface.name.as_str());
        return subnets.any(on).then_some(Forwarding::DirectRouting);
    }
    let routes = || facts.network.main_routes();
    let sends = routes().any(|it| it.device() == Some(device) && it.gateway().is_some());
    let overlaps = || {
        let mut others = routes().filter(|route| {
            route.device() != Some(device) && route.gateway().is_none() && route.prefix != 0
        });
        others.any(|route| route.prefix < host_prefix(address) && route.leads_to(address))
    };
    let is_vip = state.prefix == host_prefix(address) || overlaps();
    (is_fallback_tunnel(device.as_str()) && !sends && is_vip).then_some(Forwarding::Tunnel)
}

/// Whether nobody is behind an interface.
fn is_hidden(network: &State, device: &InterfaceName) -> bool {
    *device == InterfaceName::loopback() || network.link(device).is_some_and(Link::is_silent_dummy)
}

impl DesiredState {
    pub(super) fn unmet(&self) -> impl Iterator<Item = &DesiredEntry> {
        self.entries.iter().filter(|entry| !entry.in_sync)
    }

    pub(super) fn timeouts(&self) -> Option<Timeouts> {
        self.entries.iter().find_map(|entry| match entry.table_value() {
            Some(table::Value::Timeouts(timeouts)) => Some(*timeouts),
            _ => None,
        })
    }

    /// The entries that differ in effect.
    ///
    /// A parameter that also exists for all interfaces is judged by its effective value, which more
    /// than one pair of values gives. ARP suppression is left to the checks, which know the
    /// interface that counts.
    pub(super) fn differences(&self, network: &State) -> Vec<&DesiredEntry> {
        let counts = |entry: &&DesiredEntry| match entry.sysctl() {
            Some(sysctl) => match sysctl.parameter() {
                Some((_, "arp_ignore" | "arp_announce")) => false,
                Some((device, parameter)) if Combination::of(parameter).is_some() => {
                    self.is_effective(device, parameter, network)
                }
                _ => true,
            },
            None => true,
        };
        self.unmet().filter(counts).collect()
    }

    /// Whether the effective value of a parameter differs on an interface that the parameter of
    /// `of`, an interface or `all`, applies to.
    fn is_effective(&self, of: &str, parameter: &str, network: &State) -> bool {
        self.entries.iter().any(|entry| {
            let Some((device, name)) = entry.sysctl().and_then(Sysctl::parameter) else {
                return false;
            };
            if name != parameter || device == "all" || of != "all" && of != device {
                return false;
            }
            let effective = device.parse().ok().zip(Combination::name(parameter)).and_then(
                |(device, parameter): (InterfaceName, _)| {
                    Effective::read(parameter, &device, |sysctl| network.sysctl(sysctl))
                },
            );
            effective.is_some_and(|effective| !entry.accepts(effective.value()))
        })
    }
}

impl DesiredEntry {
    pub(super) fn host(&self) -> Option<&host::Key> {
        match &self.step {
            Step::Host(change) => Some(&change.key),
            Step::Table(_) | Step::Shell { .. } => None,
        }
    }

    pub(super) fn sysctl(&self) -> Option<&Sysctl> {
        match self.host() {
            Some(host::Key::Sysctl(sysctl)) => Some(sysctl),
            _ => None,
        }
    }

    fn table_value(&self) -> Option<&table::Value> {
        match &self.step {
            Step::Table(change) => change.to.as_ref(),
            Step::Host(_) | Step::Shell { .. } => None,
        }
    }

    /// The service that it is, or belongs to.
    pub(super) fn service(&self) -> Option<ServiceIdentity> {
        match &self.step {
            Step::Table(change) => change.key.service(),
            Step::Host(_) | Step::Shell { .. } => None,
        }
    }

    /// The service that it creates or changes.
    pub(super) fn desired_service(&self) -> Option<&Service> {
        match self.table_value() {
            Some(table::Value::Service(service)) => Some(service),
            _ => None,
        }
    }

    /// Whether a director owns it.
    pub(super) fn is_of_director(&self) -> bool {
        self.owner.role() == Some(Role::Director)
    }

    fn accepts(&self, value: u32) -> bool {
        let value = value.to_string();
        let desired = match &self.step {
            Step::Host(change) => change.to.as_deref() == Some(&*value),
            _ => false,
        };
        desired || self.acceptable.contains(&value)
    }
}
