//! Routes of the main table, and the default route that the kernel prefers to all others.
//!
//! The main table has at most one default route of the smallest metric per family. Default routes of
//! larger metrics, such as those of DHCP (100 and more) and router advertisements (1024), stay: the
//! programs that maintain them do not notice.
//!
//! Its value is as in `ip route`, `via 192.168.20.254 dev eth0`. For a route with more attributes the
//! kernel's message follows, so that the journal keeps all of them.

use std::fmt::Write;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RoutePreference,
    RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Error, Handle, RouteMessageBuilder};

use super::link::{self, is_errno};
use super::{InterfaceName, message};
use lvs::ipvs;

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

/// The metric; the kernel omits a 0.
pub(super) fn priority(message: &RouteMessage) -> u32 {
    let mut attributes = message.attributes.iter();
    let priority = attributes.find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    priority.unwrap_or_default()
}

/// A request for the routes of a family in the main table.
pub(super) fn filter(family: AddressFamily) -> RouteMessage {
    let mut filter = RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
    filter.header.address_family = family;
    filter
}

/// A request for the routes of a family in all tables, for which 0 stands.
pub(super) fn filter_all_tables(family: AddressFamily) -> RouteMessage {
    let mut filter = filter(family);
    filter.header.table = RouteHeader::RT_TABLE_UNSPEC;
    filter.header.kind = RouteType::Unspec;
    filter
}

/// Dumps routes to the end, even after a hit: a socket runs one dump at a time.
pub(super) async fn each(
    handle: &Handle,
    filter: RouteMessage,
    mut visit: impl FnMut(RouteMessage),
) -> Result<(), Error> {
    let mut messages = handle.route().get(filter).execute();
    while let Some(message) = messages.try_next().await? {
        visit(message);
    }
    Ok(())
}

/// Removes a route, unless it is gone already.
pub(super) async fn remove(handle: &Handle, route: Option<RouteMessage>) -> Result<(), Error> {
    let Some(route) = route else { return Ok(()) };
    match handle.route().del(route).execute().await {
        Err(error) if is_errno(&error, libc::ESRCH) => Ok(()),
        result => result,
    }
}

/// The unicast route of the main table to exactly this prefix through this interface.
///
/// Searched in a dump: a request for a single route is a lookup, which finds the local table for an
/// address of this machine.
pub(super) async fn find(
    handle: &Handle,
    index: u32,
    destination: IpAddr,
    prefix: u8,
) -> Result<Option<RouteMessage>, Error> {
    let output = RouteAttribute::Oif(index);
    let address = RouteAttribute::Destination(RouteAddress::from(destination));
    let mut filter = filter(family(destination.into()));
    filter.attributes.push(output.clone());
    let mut found = None;
    each(handle, filter, |message| {
        let header = &message.header;
        if header.destination_prefix_length == prefix
            && header.table == RouteHeader::RT_TABLE_MAIN
            && header.kind == RouteType::Unicast
            && message.attributes.contains(&output)
            && message.attributes.contains(&address)
        {
            found = Some(message);
        }
    })
    .await?;
    Ok(found)
}

/// Adds a route of protocol `boot`, as `ip route add` does.
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
    remove(handle, find(handle, index, destination, prefix).await?).await
}

/// The smallest metric. For IPv6 0 means unspecified, and becomes 1024 (`IP6_RT_PRIO_USER`).
pub(crate) const fn default_metric(family: ipvs::AddressFamily) -> u32 {
    match family {
        ipvs::AddressFamily::Ipv4 => 0,
        ipvs::AddressFamily::Ipv6 => 1,
    }
}

/// The value of the default route of the smallest metric.
pub(super) async fn find_default(
    handle: &Handle,
    family: ipvs::AddressFamily,
) -> Result<Option<String>, Error> {
    let Some(message) = default_message(handle, family).await? else {
        return Ok(None);
    };
    let mut value = String::new();
    if let Some(gateway) = message.attributes.iter().find_map(gateway) {
        // Writing to a String cannot fail.
        let _ = write!(value, "via {gateway} ");
    }
    if let Some(index) = output(&message) {
        if let Some(name) = link::name(handle, index).await? {
            let _ = write!(value, "dev {name}");
        }
    }
    let words = value.trim_end();
    Ok(Some(if is_plain(&message) { words.to_owned() } else { message::value(words, &message) }))
}

