//! Routes of all tables.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::DecodeError;

use super::attributes::{address, attributes, u16, u32};
use super::{Interface, Interfaces, Prefix, Protocol, Scope};
use crate::host::{InterfaceName, host_prefix};

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The unspecified address of its family in a default route.
    pub(crate) destination: IpAddr,
    /// Length of the prefix in bits; 0 in a default route.
    pub(crate) prefix: u8,
    /// Of IPv6 with subtrees: the source prefix.
    pub(crate) source: Option<Prefix>,
    /// Type of service; 0 for all.
    pub(crate) tos: u8,
    pub(crate) table: u32,
    pub(crate) kind: RouteKind,
    pub(crate) protocol: Protocol,
    pub(crate) scope: Scope,
    /// Smaller is preferred.
    pub(crate) metric: u32,
    /// The source address of packets that have none yet.
    pub(crate) preferred_source: Option<IpAddr>,
    /// Several in a multipath route, none in one that leads nowhere.
    pub(crate) hops: Vec<NextHop>,
    /// The `ip nexthop` object that it uses.
    pub(crate) nexthop_object: Option<u32>,
    pub(crate) mtu: Option<u32>,
    /// The MSS to announce; without it the kernel takes the MTU's.
    pub(crate) advmss: Option<u32>,
    /// Clock ticks until it is removed, as of a router advertisement.
    pub(crate) expires: Option<u32>,
    /// The entry of the routing cache, or an exception, such as a learnt path MTU.
    pub(crate) cached: bool,
    /// What follows the header of the kernel's message.
    pub(crate) message: Vec<u8>,
}

/// Where a route leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NextHop {
    /// `None` where the destinations are on the link. An IPv4 route may have one of IPv6.
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) interface: Option<Interface>,
    /// 1 and more.
    pub(crate) weight: u16,
    /// The gateway counts as being on the link, whatever the other routes say.
    pub(crate) onlink: bool,
    /// The interface is down.
    pub(crate) dead: bool,
    /// The interface has no carrier.
    pub(crate) link_down: bool,
    /// Packets are encapsulated (`LWTUNNEL_ENCAP_*`).
    pub(crate) encapsulation: Option<u16>,
}

/// The type of a route (`RTN_*`), in the words of `ip route`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RouteKind {
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
    Nat,
    Other(u8),
}

impl RouteKind {
    const ALL: [(Self, &str); 10] = [
        (Self::Unicast, "unicast"),
        (Self::Local, "local"),
        (Self::Broadcast, "broadcast"),
        (Self::Anycast, "anycast"),
        (Self::Multicast, "multicast"),
        (Self::Blackhole, "blackhole"),
        (Self::Unreachable, "unreachable"),
        (Self::Prohibit, "prohibit"),
        (Self::Throw, "throw"),
        (Self::Nat, "nat"),
    ];

    pub(super) fn of(number: u8) -> Self {
        let at = usize::from(number).checked_sub(1);
        let known = at.and_then(|at| Self::ALL.get(at));
        known.map_or(Self::Other(number), |(kind, _)| *kind)
    }

    pub(super) fn named(name: &str) -> Self {
        let known = Self::ALL.iter().find(|(_, it)| *it == name).map(|(kind, _)| *kind);
        known.unwrap_or_else(|| Self::Other(name.parse().unwrap_or_default()))
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, Self::ALL.iter().find(|(kind, _)| kind == self)) {
            (_, Some((_, name))) => f.write_str(name),
            (Self::Other(number), None) => write!(f, "{number}"),
            (_, None) => Ok(()),
        }
    }
}

/// `RT_TABLE_DEFAULT`, `RT_TABLE_MAIN` and `RT_TABLE_LOCAL`.
pub(crate) const DEFAULT_TABLE: u32 = 253;
pub(crate) const MAIN_TABLE: u32 = 254;
pub(crate) const LOCAL_TABLE: u32 = 255;

/// The name of a table in `ip route`, or its number.
pub(crate) fn table_name(table: u32) -> String {
    match table {
        DEFAULT_TABLE => "default".to_owned(),
        MAIN_TABLE => "main".to_owned(),
        LOCAL_TABLE => "local".to_owned(),
        number => number.to_string(),
    }
}

/// Length of `struct rtmsg`.
pub(in crate::host) const HEADER: usize = 12;

/// `RTNH_F_*` and `RTM_F_CLONED`.
const DEAD: u32 = 1;
pub(in crate::host) const ONLINK: u32 = 4;
const LINK_DOWN: u32 = 16;
const CLONED: u32 = 0x200;

