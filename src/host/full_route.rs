//! Routes with all their attributes, in any table.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use netlink_packet_core::Nla;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
};
use rtnetlink::{Error, Handle};
use serde::{Deserialize, Serialize};

use super::link::is_errno;
use super::{InterfaceName, message, route};

/// How often a route is tried whose source address is tentative, each quarter of a second.
const ATTEMPTS: u32 = 20;

/// The identity of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullRoute {
    /// The number of the table; 254 is the main one.
    pub table: u32,
    /// The destination; the unspecified address of its family in a default route.
    pub destination: IpAddr,
    /// Length of the prefix in bits; 0 in a default route.
    pub prefix: u8,
    /// Type of service; 0 for all.
    pub tos: u8,
    /// Smaller is preferred.
    pub metric: u32,
    /// The output interface.
    pub device: InterfaceName,
}

impl FullRoute {
    /// The arguments of `ip route`, without the device.
    pub(super) fn words(&self) -> String {
        let Self { table, destination, prefix, tos, metric, .. } = self;
        let mut words = match prefix {
            0 => "default".to_owned(),
            _ => format!("{destination}/{prefix}"),
        };
        // Writing to a String cannot fail.
        if *tos != 0 {
            let _ = write!(words, " tos {tos:#x}");
        }
        if *table != u32::from(RouteHeader::RT_TABLE_MAIN) {
            let _ = write!(words, " table {table}");
        }
        if *metric != 0 {
            let _ = write!(words, " metric {metric}");
        }
        words
    }

    pub(super) const fn ip(&self) -> &'static str {
        if self.destination.is_ipv4() { "ip" } else { "ip -6" }
    }

    /// The identity of a route through one interface; `None` of others.
    pub(super) fn of_route(route: &super::state::Route) -> Option<Self> {
        let [hop] = &route.hops[..] else { return None };
        let device = hop.interface.as_ref().filter(|_| route.nexthop_object.is_none())?;
        Some(Self {
            table: route.table,
            destination: route.destination,
            prefix: route.prefix,
            tos: route.tos,
            metric: route.metric,
            device: device.name.clone(),
        })
    }

    fn of(message: &RouteMessage, device: &InterfaceName) -> Self {
        let header = &message.header;
        let (mut table, mut destination) = (
            u32::from(header.table),
            match header.address_family {
                AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            },
        );
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(number) => table = *number,
                RouteAttribute::Destination(address) => {
                    destination = route::address(address).unwrap_or(destination);
                }
                _ => {}
            }
        }
        let (prefix, tos) = (header.destination_prefix_length, header.tos);
        let (metric, device) = (route::priority(message), device.clone());
        Self { table, destination, prefix, tos, metric, device }
    }
}

impl fmt::Display for FullRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {} dev {}", self.words(), self.device)
    }
}

pub(super) async fn find(
    handle: &Handle,
    index: u32,
    identity: &FullRoute,
) -> Result<Option<String>, Error> {
    Ok(message(handle, index, identity).await?.map(|message| value(kept(message))))
}

/// Adds a route with the attributes of its value, or replaces the existing one.
///
/// An IPv6 address cannot be the source during duplicate address detection (`ipv6_chk_addr`, RFC
/// 4862), which takes a second or two.
pub(super) async fn add(
    handle: &Handle,
    index: u32,
    value: &str,
    replace: bool,
) -> Result<(), Error> {
    let unreadable = || Error::InvalidNla(format!("{value:?} is not a route"));
    let mut message: RouteMessage = message::decode(value).ok_or_else(unreadable)?;
    message.attributes.push(RouteAttribute::Oif(index));
    let has_source = message
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, RouteAttribute::PrefSource(_)));
    let may_be_tentative = has_source && message.header.address_family == AddressFamily::Inet6;
    let mut attempts = if may_be_tentative { ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        let request = handle.route().add(message.clone());
        let request = if replace { request.replace() } else { request };
        match request.execute().await {
            Err(error) if attempts > 0 && is_errno(&error, libc::EINVAL) => {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            result => return result,
        }
    }
}

