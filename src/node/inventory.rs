//! All that a diagnosis has to know of this machine's network, read at once.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::address::{AddressHeaderFlags, AddressScope};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteProtocol, RouteType,
};
use rtnetlink::packet_route::rule::RuleAttribute;
use rtnetlink::{Handle, IpVersion, RouteMessageBuilder};
use serde::{Deserialize, Serialize};

use super::segment::PRIORITY;
use super::{AssignedAddress, Error, Host, InterfaceName, KnownRoute, Surroundings, Sysctl};
use super::{address, link, route};
use crate::ipvs::AddressFamily;

/// Parameters of each interface, and of `all`.
const OF_INTERFACES: [&str; 7] = [
    "accept_redirects",
    "arp_announce",
    "arp_ignore",
    "forwarding",
    "proxy_arp",
    "rp_filter",
    "send_redirects",
];

/// Parameters of IPVS (`ipvs-sysctl`); of this network namespace.
const OF_IPVS: [&str; 7] = [
    "backup_only",
    "drop_entry",
    "drop_packet",
    "expire_nodest_conn",
    "expire_quiescent_template",
    "pmtu_disc",
    "secure_tcp",
];

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
    /// Policy rules besides the three (IPv4) or two (IPv6) that every machine has, and those of
    /// [`segments_of`](super::segments_of), which lead where the main table does.
    pub policy_rules: usize,
    /// Which source address the machine's own packets would have, by each default route.
    pub sources: Vec<Source>,
    /// Kernel parameters, by their path under `/proc/sys`.
    pub sysctls: BTreeMap<String, String>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Its name.
    pub name: InterfaceName,
    /// As `ip -d link` calls it; `device` for hardware.
    pub kind: String,
    /// Somebody switched it on.
    pub up: bool,
    /// It has a carrier.
    pub carrier: bool,
    /// It has a link layer on which neighbours are asked for (not `NOARP`, and no loopback).
    pub arp: bool,
    /// It is a port of a bridge or a bond, or belongs to a VRF.
    pub enslaved: bool,
    /// Packets that it received and threw away.
    pub receive_dropped: u64,
    /// Packets that it could not send.
    pub transmit_dropped: u64,
}

/// An address, with what the kernel says of its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressState {
    /// The address, its prefix and its interface.
    #[serde(flatten)]
    pub assigned: AssignedAddress,
    /// Duplicate address detection found it on another machine, so it is not used.
    pub duplicate: bool,
    /// It is of scope host.
    pub host_scope: bool,
}

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    /// The first of them.
    pub address: IpAddr,
    /// How many bits.
    pub length: u8,
}

/// The kernel's choice of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where a packet would go; nothing was sent.
    pub towards: IpAddr,
    /// The source that it would have.
    pub source: IpAddr,
    /// The interface that it would leave by.
    pub device: InterfaceName,
}

impl Inventory {
    /// The addresses and routes alone.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        let addresses = self.addresses.iter().map(|state| state.assigned.clone()).collect();
        Surroundings { addresses, routes: self.routes.clone() }
    }

    /// The interface of that name.
    #[must_use]
    pub fn link(&self, name: &InterfaceName) -> Option<&LinkState> {
        self.links.iter().find(|link| link.name == *name)
    }

    /// The value of a kernel parameter.
    #[must_use]
    pub fn sysctl(&self, sysctl: &Sysctl) -> Option<&str> {
        self.sysctls.get(&sysctl.to_string()).map(String::as_str)
    }
}

impl Prefix {
    /// Whether it holds an address.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
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
}

impl Host {
    /// Reads it all: dumps of route netlink, questions to the routing table, and files under
    /// `/proc/sys/net`. Changes nothing, and loads nothing.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn inventory(&self) -> Result<Inventory, Error> {
        let handle = &self.handle;
        let listed = self.wait("listing the interfaces".to_owned(), links(handle))?;
        let names: HashMap<u32, InterfaceName> =
            listed.iter().map(|(index, link)| (*index, link.name.clone())).collect();
        let addresses = self.wait("listing the addresses".to_owned(), addresses(handle, &names))?;
        let routes = route::list(handle, &names);
        let routes = self.wait("listing the routes".to_owned(), routes)?;
        let local = self.wait("listing the local routes".to_owned(), local(handle))?;
        let policy_rules = self.wait("listing the policy rules".to_owned(), rules(handle))?;
        let sources = sources(handle, &names, &routes);
        let sources = self.wait("asking for the source address".to_owned(), sources)?;
        let links: Vec<LinkState> = listed.into_iter().map(|(_, link)| link).collect();
        let sysctls = sysctls(&links)?;
        Ok(Inventory { links, addresses, routes, local, policy_rules, sources, sysctls })
    }
}

async fn links(handle: &Handle) -> Result<Vec<(u32, LinkState)>, rtnetlink::Error> {
    let mut messages = handle.link().get().execute();
    let mut links = Vec::new();
    while let Some(message) = messages.try_next().await? {
        links.extend(link::named(&message).map(|(index, name)| (index, state(&message, name))));
    }
    Ok(links)
}

