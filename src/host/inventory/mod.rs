//! All that a diagnosis has to know of this machine's network, read at once.

mod address_state;
mod further;
mod link_state;
mod parameters;
mod prefix;
mod source;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    AssignedAddress, DOWN, Error, Host, InterfaceName, Key, KnownRoute, PRESENT, Sysctl, Topology,
    UP, default_route, route, rule,
};
use lvs::ipvs::AddressFamily;

pub use address_state::AddressState;
pub use further::{FouPort, SourceRule, TunnelSetup};
pub use link_state::LinkState;
pub use prefix::Prefix;
pub use source::Source;

const BOTH: [AddressFamily; 2] = [AddressFamily::Ipv4, AddressFamily::Ipv6];

/// The network of a machine, in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Interfaces, in the kernel's order.
    pub links: Vec<LinkState>,
    /// Addresses, in the kernel's order.
    pub addresses: Vec<AddressState>,
    /// Unicast routes of the main table.
    pub routes: Vec<KnownRoute>,
    /// What is delivered to this machine itself, in any table.
    pub local: Vec<Prefix>,
    /// Policy rules besides the three (IPv4) or two (IPv6) that every machine has.
    pub policy_rules: usize,
    /// Which source address the machine's own packets would have, by each default route.
    pub sources: Vec<Source>,
    /// What is there for tunnels; `None` in what a release before wrote, which did not look.
    #[serde(rename = "further", default)]
    pub tunnels: Option<TunnelSetup>,
    /// Kernel parameters, by their path under `/proc/sys`.
    pub sysctls: BTreeMap<String, String>,
}

impl Inventory {
    /// The addresses and routes alone.
    #[must_use]
    pub fn topology(&self) -> Topology {
        let addresses = self.addresses.iter().map(|state| state.assigned.clone()).collect();
        Topology { addresses, routes: self.routes.clone() }
    }

    /// The interface of that name.
    #[must_use]
    pub fn link(&self, name: &InterfaceName) -> Option<&LinkState> {
        self.links.iter().find(|link| link.name == *name)
    }

    /// The value of a key, as [`Host::read`] would tell it; `None` where the inventory does not hold
    /// it.
    #[must_use]
    pub fn value(&self, key: &Key) -> Option<Option<String>> {
        let present = |found: bool| found.then(|| PRESENT.to_owned());
        Some(match key {
            Key::Link(name) => self.link(name).map(|link| link.kind.clone()),
            Key::LinkUp(name) => {
                self.link(name).map(|link| if link.up { UP } else { DOWN }.to_owned())
            }
            Key::Port(name) => {
                self.link(name).and_then(|link| Some(link.master.as_ref()?.to_string()))
            }
            Key::Mtu(name) => self.link(name).map(|link| link.mtu.to_string()),
            Key::Address { address, prefix, device } => {
                let (address, prefix, device) = (*address, *prefix, device.clone());
                let desired = AssignedAddress { address, prefix, device };
                present(self.addresses.iter().any(|state| state.assigned == desired))
            }
            Key::Route { destination, prefix, device } => {
                present(self.routes.iter().any(|route| {
                    (route.destination, route.prefix, &route.device)
                        == (*destination, *prefix, device)
                }))
            }
            Key::DefaultRoute(family) => {
                let mut routes = self.routes.iter();
                let found = routes.find(|route| {
                    route.prefix == 0
                        && AddressFamily::from(route.destination) == *family
                        && route.metric == default_route::metric(*family)
                });
                found.and_then(|route| Some(Key::through(route.gateway?, &route.device)))
            }
            Key::Sysctl(sysctl) => self.sysctl(sysctl).map(str::to_owned),
            Key::FouPort { .. } | Key::Rule { .. } | Key::FullRoute(_) => {
                return self.tunnels.as_ref()?.value(key);
            }
            Key::FullAddress { .. } => return None,
        })
    }

    /// The value of a kernel parameter.
    #[must_use]
    pub fn sysctl(&self, sysctl: &Sysctl) -> Option<&str> {
        self.sysctls.get(&sysctl.to_string()).map(String::as_str)
    }
}

impl Host {
    /// Reads it all: dumps of route netlink, questions to the routing table, and files under
    /// `/proc/sys/net`. Changes nothing, and loads nothing. `release` is the kernel's.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn inventory(&self, release: &str) -> Result<Inventory, Error> {
        let handle = &self.handle;
        let listed = self.wait("listing the interfaces".to_owned(), link_state::list(handle))?;
        let names: HashMap<u32, InterfaceName> =
            listed.iter().map(|(index, link)| (*index, link.name.clone())).collect();
        let addresses =
            self.wait("listing the addresses".to_owned(), address_state::list(handle, &names))?;
        let routes = route::list(handle, &names);
        let routes = self.wait("listing the routes".to_owned(), routes)?;
        let local = self.wait("listing the local routes".to_owned(), prefix::local(handle))?;
        let policy_rules =
            self.wait("listing the policy rules".to_owned(), rule::others(handle))?;
        let sources = source::list(handle, &names, &routes);
        let sources = self.wait("asking for the source address".to_owned(), sources)?;
        let links: Vec<LinkState> = listed.into_iter().map(|(_, link)| link).collect();
        let tunnels = Some(further::read(self, &names, release)?);
        let sysctls = parameters::read(&links)?;
        Ok(Inventory { links, addresses, routes, local, policy_rules, sources, tunnels, sysctls })
    }
}