/// Replaces the default route in one request, so that there always is one.
pub(super) async fn set_default(
    handle: &Handle,
    family: ipvs::AddressFamily,
    value: &str,
) -> Result<(), Error> {
    let unreadable = || Error::InvalidNla(format!("{value:?} is not a default route"));
    let message = if message::has_message(value) {
        message::decode(value).ok_or_else(unreadable)?
    } else {
        let (gateway, device) = parse_default(value).ok_or_else(unreadable)?;
        let link = link::find(handle, &device).await?;
        let index = link.ok_or_else(unreadable)?.index;
        let mut message = RouteMessageBuilder::<IpAddr>::new()
            .output_interface(index)
            .protocol(RouteProtocol::Boot)
            .build();
        message.header.address_family = self::family(family);
        message.attributes.push(RouteAttribute::Gateway(RouteAddress::from(gateway)));
        message.attributes.push(RouteAttribute::Priority(default_metric(family)));
        message
    };
    handle.route().add(message).replace().execute().await
}

pub(super) async fn delete_default(
    handle: &Handle,
    family: ipvs::AddressFamily,
) -> Result<(), Error> {
    remove(handle, default_message(handle, family).await?).await
}

/// The kernel's message, without the attributes that it does not accept.
async fn default_message(
    handle: &Handle,
    family: ipvs::AddressFamily,
) -> Result<Option<RouteMessage>, Error> {
    let mut found = None;
    each(handle, filter(self::family(family)), |mut message| {
        let header = &message.header;
        if found.is_none()
            && header.destination_prefix_length == 0
            && header.source_prefix_length == 0
            && header.tos == 0
            && header.table == RouteHeader::RT_TABLE_MAIN
            && priority(&message) == default_metric(family)
        {
            message.header.flags &= RouteFlags::Onlink;
            message
                .attributes
                .retain(|attribute| !matches!(attribute, RouteAttribute::CacheInfo(_)));
            found = Some(message);
        }
    })
    .await?;
    Ok(found)
}

fn parse_default(value: &str) -> Option<(IpAddr, InterfaceName)> {
    let mut words = value.split(' ');
    match (words.next(), words.next(), words.next(), words.next(), words.next()) {
        (Some("via"), Some(gateway), Some("dev"), Some(device), None) => {
            Some((gateway.parse().ok()?, device.parse().ok()?))
        }
        _ => None,
    }
}

fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(gateway) => address(gateway),
        _ => None,
    }
}

fn output(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

/// Whether gateway and interface describe the route in full.
fn is_plain(message: &RouteMessage) -> bool {
    let RouteMessage { header, attributes, .. } = message;
    let has = |desired: fn(&RouteAttribute) -> bool| attributes.iter().any(desired);
    let said = |attribute: &RouteAttribute| match attribute {
        RouteAttribute::Gateway(_)
        | RouteAttribute::Oif(_)
        | RouteAttribute::Table(_)
        | RouteAttribute::Priority(_) => true,
        RouteAttribute::Preference(preference) => *preference == RoutePreference::Medium,
        _ => false,
    };
    header.kind == RouteType::Unicast
        && header.scope == RouteScope::Universe
        && header.protocol == RouteProtocol::Boot
        && header.flags.is_empty()
        && has(|attribute| matches!(attribute, RouteAttribute::Gateway(_)))
        && has(|attribute| matches!(attribute, RouteAttribute::Oif(_)))
        && attributes.iter().all(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Key;

    #[test]
    fn default_route_with_more_attributes_keeps_the_message() {
        let mut message = RouteMessageBuilder::<IpAddr>::new()
            .output_interface(7)
            .protocol(RouteProtocol::Dhcp)
            .build();
        message.header.address_family = family(ipvs::AddressFamily::Ipv4);
        let gateway = RouteAddress::from(IpAddr::from([192, 0, 2, 1]));
        message.attributes.push(RouteAttribute::Gateway(gateway));
        assert!(!is_plain(&message), "its protocol is not boot");
        let value = message::value("", &message);
        assert_eq!(message::decode::<RouteMessage>(&value).unwrap(), message);
        message.header.protocol = RouteProtocol::Boot;
        assert!(is_plain(&message));
    }

    #[test]
    fn parse_default_refuses_other_text() {
        let device: InterfaceName = "eth0".parse().unwrap();
        let gateway = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(parse_default(&Key::through(gateway, &device)), Some((gateway, device)));
        for bad in ["", "via", "via x dev eth0", "via 192.0.2.1 dev a/b", "via 192.0.2.1 dev a b"] {
            assert_eq!(parse_default(bad), None, "{bad:?}");
        }
    }
}