fn state(message: &LinkMessage, name: InterfaceName) -> LinkState {
    let flags = message.header.flags;
    let mut link = LinkState {
        name,
        kind: "device".to_owned(),
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        arp: !flags.intersects(LinkFlags::Noarp | LinkFlags::Loopback),
        enslaved: false,
        receive_dropped: 0,
        transmit_dropped: 0,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Controller(controller) => link.enslaved = *controller != 0,
            LinkAttribute::LinkInfo(infos) => {
                let mut kinds = infos.iter().filter_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(InfoKind::to_string(kind)),
                    _ => None,
                });
                link.kind = kinds.next().unwrap_or(link.kind);
            }
            LinkAttribute::Stats64(stats) => {
                link.receive_dropped = stats.rx_dropped;
                link.transmit_dropped = stats.tx_dropped;
            }
            _ => {}
        }
    }
    link
}

async fn addresses(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
) -> Result<Vec<AddressState>, rtnetlink::Error> {
    let mut messages = handle.address().get().execute();
    let mut addresses = Vec::new();
    while let Some(message) = messages.try_next().await? {
        let device = names.get(&message.header.index);
        if let (Some(address), Some(device)) = (address::address_of(&message), device) {
            let (prefix, device) = (message.header.prefix_len, device.clone());
            addresses.push(AddressState {
                assigned: AssignedAddress { address, prefix, device },
                duplicate: message.header.flags.contains(AddressHeaderFlags::Dadfailed),
                host_scope: message.header.scope == AddressScope::Host,
            });
        }
    }
    Ok(addresses)
}

const BOTH: [AddressFamily; 2] = [AddressFamily::Ipv4, AddressFamily::Ipv6];

async fn local(handle: &Handle) -> Result<Vec<Prefix>, rtnetlink::Error> {
    let mut prefixes = Vec::new();
    for family in BOTH {
        let mut filter =
            RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
        filter.header.address_family = route::family(family);
        filter.header.table = RouteHeader::RT_TABLE_UNSPEC;
        filter.header.kind = RouteType::Local;
        let mut messages = handle.route().get(filter).execute();
        while let Some(message) = messages.try_next().await? {
            if message.header.kind != RouteType::Local {
                continue;
            }
            let destination = message.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(address) => route::address(address),
                _ => None,
            });
            let length = message.header.destination_prefix_length;
            prefixes.extend(destination.map(|address| Prefix { address, length }));
        }
    }
    Ok(prefixes)
}

/// The kernel's own are of priority 0, 32766 and, for IPv4, 32767 (`fib_default_rules_init`).
async fn rules(handle: &Handle) -> Result<usize, rtnetlink::Error> {
    let mut others = 0;
    for version in [IpVersion::V4, IpVersion::V6] {
        let mut messages = handle.rule().get(version).execute();
        loop {
            let message = match messages.try_next().await {
                Ok(Some(message)) => message,
                Ok(None) => break,
                // A kernel without policy routing, or without IPv6.
                Err(error)
                    if link::is(&error, libc::EOPNOTSUPP)
                        || link::is(&error, libc::EAFNOSUPPORT) =>
                {
                    break;
                }
                Err(error) => return Err(error),
            };
            let priority = message.attributes.iter().find_map(|attribute| match attribute {
                RuleAttribute::Priority(priority) => Some(*priority),
                _ => None,
            });
            others += usize::from(!matches!(priority.unwrap_or(0), 0 | PRIORITY | 32766 | 32767));
        }
    }
    Ok(others)
}

/// By a default route, a packet to anywhere: the kernel is asked, and sends none.
async fn sources(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
    routes: &[KnownRoute],
) -> Result<Vec<Source>, rtnetlink::Error> {
    let anywhere = [
        IpAddr::V4(Ipv4Addr::new(1, 0, 0, 1)),
        IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1)),
    ];
    let mut sources = Vec::new();
    for towards in anywhere {
        let default = |route: &KnownRoute| {
            route.prefix == 0 && route.destination.is_ipv4() == towards.is_ipv4()
        };
        if !routes.iter().any(default) {
            continue;
        }
        let mut question =
            RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
        let header = &mut question.header;
        header.address_family = route::family(towards.into());
        header.table = RouteHeader::RT_TABLE_UNSPEC;
        header.kind = RouteType::Unspec;
        header.destination_prefix_length = if towards.is_ipv4() { 32 } else { 128 };
        question.attributes.push(RouteAttribute::Destination(RouteAddress::from(towards)));
        let mut answers = handle.route().get(question).execute();
        // An unreachable route is an answer too.
        let Ok(Some(answer)) = answers.try_next().await else {
            continue;
        };
        let (mut source, mut device) = (None, None);
        for attribute in &answer.attributes {
            match attribute {
                RouteAttribute::PrefSource(address) => source = route::address(address),
                RouteAttribute::Oif(index) => device = names.get(index).cloned(),
                _ => {}
            }
        }
        sources.extend(source.zip(device).map(|(source, device)| Source {
            towards,
            source,
            device,
        }));
    }
    Ok(sources)
}

fn sysctls(links: &[LinkState]) -> Result<BTreeMap<String, String>, Error> {
    let mut wanted: Vec<Sysctl> = BOTH.map(Sysctl::forwarding).into();
    for parameter in OF_INTERFACES {
        wanted.push(Sysctl::of_all_interfaces(parameter));
        wanted.extend(links.iter().map(|link| Sysctl::of_interface(&link.name, parameter)));
    }
    wanted.push(Sysctl::of_default("rp_filter"));
    wanted.extend(OF_IPVS.map(Sysctl::of_ipvs));
    let mut values = BTreeMap::new();
    for sysctl in wanted {
        if let Some(value) = sysctl.read()? {
            values.insert(sysctl.to_string(), value);
        }
    }
    Ok(values)
}
