//! Links, addresses, local prefixes and source addresses, as the kernel dumps them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::Handle;
use rtnetlink::packet_route::address::{AddressHeaderFlags, AddressScope};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteType};
use serde::{Deserialize, Serialize};

use crate::host::link::{self, Link};
use crate::host::{
    AssignedAddress, InterfaceName, KnownRoute, Prefix, address, host_prefix, route,
};
use lvs::ipvs::AddressFamily;

pub(super) const BOTH: [AddressFamily; 2] = [AddressFamily::Ipv4, AddressFamily::Ipv6];

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkState {
    pub(crate) name: InterfaceName,
    pub(crate) index: u32,
    /// The link-layer address, such as `02:00:00:00:00:01`, where it has one.
    pub(crate) hardware: Option<String>,
    /// As in `ip -d link`, with the options of a bond or of a tunnel endpoint; `device` for hardware.
    pub(crate) kind: String,
    /// Set up by the administrator.
    pub(crate) up: bool,
    pub(crate) carrier: bool,
    /// Neighbours are resolved on it (neither `NOARP` nor loopback).
    pub(crate) arp: bool,
    /// The bridge or bond of the port, or the VRF.
    pub(crate) master: Option<InterfaceName>,
    pub(crate) mtu: u32,
    pub(crate) receive_dropped: u64,
    pub(crate) transmit_dropped: u64,
}

/// All interfaces with their indexes.
pub(super) async fn links(handle: &Handle) -> Result<Vec<(u32, LinkState)>, rtnetlink::Error> {
    let mut messages = handle.link().get().execute();
    let (mut links, mut masters) = (Vec::new(), Vec::new());
    while let Some(message) = messages.try_next().await? {
        if let Some((index, name)) = link::named(&message) {
            let link = link::of(&message);
            masters.push(link.master);
            links.push((index, state(&message, name, link)));
        }
    }
    let names: HashMap<u32, InterfaceName> =
        links.iter().map(|(index, link)| (*index, link.name.clone())).collect();
    for ((_, link), master) in links.iter_mut().zip(masters) {
        link.master = master.and_then(|master| names.get(&master).cloned());
    }
    Ok(links)
}

fn state(message: &LinkMessage, name: InterfaceName, link: Link) -> LinkState {
    let flags = message.header.flags;
    let mut state = LinkState {
        name,
        index: link.index,
        hardware: None,
        kind: link.kind,
        up: link.up,
        carrier: flags.contains(LinkFlags::LowerUp),
        arp: !flags.intersects(LinkFlags::Noarp | LinkFlags::Loopback),
        master: None,
        mtu: link.mtu,
        receive_dropped: 0,
        transmit_dropped: 0,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Address(bytes) => {
                let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                state.hardware = Some(bytes.join(":"));
            }
            LinkAttribute::Stats64(stats) => {
                state.receive_dropped = stats.rx_dropped;
                state.transmit_dropped = stats.tx_dropped;
            }
            _ => {}
        }
    }
    state
}

/// An address, with what the kernel says of its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddressState {
    /// The address, its prefix and its interface.
    #[serde(flatten)]
    pub(crate) assigned: AssignedAddress,
    /// Duplicate address detection found it on another machine, so it is not used.
    pub(crate) duplicate: bool,
    /// It is of scope host.
    pub(crate) host_scope: bool,
}

pub(super) async fn addresses(
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

/// The prefixes of local routes, in all tables.
pub(super) async fn local_prefixes(handle: &Handle) -> Result<Vec<Prefix>, rtnetlink::Error> {
    let mut prefixes = Vec::new();
    for family in BOTH {
        let mut filter = route::filter_all_tables(route::family(family));
        filter.header.kind = RouteType::Local;
        route::each(handle, filter, |message| {
            if message.header.kind != RouteType::Local {
                return;
            }
            let destination = message.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(address) => route::address(address),
                _ => None,
            });
            let length = message.header.destination_prefix_length;
            prefixes.extend(destination.map(|address| Prefix { address, length }));
        })
        .await?;
    }
    Ok(prefixes)
}

/// The source address that the kernel selects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// The destination of the route lookup; nothing is sent.
    pub(crate) towards: IpAddr,
    pub(crate) source: IpAddr,
    pub(crate) device: InterfaceName,
}

/// Looks up the route to an arbitrary address, per default route. Sends no packet.
pub(super) async fn sources(
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
        let mut question = route::filter_all_tables(route::family(towards.into()));
        question.header.destination_prefix_length = host_prefix(towards);
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
