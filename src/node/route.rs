//! Host routes of the main table.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Error, Handle, RouteMessageBuilder};

use super::link::is;

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