/// Attributes that the C library does not define: `RTA_VIA`, `RTA_ENCAP_TYPE`, `RTA_NH_ID`,
/// `RTAX_MTU` and `RTAX_ADVMSS`.
pub(in crate::host) const VIA: u16 = 18;
pub(in crate::host) const ENCAPSULATION_KIND: u16 = 21;
pub(in crate::host) const NEXTHOP_OBJECT: u16 = 30;
const METRIC_MTU: u16 = 2;
pub(in crate::host) const METRIC_ADVMSS: u16 = 8;

impl Route {
    /// A local route that the kernel did not make for an address.
    pub(crate) fn is_local_by_hand(&self) -> bool {
        self.kind == RouteKind::Local && self.protocol != Protocol::KERNEL
    }

    /// A unicast route of the main table, for tests and older snapshots.
    pub(crate) fn new(destination: IpAddr, prefix: u8, hop: NextHop) -> Self {
        Self {
            destination,
            prefix,
            source: None,
            tos: 0,
            table: MAIN_TABLE,
            kind: RouteKind::Unicast,
            protocol: Protocol::BOOT,
            scope: Scope::GLOBAL,
            metric: 0,
            preferred_source: None,
            hops: vec![hop],
            nexthop_object: None,
            mtu: None,
            advmss: None,
            expires: None,
            cached: false,
            message: Vec::new(),
        }
    }

    /// A local route: packets to the prefix are delivered to this machine.
    pub(crate) fn local(to: Prefix) -> Self {
        Self {
            table: LOCAL_TABLE,
            kind: RouteKind::Local,
            scope: Scope::HOST,
            hops: Vec::new(),
            ..Self::new(to.address, to.length, NextHop::default())
        }
    }

    /// Reads what follows the header of an `RTM_NEWROUTE`. `None` if it is of another family than
    /// IPv4 and IPv6, such as MPLS and those of multicast routing daemons.
    pub(in crate::host) fn parse(
        message: &[u8],
        interfaces: &Interfaces,
    ) -> Result<Option<Self>, DecodeError> {
        let (header, rest) = message
            .split_first_chunk::<HEADER>()
            .ok_or_else(|| DecodeError::from("a route without its header"))?;
        let [family, prefix, source, tos, table, protocol, scope, kind, a, b, c, d] = *header;
        let unspecified = match i32::from(family) {
            libc::AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            libc::AF_INET6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => return Ok(None),
        };
        let flags = u32::from_ne_bytes([a, b, c, d]);
        let mut route = Self::new(unspecified, prefix, NextHop::default());
        (route.tos, route.table, route.kind) = (tos, table.into(), RouteKind::of(kind));
        (route.protocol, route.scope) = (Protocol(protocol), Scope(scope));
        route.cached = flags & CLONED != 0;
        let mut several = Vec::new();
        let mut hop = NextHop::new(flags);
        for (kind, value) in attributes(rest) {
            match kind {
                libc::RTA_DST => route.destination = address(value).unwrap_or(unspecified),
                libc::RTA_SRC => {
                    route.source = address(value).map(|address| Prefix { address, length: source });
                }
                libc::RTA_PRIORITY => route.metric = u32(value).unwrap_or_default(),
                libc::RTA_PREFSRC => route.preferred_source = address(value),
                libc::RTA_TABLE => route.table = u32(value).unwrap_or(route.table),
                libc::RTA_METRICS => {
                    for (metric, value) in attributes(value) {
                        match metric {
                            METRIC_MTU => route.mtu = u32(value),
                            METRIC_ADVMSS => route.advmss = u32(value),
                            _ => {}
                        }
                    }
                }
                libc::RTA_CACHEINFO => {
                    // The third number of `struct rta_cacheinfo`.
                    route.expires = value.get(8..).and_then(u32).filter(|expires| *expires != 0);
                }
                libc::RTA_MULTIPATH => several = hops(value, interfaces),
                NEXTHOP_OBJECT => route.nexthop_object = u32(value),
                libc::RTA_OIF => hop.interface = u32(value).map(|index| interfaces.get(index)),
                other => hop.read(other, value),
            }
        }
        let leads_nowhere = hop.interface.is_none() && hop.gateway.is_none();
        route.hops = match several.is_empty() {
            false => several,
            true if leads_nowhere => Vec::new(),
            true => vec![hop],
        };
        route.message = message.to_vec();
        Ok(Some(route))
    }

    pub(crate) const fn is_default(&self) -> bool {
        self.prefix == 0
    }

    /// The gateway of the only next hop, or the first.
    pub(crate) fn gateway(&self) -> Option<IpAddr> {
        self.hops.first().and_then(|hop| hop.gateway)
    }