pub(super) async fn delete(handle: &Handle, index: u32, identity: &FullRoute) -> Result<(), Error> {
    route::remove(handle, message(handle, index, identity).await?).await
}

async fn message(
    handle: &Handle,
    index: u32,
    identity: &FullRoute,
) -> Result<Option<RouteMessage>, Error> {
    let (list, _) = dump(handle, index, &identity.device).await?;
    Ok(list.into_iter().find(|found| found.identity == *identity).map(|found| found.message))
}

/// The message without the interface and the attributes that the kernel does not accept, normalized:
/// the table as an attribute only, the attributes in order.
fn kept(mut message: RouteMessage) -> RouteMessage {
    message.header.flags &= RouteFlags::Onlink;
    message.header.table = RouteHeader::RT_TABLE_UNSPEC;
    message.attributes.retain(|attribute| {
        !matches!(attribute, RouteAttribute::CacheInfo(_) | RouteAttribute::Oif(_))
    });
    message.attributes.sort_by_key(Nla::kind);
    message
}

/// The options of `ip route add` besides [`FullRoute::words`], and the message.
pub(super) fn value(message: RouteMessage) -> String {
    let header = &message.header;
    let mut words = format!("proto {}", u8::from(header.protocol));
    // Writing to a String cannot fail.
    match header.scope {
        RouteScope::Universe => {}
        scope => {
            let _ = write!(words, " scope {scope}");
        }
    }
    if header.flags.contains(RouteFlags::Onlink) {
        words.push_str(" onlink");
    }
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Gateway(address) => {
                let gateway = route::address(address).map(|address| format!("via {address} "));
                words.insert_str(0, &gateway.unwrap_or_default());
            }
            RouteAttribute::PrefSource(address) => {
                let source = route::address(address).map(|address| format!(" src {address}"));
                words.push_str(&source.unwrap_or_default());
            }
            RouteAttribute::Metrics(metrics) => {
                for metric in metrics {
                    let _ = match metric {
                        RouteMetric::Mtu(value) => write!(words, " mtu {value}"),
                        RouteMetric::Advmss(value) => write!(words, " advmss {value}"),
                        RouteMetric::Window(value) => write!(words, " window {value}"),
                        _ => Ok(()),
                    };
                }
            }
            _ => {}
        }
    }
    message::value(&words, &message)
}

/// A route of a dump.
struct Found {
    identity: FullRoute,
    message: RouteMessage,
}

impl Found {
    /// The route to the gateway must exist before one through it.
    fn has_gateway(&self) -> bool {
        let mut attributes = self.message.attributes.iter();
        attributes.any(|attribute| {
            matches!(attribute, RouteAttribute::Gateway(_) | RouteAttribute::Via(_))
        })
    }
}

/// A route with other next hops too, which cannot be moved from one interface.
pub(super) struct Shared(pub(super) FullRoute);

/// The routes through an interface that the kernel did not make, with their values, in an order in
/// which they can be removed, and in reverse added again: those with a gateway first.
pub(super) async fn list(
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

/// The routes through an interface that the kernel did not make, and a shared one if there is any.
async fn dump(
    handle: &Handle,
    index: u32,
    device: &InterfaceName,
) -> Result<(Vec<Found>, Option<FullRoute>), Error> {
    let (mut list, mut shared) = (Vec::new(), None);
    each(handle, |message| {
        if is_made_by_kernel(&message) {
            return;
        }
        match use_of(&message, index) {
            Use::Sole => {
                list.push(Found { identity: FullRoute::of(&message, device), message });
            }
            Use::Shared => shared = Some(FullRoute::of(&message, device)),
            Use::None => {}
        }
    })
    .await?;
    Ok((list, shared))
}

/// Dumps the routes of all tables, both families.
async fn each(handle: &Handle, mut visit: impl FnMut(RouteMessage)) -> Result<(), Error> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        route::each(handle, route::filter_all_tables(family), &mut visit).await?;
    }
    Ok(())
}

