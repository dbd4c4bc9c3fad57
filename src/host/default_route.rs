//! The default route that the kernel prefers to all others: the one of the smallest metric.
//!
//! It has one place in the main table for each family, which holds one route or none. Routes of
//! larger metrics, such as those that DHCP (100 and more) and router advertisements (1024) bring,
//! stay where they are: whoever maintains them need not know.
//!
//! A route is told as `ip route` would, `via 192.168.20.254 dev eth0`. One with more attributes
//! carries the kernel's own message behind these words, so that nothing of it is lost on its way
//! through the journal.

use std::fmt::Write;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RoutePreference,
    RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Error, Handle, RouteMessageBuilder};

use super::link::{self, is};
use super::{InterfaceName, message, route};
use lvs::ipvs::AddressFamily;

/// The smallest metric. To IPv6 a 0 means "not said", which becomes 1024 (`IP6_RT_PRIO_USER`).
pub(super) const fn metric(family: AddressFamily) -> u32 {
    match family {
        AddressFamily::Ipv4 => 0,
        AddressFamily::Ipv6 => 1,
    }
}

/// What `ip route` would say of a plain route through a gateway.
pub(super) fn words(gateway: IpAddr, device: &InterfaceName) -> String {
    format!("via {gateway} dev {device}")
}

/// The route in that place.
pub(super) async fn find(handle: &Handle, family: AddressFamily) -> Result<Option<String>, Error> {
    let Some(message) = kept(handle, family).await? else {
        return Ok(None);
    };
    let mut value = String::new();
    if let Some(gateway) = message.attributes.iter().find_map(gateway) {
        // Writing to a String cannot fail.
        let _ = write!(value, "via {gateway} ");
    }
    if let Some(index) = output(&message)
        && let Some(name) = link::name(handle, index).await?
    {
        let _ = write!(value, "dev {name}");
    }
    let words = value.trim_end();
    Ok(Some(if is_plain(&message) { words.to_owned() } else { message::value(words, &message) }))
}

/// Puts a route there, in place of the one that was. In one request: there is no moment without.
pub(super) async fn set(handle: &Handle, family: AddressFamily, value: &str) -> Result<(), Error> {
    let unreadable = || Error::InvalidNla(format!("{value:?} is not a default route"));
    let message = if message::has_message(value) {
        message::decode(value).ok_or_else(unreadable)?
    } else {
        let (gateway, device) = read(value).ok_or_else(unreadable)?;
        let link = link::find(handle, &device).await?;
        let index = link.ok_or_else(unreadable)?.index;
        let mut message = RouteMessageBuilder::<IpAddr>::new()
            .output_interface(index)
            .protocol(RouteProtocol::Boot)
            .build();
        message.header.address_family = route::family(family);
        message.attributes.push(RouteAttribute::Gateway(RouteAddress::from(gateway)));
        message.attributes.push(RouteAttribute::Priority(metric(family)));
        message
    };
    handle.route().add(message).replace().execute().await
}

/// Leaves the place empty.
pub(super) async fn delete(handle: &Handle, family: AddressFamily) -> Result<(), Error> {
    let Some(message) = kept(handle, family).await? else {
        return Ok(());
    };
    match handle.route().del(message).execute().await {
        Err(error) if is(&error, libc::ESRCH) => Ok(()),
        result => result,
    }
}

/// The kernel's message, without what it reports but does not take back.
async fn kept(handle: &Handle, family: AddressFamily) -> Result<Option<RouteMessage>, Error> {
    let mut filter = RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
    filter.header.address_family = route::family(family);
    let mut routes = handle.route().get(filter).execute();
    let mut found = None;
    // To the end, even after a hit: a socket runs one dump at a time.
    while let Some(mut message) = routes.try_next().await? {
        let header = &message.header;
        if found.is_none()
            && header.destination_prefix_length == 0
            && header.source_prefix_length == 0
            && header.tos == 0
            && header.table == RouteHeader::RT_TABLE_MAIN
            && route::priority(&message) == metric(family)
        {
            message.header.flags &= RouteFlags::Onlink;
            message
                .attributes
                .retain(|attribute| !matches!(attribute, RouteAttribute::CacheInfo(_)));
            found = Some(message);
        }
    }
    Ok(found)
}

fn read(value: &str) -> Option<(IpAddr, InterfaceName)> {
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
        RouteAttribute::Gateway(address) => route::address(address),
        _ => None,
    }
}

fn output(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

/// Whether gateway and device say it all.
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

    #[test]
    fn what_words_cannot_say_is_kept_whole() {
        let mut message = RouteMessageBuilder::<IpAddr>::new()
            .output_interface(7)
            .protocol(RouteProtocol::Dhcp)
            .build();
        message.header.address_family = route::family(AddressFamily::Ipv4);
        let gateway = RouteAddress::from(IpAddr::from([192, 0, 2, 1]));
        message.attributes.push(RouteAttribute::Gateway(gateway));
        assert!(!is_plain(&message), "its protocol is not boot");
        let value = message::value("", &message);
        assert_eq!(message::decode::<RouteMessage>(&value).unwrap(), message);
        message.header.protocol = RouteProtocol::Boot;
        assert!(is_plain(&message));
    }

    #[test]
    fn what_is_no_route_is_refused() {
        let device: InterfaceName = "eth0".parse().unwrap();
        let gateway = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(read(&words(gateway, &device)), Some((gateway, device)));
        for bad in ["", "via", "via x dev eth0", "via 192.0.2.1 dev a/b", "via 192.0.2.1 dev a b"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
