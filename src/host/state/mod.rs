//! The network of one namespace as typed state, read by one dump per kind.
//!
//! Values print the words of ip(8). Nothing reads those words again, but the parser of the format that
//! wrote them: a snapshot or a journal.

pub(super) mod address;
mod attributes;
mod describe;
mod link;
mod link_kind;
mod neighbour;
mod read;
pub(super) mod route;
mod rule;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{InterfaceName, Sysctl, host_prefix};
use lvs::ipvs::AddressFamily;

pub(crate) use address::{Address, AddressFlags};
pub(crate) use attributes::{append, attributes};
pub(super) use describe::describe;
pub(crate) use link::Link;
pub(crate) use link_kind::{BondOptions, LinkKind, Tunnel, TunnelKind};
pub(crate) use neighbour::{Neighbour, NeighbourState};
pub(crate) use read::Failure;
pub(in crate::host) use read::route_request;
pub(crate) use route::{LOCAL_TABLE, MAIN_TABLE, NextHop, Route, RouteKind};
#[cfg(test)]
pub(crate) use rule::Mark;
pub(crate) use rule::{Rule, RuleAction};

/// The network of a machine, in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "snapshot::Recorded")]
pub(crate) struct State {
    /// Interfaces, in the kernel's order.
    pub(crate) links: Vec<Link>,
    /// Addresses, in the kernel's order.
    pub(crate) addresses: Vec<Address>,
    /// Routes of all tables and types, in the kernel's order per family.
    #[serde(serialize_with = "snapshot::routes")]
    pub(crate) routes: Vec<Route>,
    /// Policy rules, in the order in which they are matched, per family.
    pub(crate) rules: Vec<Rule>,
    pub(crate) neighbours: Vec<Neighbour>,
    /// FOU/GUE receive ports; `None` if they could not be read.
    pub(crate) fou_ports: Option<Vec<FouPort>>,
    /// The source addresses that the kernel selects, per default route.
    pub(crate) sources: Vec<SourceAddress>,
    /// Kernel parameters, by their path under `/proc/sys`.
    pub(crate) sysctls: BTreeMap<String, String>,
    /// What an older snapshot lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partial: Option<Partial>,
}

/// A snapshot of an older release has no neighbours, of the main table only unicast routes, of other
/// tables only those through an interface, and of local routes only the prefixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Partial {
    /// The number of rules besides those that every machine has; only some are among
    /// [`State::rules`].
    pub(crate) unusual_rules: usize,
}

/// An interface: names can change, and indexes are used again after a long time only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "InterfaceName", into = "InterfaceName")]
pub(crate) struct Interface {
    /// 0 if a snapshot does not contain the interface.
    pub(crate) index: u32,
    pub(crate) name: InterfaceName,
}

impl Interface {
    /// An interface that appeared after the dump of the links, as ip(8) names it.
    fn unknown(index: u32) -> Self {
        Self { index, name: InterfaceName::from_kernel(format!("if{index}").as_bytes()) }
    }
}

impl From<InterfaceName> for Interface {
    fn from(name: InterfaceName) -> Self {
        Self { index: 0, name }
    }
}

impl From<Interface> for InterfaceName {
    fn from(interface: Interface) -> Self {
        interface.name
    }
}

impl PartialEq<InterfaceName> for Interface {
    fn eq(&self, name: &InterfaceName) -> bool {
        self.name == *name
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl FromIterator<(u32, InterfaceName)> for Interfaces {
    fn from_iter<I: IntoIterator<Item = (u32, InterfaceName)>>(names: I) -> Self {
        Self { names: names.into_iter().collect(), ..Self::default() }
    }
}

/// The names of interfaces by index.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    names: HashMap<u32, InterfaceName>,
    /// An index without a name was asked for.
    is_incomplete: std::cell::Cell<bool>,
}

impl Interfaces {
    fn of(links: &[Link]) -> Self {
        links.iter().map(|link| (link.index, link.name.clone())).collect()
    }