enum Use {
    Sole,
    Shared,
    None,
}

/// How a route uses an interface. One with several next hops, or with an `ip nexthop` object that
/// other routes may use, is shared.
fn use_of(message: &RouteMessage, index: u32) -> Use {
    let (mut usage, mut is_object) = (Use::None, false);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(output) if *output == index => usage = Use::Sole,
            RouteAttribute::NhId(_) => is_object = true,
            RouteAttribute::MultiPath(hops)
                if hops.iter().any(|hop| hop.interface_index == index) =>
            {
                return Use::Shared;
            }
            _ => {}
        }
    }
    match usage {
        Use::Sole if is_object => Use::Shared,
        usage => usage,
    }
}

/// Routes of addresses, redirects and router advertisements come back by themselves, and a route that
/// expires is renewed by the program that added it.
fn is_made_by_kernel(message: &RouteMessage) -> bool {
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

#[cfg(test)]
mod tests {
    use rtnetlink::RouteMessageBuilder;
    use rtnetlink::packet_route::route::{RouteAddress, RouteNextHop};

    use super::*;
    use crate::host::without_message;

    fn default_route(attributes: Vec<RouteAttribute>) -> RouteMessage {
        let mut message = RouteMessageBuilder::<IpAddr>::new().output_interface(7).build();
        message.header.address_family = AddressFamily::Inet;
        message.attributes.extend(attributes);
        message
    }

    fn gateway() -> RouteAttribute {
        RouteAttribute::Gateway(RouteAddress::from(IpAddr::from([192, 0, 2, 1])))
    }

    #[test]
    fn full_route_value_omits_the_interface() {
        let device = "eth2".parse().unwrap();
        let metrics = RouteAttribute::Metrics(vec![RouteMetric::Advmss(1440)]);
        let found = default_route(vec![
            gateway(),
            metrics,
            RouteAttribute::Table(100),
            RouteAttribute::Priority(5),
        ]);
        let identity = FullRoute::of(&found, &device);
        assert_eq!(identity.to_string(), "route default table 100 metric 5 dev eth2");
        let value = value(kept(found.clone()));
        assert_eq!(without_message(&value), "via 192.0.2.1 proto 4 advmss 1440");
        let decoded: RouteMessage = message::decode(&value).unwrap();
        assert_eq!(decoded.header.table, 0);
        let kinds: Vec<_> = decoded.attributes.iter().map(Nla::kind).collect();
        assert_eq!(kinds, [5, 6, 8, 15], "RTA_GATEWAY, _PRIORITY, _METRICS, _TABLE");
        assert!(decoded.attributes.iter().all(|attribute| found.attributes.contains(attribute)));
    }

    #[test]
    fn multipath_route_is_shared() {
        assert!(matches!(use_of(&default_route(vec![gateway()]), 7), Use::Sole));
        assert!(matches!(use_of(&default_route(vec![gateway()]), 8), Use::None));
        let object = default_route(vec![RouteAttribute::NhId(1)]);
        assert!(matches!(use_of(&object, 7), Use::Shared));
        let mut hop = RouteNextHop::default();
        hop.interface_index = 9;
        let several = default_route(vec![RouteAttribute::MultiPath(vec![hop])]);
        assert!(matches!(use_of(&several, 9), Use::Shared));
    }

    #[test]
    fn kernel_made_route_is_recognized() {
        for (protocol, made) in [
            (RouteProtocol::Kernel, true),
            (RouteProtocol::Ra, true),
            (RouteProtocol::Boot, false),
            (RouteProtocol::Dhcp, false),
        ] {
            let mut message = default_route(vec![gateway()]);
            message.header.protocol = protocol;
            assert_eq!(is_made_by_kernel(&message), made, "{protocol}");
        }
    }
}
