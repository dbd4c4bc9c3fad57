//! Routes of the main table.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Error, Handle, RouteMessageBuilder};

use super::link::is;
use super::{InterfaceName, KnownRoute};
use lvs::ipvs;

/// The kernel's number of a family, in its library's words.
pub(super) const fn family(family: ipvs::AddressFamily) -> AddressFamily {
    match family {
        ipvs::AddressFamily::Ipv4 => AddressFamily::Inet,
        ipvs::AddressFamily::Ipv6 => AddressFamily::Inet6,
    }
}

pub(super) const fn address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

/// The metric; the kernel leaves out a 0.
pub(super) fn priority(message: &RouteMessage) -> u32 {
    let mut attributes = message.attributes.iter();
    let priority = attributes.find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    priority.unwrap_or_default()
}

/// The unicast routes of the main table that go through one interface.
pub(super) async fn list(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
) -> Result<Vec<KnownRoute>, Error> {
    let mut routes = Vec::new();
    for (family, unspecified) in [
        (AddressFamily::Inet, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        (AddressFamily::Inet6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    ] {
        let mut filter =
            RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
        filter.header.address_family = family;
        let mut messages = handle.route().get(filter).execute();
        while let Some(message) = messages.try_next().await? {
            let header = &message.header;
            if header.table != RouteHeader::RT_TABLE_MAIN || header.kind != RouteType::Unicast {
                continue;
            }
            let (mut destination, mut gateway, mut device) = (unspecified, None, None);
            for attribute in &message.attributes {
                match attribute {
                    RouteAttribute::Destination(to) => {
                        destination = address(to).unwrap_or(unspecified);
                    }
                    RouteAttribute::Gateway(through) => gateway = address(through),
                    RouteAttribute::Oif(index) => device = names.get(index).cloned(),
                    _ => {}
                }
            }
            let (prefix, metric) = (header.destination_prefix_length, priority(&message));
            routes.extend(device.map(|device| KnownRoute {
                destination,
                prefix,
                metric,
                gateway,
                device,
            }));
        }
    }
    Ok(routes)
}

/// The unicast route of the main table that leads to exactly this prefix through this interface.
///
/// It has to be looked for in the list: asked for a single route, the kernel tells how it would
/// send a packet, which is by the local table for an address of its own.
pub(super) async fn find(
    handle: &Handle,
    index: u32,
    destination: IpAddr,
    prefix: u8,
) -> Result<Option<RouteMessage>, Error> {
    let mut filter = RouteMessageBuilder::<IpAddr>::new()
        .output_interface(index)
        .protocol(RouteProtocol::Unspec)
        .build();
    filter.header.address_family = match destination {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let mut routes = handle.route().get(filter).execute();
    let (output, address) = (RouteAttribute::Oif(index), RouteAddress::from(destination));
    let address = RouteAttribute::Destination(address);
    let mut found = None;
    while let Some(message) = routes.try_next().await? {
        let header = &message.header;
        if header.destination_prefix_length == prefix
            && header.table == RouteHeader::RT_TABLE_MAIN
            && header.kind == RouteType::Unicast
            && message.attributes.contains(&output)
            && message.attributes.contains(&address)
        {
            found = Some(message);
        }
    }
    Ok(found)
}

/// As `ip route add` would, whose routes are of protocol `boot`.
pub(super) async fn add(
    handle: &Handle,
    index: u32,
    destination: IpAddr,
    prefix: u8,
) -> Result<(), Error> {
    let message = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(destination, prefix)
        .map_err(|error| Error::InvalidNla(error.to_string()))?
        .output_interface(index)
        .scope(RouteScope::Link)
        .protocol(RouteProtocol::Boot)
        .build();
    handle.route().add(message).execute().await
}

pub(super) async fn delete(
    handle: &Handle,
    index: u32,
    destination: IpAddr,
    prefix: u8,
) -> Result<(), Error> {
    let Some(message) = find(handle, index, destination, prefix).await? else {
        return Ok(());
    };
    match handle.route().del(message).execute().await {
        Err(error) if is(&error, libc::ESRCH) => Ok(()),
        result => result,
    }
}
