//! The size of the TCP segments that clients send to a virtual address behind a tunnel.
//!
//! A client sends segments as large as the answer to its first packet allows; packed by the director
//! they must still fit. The kernel takes that number (MSS) from the route of the answer (`advmss`),
//! not from the device by which the request came. So answers from the virtual address get routes
//! of their own: a rule leads them to a table with a copy of the machine's ways out, each with the
//! smaller number. Nothing else of the machine uses that table, and where it has no route, as after
//! an interface was down, the next rule counts, as before.

use std::net::IpAddr;

use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteMetric, RouteProtocol};

use super::{FullRoute, Key, PRESENT, Want, full_route, message};

/// Before the rule that leads to the main table, 32766, and behind most that people make.
const PRIORITY: u32 = 32_000;

/// What makes clients of a virtual address send segments of that size at most: `ways` are those
/// that [`Host::outbound_routes`](super::Host::outbound_routes) tells. The table is called by the size, so that
/// addresses of the same size share it.
#[must_use]
pub fn segments_of(vip: IpAddr, size: u16, ways: &[(FullRoute, String)]) -> Vec<Want> {
    let table = u32::from(size);
    let same_family = ways.iter().filter(|(way, _)| way.destination.is_ipv4() == vip.is_ipv4());
    let copies = same_family.filter_map(|(way, value)| {
        let key = Key::FullRoute(FullRoute { table, ..way.clone() });
        Some(Want::new(key, &with_size(value, table, size)?))
    });
    let rule = Key::Rule { source: vip, table, priority: PRIORITY };
    copies.chain([Want::new(rule, PRESENT)]).collect()
}

/// The same way in another table. It is no longer one that the kernel made.
fn with_size(value: &str, table: u32, size: u16) -> Option<String> {
    let mut message: RouteMessage = message::decode(value)?;
    message.header.protocol = RouteProtocol::Static;
    let (mut size, mut metrics) = (u32::from(size), Vec::new());
    message.attributes.retain(|attribute| match attribute {
        RouteAttribute::Metrics(found) => {
            metrics.clone_from(found);
            false
        }
        RouteAttribute::Table(_) => false,
        _ => true,
    });
    metrics.retain(|metric| match metric {
        RouteMetric::Advmss(own) => {
            size = size.min(*own);
            false
        }
        _ => true,
    });
    metrics.push(RouteMetric::Advmss(size));
    message.attributes.push(RouteAttribute::Table(table));
    message.attributes.push(RouteAttribute::Metrics(metrics));
    Some(full_route::value(full_route::kept(message)))
}

#[cfg(test)]
mod tests {
    use rtnetlink::RouteMessageBuilder;

    use super::*;

    #[test]
    fn every_way_out_is_copied_with_the_smaller_number() {
        let way = |metrics: Vec<RouteMetric>| {
            let mut message = RouteMessageBuilder::<IpAddr>::new().build();
            message.header.address_family = rtnetlink::packet_route::AddressFamily::Inet;
            message.header.protocol = RouteProtocol::Kernel;
            message.attributes.push(RouteAttribute::Metrics(metrics));
            let identity = FullRoute {
                table: 254,
                destination: IpAddr::from([0, 0, 0, 0]),
                prefix: 0,
                tos: 0,
                metric: 5,
                device: "eth0".parse().unwrap(),
            };
            (identity, full_route::value(message))
        };
        let said = |vip: &str, metrics| {
            let desired = segments_of(vip.parse().unwrap(), 1440, &[way(metrics)]).into_iter();
            let said = desired.map(|want| {
                format!("{} = {}", want.key, message::without_message(&want.value.unwrap()))
            });
            said.collect::<Vec<_>>()
        };
        let rule = "rule from 192.0.2.10 lookup 1440 = present";
        let route = "route default table 1440 metric 5 dev eth0 = proto 4";
        let vip = "192.0.2.10";
        assert_eq!(
            said(vip, vec![RouteMetric::Mtu(9000)]),
            [&format!("{route} mtu 9000 advmss 1440"), rule]
        );
        assert_eq!(
            said(vip, vec![RouteMetric::Advmss(1200)]),
            [&format!("{route} advmss 1200"), rule]
        );
        assert_eq!(said("2001:db8::1", vec![]), ["rule from 2001:db8::1 lookup 1440 = present"]);
    }
}