    /// The interface of the only next hop, or the first.
    pub(crate) fn interface(&self) -> Option<&Interface> {
        self.hops.first().and_then(|hop| hop.interface.as_ref())
    }

    /// The name of [`Route::interface`].
    pub(crate) fn device(&self) -> Option<&InterfaceName> {
        self.interface().map(|interface| &interface.name)
    }

    /// Whether one of its next hops goes through an interface.
    pub(crate) fn leads_through(&self, device: &InterfaceName) -> bool {
        let mut interfaces = self.hops.iter().filter_map(|hop| hop.interface.as_ref());
        interfaces.any(|interface| interface.name == *device)
    }

    /// Whether it comes from router advertisements.
    pub(crate) fn is_advertised(&self) -> bool {
        self.protocol == Protocol::ROUTER_ADVERTISEMENT
    }

    /// Routes of addresses, redirects and router advertisements come back by themselves, and a
    /// route that expires is renewed by the program that added it.
    pub(crate) fn is_made_by_kernel(&self) -> bool {
        let protocols = [Protocol::KERNEL, Protocol::REDIRECT, Protocol::ROUTER_ADVERTISEMENT];
        protocols.contains(&self.protocol) || self.cached || self.expires.is_some()
    }

    pub(crate) const fn to(&self) -> Prefix {
        Prefix { address: self.destination, length: self.prefix }
    }

    /// Whether the route matches an address.
    pub(crate) fn leads_to(&self, address: IpAddr) -> bool {
        self.to().contains(address)
    }
}

impl NextHop {
    fn new(flags: u32) -> Self {
        Self {
            weight: 1,
            onlink: flags & ONLINK != 0,
            dead: flags & DEAD != 0,
            link_down: flags & LINK_DOWN != 0,
            ..Self::default()
        }
    }

    fn read(&mut self, kind: u16, value: &[u8]) {
        match kind {
            libc::RTA_GATEWAY => self.gateway = address(value),
            // `struct rtvia`: the family, and an address of it.
            VIA => self.gateway = value.get(2..).and_then(address),
            ENCAPSULATION_KIND => self.encapsulation = u16(value),
            _ => {}
        }
    }
}

/// The value of an `RTA_MULTIPATH`: each hop is a `struct rtnexthop` and its attributes.
fn hops(mut bytes: &[u8], interfaces: &Interfaces) -> Vec<NextHop> {
    let mut hops = Vec::new();
    while let Some((&[a, b, flags, weight, c, d, e, f], _)) = bytes.split_first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let Some(rest) = bytes.get(8..length) else { break };
        let mut hop = NextHop::new(flags.into());
        hop.weight = u16::from(weight) + 1;
        hop.interface = Some(interfaces.get(u32::from_ne_bytes([c, d, e, f])));
        for (kind, value) in attributes(rest) {
            hop.read(kind, value);
        }
        hops.push(hop);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        words.extend(self.gateway.map(|gateway| format!("via {gateway}")));
        words.extend(self.interface.as_ref().map(|interface| format!("dev {}", interface.name)));
        let flags = [(self.onlink, "onlink"), (self.dead, "dead"), (self.link_down, "linkdown")];
        words.extend(flags.iter().filter(|(set, _)| *set).map(|(_, word)| (*word).to_owned()));
        f.write_str(&words.join(" "))
    }
}

/// As a line of `ip route show table all`, whose order of words is that of `ip route add`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind)?;
        }
        match self.prefix {
            0 => f.write_str("default")?,
            length if length == host_prefix(self.destination) => self.destination.fmt(f)?,
            length => write!(f, "{}/{length}", self.destination)?,
        }
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        if self.tos != 0 {
            write!(f, " tos {:#x}", self.tos)?;
        }
        if let Some(object) = self.nexthop_object {
            write!(f, " nhid {object}")?;
        }
        if let [hop] = &self.hops[..] {
            write!(f, " {hop}")?;
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", table_name(self.table))?;
        }
        if self.protocol != Protocol::BOOT {
            write!(f, " proto {}", self.protocol)?;
        }
        if self.scope != Scope::GLOBAL {
            write!(f, " scope {}", self.scope)?;
        }
        if let Some(source) = self.preferred_source {
            write!(f, " src {source}")?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        if let Some(advmss) = self.advmss {
            write!(f, " advmss {advmss}")?;
        }
        if self.hops.len() > 1 {
            for hop in &self.hops {
                write!(f, " nexthop {hop} weight {}", hop.weight)?;
            }
        }
        Ok(())
    }
}