    fn get(&self, index: u32) -> Interface {
        if let Some(name) = self.names.get(&index) {
            return Interface { index, name: name.clone() };
        }
        // 0 is no interface, as of a route that leads nowhere.
        self.is_incomplete.set(self.is_incomplete.get() || index != 0);
        Interface::unknown(index)
    }
}

/// An address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prefix {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Prefix {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let shared = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        shared >= u32::from(self.length)
    }

    /// Such as 255.255.255.0.
    pub(crate) fn mask(&self) -> IpAddr {
        let length = u32::from(self.length);
        match self.address {
            IpAddr::V4(_) => {
                Ipv4Addr::from(u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0)).into()
            }
            IpAddr::V6(_) => {
                Ipv6Addr::from(u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0)).into()
            }
        }
    }

    /// The first and the last address.
    pub(crate) fn ends(&self) -> (IpAddr, IpAddr) {
        match (self.address, self.mask()) {
            (IpAddr::V4(address), IpAddr::V4(mask)) => {
                ((address & mask).into(), (address | !mask).into())
            }
            (IpAddr::V6(address), IpAddr::V6(mask)) => {
                ((address & mask).into(), (address | !mask).into())
            }
            (address, _) => (address, address),
        }
    }

    /// Whether it holds one address only.
    pub(crate) const fn is_host(&self) -> bool {
        self.length == host_prefix(self.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_host() {
            true => self.address.fmt(f),
            false => write!(f, "{}/{}", self.address, self.length),
        }
    }
}

/// The bits of an address that a mask of the same family keeps.
pub(crate) fn masked(address: IpAddr, mask: IpAddr) -> Option<IpAddr> {
    match (address, mask) {
        (IpAddr::V4(address), IpAddr::V4(mask)) => Some((address & mask).into()),
        (IpAddr::V6(address), IpAddr::V6(mask)) => Some((address & mask).into()),
        _ => None,
    }
}

/// How far an address or route reaches (`RT_SCOPE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scope(pub(crate) u8);

impl Scope {
    pub(crate) const GLOBAL: Self = Self(0);
    pub(crate) const SITE: Self = Self(200);
    pub(crate) const LINK: Self = Self(253);
    pub(crate) const HOST: Self = Self(254);
    pub(crate) const NOWHERE: Self = Self(255);
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::GLOBAL => f.write_str("global"),
            Self::SITE => f.write_str("site"),
            Self::LINK => f.write_str("link"),
            Self::HOST => f.write_str("host"),
            Self::NOWHERE => f.write_str("nowhere"),
            Self(number) => number.fmt(f),
        }
    }
}

/// Who made a route or a rule (`RTPROT_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Protocol(pub(crate) u8);

impl Protocol {
    pub(crate) const REDIRECT: Self = Self(1);
    pub(crate) const KERNEL: Self = Self(2);
    pub(crate) const BOOT: Self = Self(3);
    pub(crate) const ROUTER_ADVERTISEMENT: Self = Self(9);

    /// The names of `/etc/iproute2/rt_protos` as iproute2 ships it.
    const NAMES: [(u8, &str); 20] = [
        (0, "unspec"),
        (1, "redirect"),
        (2, "kernel"),
        (3, "boot"),
        (4, "static"),
        (8, "gated"),
        (9, "ra"),
        (10, "mrt"),
        (11, "zebra"),
        (12, "bird"),
        (13, "dnrouted"),
        (14, "xorp"),
        (15, "ntk"),
        (16, "dhcp"),
        (18, "keepalived"),
        (42, "babel"),
        (186, "bgp"),
        (187, "isis"),
        (188, "ospf"),
        (192, "eigrp"),
    ];
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// A FOU/GUE receive port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FouPort {
    pub(crate) port: u16,
    /// The family of the outer packets.
    pub(crate) family: AddressFamily,
    /// As the value of a [`Key::FouPort`](super::Key::FouPort).
    pub(crate) kind: String,
}

