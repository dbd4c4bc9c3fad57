//! Which routes there are, by what they go through.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};
use rtnetlink::{Error, Handle, RouteMessageBuilder};

use super::{FullRoute, InterfaceName, kept, value};
use crate::host::host_prefix;

/// `RT_TABLE_DEFAULT`, `RT_TABLE_MAIN` and `RT_TABLE_LOCAL`.
const KERNEL_TABLES: RangeInclusive<u32> = 253..=255;

/// A route as the kernel lists it.
pub(super) struct Found {
    pub(super) identity: FullRoute,
    pub(super) message: RouteMessage,
}

impl Found {
    /// What a gateway is behind must be there before it.
    fn has_gateway(&self) -> bool {
        let mut attributes = self.message.attributes.iter();
        attributes.any(|attribute| {
            matches!(attribute, RouteAttribute::Gateway(_) | RouteAttribute::Via(_))
        })
    }
}

/// Routes of which the interface is not the only way cannot be taken from it.
pub(in crate::host) struct Shared(pub(in crate::host) FullRoute);

/// The routes through an interface that someone made, with their values, in an order in which they
/// can be removed, and in the reverse order added again: those by a gateway first.
pub(in crate::host) async fn list(
    handle: &Handle,
    index: u32,
    device: &InterfaceName,
) -> Result<Result<Vec<(FullRoute, String)>, Shared>, Error> {
    let (mut list, shared) = dump(handle, index, device).await?;
    if let Some(shared) = shared {
        return Ok(Err(Shared(shared)));
    }
    list.sort_by_key(|found| !found.has_gateway());
    Ok(Ok(list.into_iter().map(|found| (found.identity, value(kept(found.message)))).collect()))
}

/// The ways by which the machine reaches others: the unicast routes of the main table, those with a
/// gateway last. Not those to a single address on a link, such as virtual addresses have, nor those
/// that no client is behind: to link-local addresses, and second to another that is as good.
pub(in crate::host) async fn outbound_routes(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
) -> Result<Vec<(FullRoute, String)>, Error> {
    let mut ways = Vec::new();
    each(handle, |message| {
        let Some(device) = device(&message, names) else { return };
        let (identity, header) = (FullRoute::of(&message, device), &message.header);
        let (kind, is_host) = (header.kind, identity.prefix == host_prefix(identity.destination));
        let is_object =
            message.attributes.iter().any(|found| matches!(found, RouteAttribute::NhId(_)));
        let in_main = header.table == RouteHeader::RT_TABLE_MAIN;
        let found = Found { identity, message };
        if in_main && !is_object && kind == RouteType::Unicast && (found.has_gateway() || !is_host)
        {
            ways.push(found);
        }
    })
    .await?;
    ways.sort_by_key(Found::has_gateway);
    let mut seen = HashSet::new();
    ways.retain(|found| {
        let FullRoute { destination, prefix, tos, metric, .. } = found.identity;
        let is_local =
            matches!(destination, IpAddr::V6(address) if address.is_unicast_link_local());
        !is_local && seen.insert((destination, prefix, tos, metric))
    });
    Ok(ways.into_iter().map(|found| (found.identity, value(kept(found.message)))).collect())
}

/// The routes through one interface in tables that people made: not those of the kernel's three.
pub(in crate::host) async fn of_other_tables(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
) -> Result<Vec<(FullRoute, String)>, Error> {
    let mut found = Vec::new();
    each(handle, |message| {
        let Some(device) = device(&message, names) else { return };
        let route = FullRoute::of(&message, device);
        if !KERNEL_TABLES.contains(&route.table) && !is_made_by_kernel(&message) {
            found.push((route, value(kept(message))));
        }
    })
    .await?;
    Ok(found)
}

/// The routes through an interface that someone made, and one of which it is not the only way.
pub(super) async fn dump(
    handle: &Handle,
    index: u32,
    device: &InterfaceName,
) -> Result<(Vec<Found>, Option<FullRoute>), Error> {
    let (mut list, mut shared) = (Vec::new(), None);
    each(handle, |message| {
        if is_made_by_kernel(&message) {
            return;
        }
        match way(&message, index) {
            Way::Through => {
                list.push(Found { identity: FullRoute::of(&message, device), message });
            }
            Way::AlsoThrough => shared = Some(FullRoute::of(&message, device)),
            Way::Elsewhere => {}
        }
    })
    .await?;
    Ok((list, shared))
}

/// Hears of every route of both families.
async fn each(handle: &Handle, mut hear: impl FnMut(RouteMessage)) -> Result<(), Error> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut messages = handle.route().get(every(family)).execute();
        while let Some(message) = messages.try_next().await? {
            hear(message);
        }
    }
    Ok(())
}

/// The interface that a route goes through.
fn device<'a>(
    message: &RouteMessage,
    names: &'a HashMap<u32, InterfaceName>,
) -> Option<&'a InterfaceName> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => names.get(index),
        _ => None,
    })
}

/// Asks for the routes of all tables, for which 0 stands.
fn every(family: AddressFamily) -> RouteMessage {
    let mut filter = RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
    filter.header.address_family = family;
    filter.header.table = RouteHeader::RT_TABLE_UNSPEC;
    filter.header.kind = RouteType::Unspec;
    filter
}

pub(super) enum Way {
    Through,
    AlsoThrough,
    Elsewhere,
}

/// A route of several ways, or by an object that others use too (`ip nexthop`), is no business of
/// one interface.
pub(super) fn way(message: &RouteMessage, index: u32) -> Way {
    let (mut way, mut is_object) = (Way::Elsewhere, false);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(output) if *output == index => way = Way::Through,
            RouteAttribute::NhId(_) => is_object = true,
            RouteAttribute::MultiPath(hops)
                if hops.iter().any(|hop| hop.interface_index == index) =>
            {
                return Way::AlsoThrough;
            }
            _ => {}
        }
    }
    match way {
        Way::Through if is_object => Way::AlsoThrough,
        way => way,
    }
}

/// Those of addresses, of redirects and of router advertisements come again by themselves, and what
/// runs out belongs to whoever renews it.
pub(super) fn is_made_by_kernel(message: &RouteMessage) -> bool {
    let expires = |attribute: &RouteAttribute| match attribute {
        RouteAttribute::CacheInfo(info) => info.expires != 0,
        _ => false,
    };
    matches!(
        message.header.protocol,
        RouteProtocol::Kernel | RouteProtocol::IcmpRedirect | RouteProtocol::Ra
    ) || message.header.flags.contains(RouteFlags::Cloned)
        || message.attributes.iter().any(expires)
}