/// The source address that the kernel selects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceAddress {
    /// The destination of the route lookup; nothing is sent.
    pub(crate) towards: IpAddr,
    pub(crate) source: IpAddr,
    pub(crate) device: InterfaceName,
}

impl State {
    /// The interface of that name.
    pub(crate) fn link(&self, name: &InterfaceName) -> Option<&Link> {
        self.links.iter().find(|link| link.name == *name)
    }

    /// The name of the interface that has an alternative name (`ip link property add`), unless an
    /// interface is called so itself.
    pub(crate) fn actual_name(&self, name: &str) -> Option<&InterfaceName> {
        let has_it = |link: &&Link| link.alternative_names.iter().any(|it| it == name);
        let is_own = self.links.iter().any(|link| link.name.as_str() == name);
        self.links.iter().find(has_it).filter(|_| !is_own).map(|link| &link.name)
    }

    /// The interface that was recorded: by its name, or where that is gone, by its index. It was
    /// created again, or renamed, since then.
    pub(crate) fn find_link(&self, recorded: &Interface) -> Option<&Link> {
        let renamed = || self.links.iter().find(|link| link.index == recorded.index);
        self.link(&recorded.name).or_else(renamed)
    }

    pub(crate) fn sysctl(&self, sysctl: &Sysctl) -> Option<&str> {
        self.sysctls.get(&sysctl.to_string()).map(String::as_str)
    }

    /// The route to the network of an address: of the longest prefix, then of the smallest metric.
    /// Host routes do not count, since a virtual address on a tunnel or NIC has one to itself.
    pub(crate) fn route_to(&self, address: IpAddr) -> Option<&Route> {
        let full = host_prefix(address);
        let leading =
            self.main_routes().filter(|route| route.prefix < full && route.leads_to(address));
        leading.min_by_key(|route| (full - route.prefix, route.metric))
    }

    /// The interface whose subnet contains an address.
    pub(crate) fn on_link(&self, address: IpAddr) -> Option<&InterfaceName> {
        let route = self.route_to(address)?;
        route.device().filter(|_| route.gateway().is_none())
    }

    /// The interface of the default route.
    pub(crate) fn default_interface(&self, ipv6: bool) -> Option<&InterfaceName> {
        let defaults = self.main_routes().filter(|route| route.is_default());
        let family = defaults.filter(|route| route.destination.is_ipv6() == ipv6);
        family.min_by_key(|route| route.metric)?.device()
    }

    /// Moves the addresses and routes of the ports to their bond.
    pub(crate) fn move_to_bond(&mut self, ports: &[InterfaceName], bond: &InterfaceName) {
        let index = self.link(bond).map(|link| link.index).unwrap_or_default();
        let addresses = self.addresses.iter_mut().map(|address| &mut address.interface);
        let hops = self.routes.iter_mut().flat_map(|route| &mut route.hops);
        let interfaces = addresses.chain(hops.filter_map(|hop| hop.interface.as_mut()));
        for interface in interfaces.filter(|interface| ports.contains(&interface.name)) {
            *interface = Interface { index, name: bond.clone() };
        }
    }

    /// The unicast routes of the main table that go through an interface.
    pub(crate) fn main_routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(|route| {
            route.table == MAIN_TABLE
                && route.kind == RouteKind::Unicast
                && route.interface().is_some()
        })
    }

    /// The number of rules besides those that every machine has.
    pub(crate) fn unusual_rules(&self) -> usize {
        match self.partial {
            Some(partial) => partial.unusual_rules,
            None => self.rules.iter().filter(|rule| !rule.is_usual()).count(),
        }
    }
}

/// Bytes as two hexadecimal digits each, separated by colons.
fn colons(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// Bytes as hexadecimal digits, in snapshots.
pub(crate) mod hexadecimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn digits(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
        let pairs = digits.as_bytes().chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return None;
        }
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
    }

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&digits(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        bytes(&text).ok_or_else(|| D::Error::custom("not hexadecimal digits"))
    }
}
