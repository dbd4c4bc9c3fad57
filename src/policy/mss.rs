//! The MSS that clients of a virtual address behind a tunnel use.
//!
//! A client sends segments as large as the reply to its first packet allows; encapsulated by the
//! director they must still fit. The kernel takes that number from the route of the reply (`advmss`),
//! not from the device by which the request came. So replies from the virtual address get routes of
//! their own: a rule directs them to a table with a copy of the machine's outbound routes, each with
//! the smaller MSS. Nothing else uses that table, and where it has no route, as after an interface was
//! down, the next rule counts, as before.

use std::net::IpAddr;

use super::Requirement;
use crate::host::{FullRoute, Key, PRESENT, route_with_mss};

/// Before the rule for the main table, 32766, and after most that people make.
const PRIORITY: u32 = 32_000;

/// Limits the MSS of clients of a virtual address, where `routes` are the
/// [`Host::outbound_routes`](crate::host::Host::outbound_routes). The table's number is the MSS, so
/// that addresses of the same MSS share it.
pub(super) fn limit_mss(vip: IpAddr, mss: u16, routes: &[(FullRoute, String)]) -> Vec<Requirement> {
    let table = u32::from(mss);
    let same_family = routes.iter().filter(|(it, _)| it.destination.is_ipv4() == vip.is_ipv4());
    let copies = same_family.filter_map(|(route, value)| {
        let key = Key::FullRoute(FullRoute { table, ..route.clone() });
        Some(Requirement::new(key, &route_with_mss(value, table, mss)?))
    });
    let rule = Key::Rule { source: vip, table, priority: PRIORITY };
    copies.chain([Requirement::new(rule, PRESENT)]).collect()
}

#[cfg(test)]
mod tests {
    use rtnetlink::RouteMessageBuilder;
    use rtnetlink::packet_route::AddressFamily;
    use rtnetlink::packet_route::route::{RouteAttribute, RouteMetric, RouteProtocol};

    use super::*;
    use crate::host::{route_value, without_message};

    #[test]
    fn every_outbound_route_is_copied_with_the_smaller_mss() {
        let route = |metrics: Vec<RouteMetric>| {
            let mut message = RouteMessageBuilder::<IpAddr>::new().build();
            message.header.address_family = AddressFamily::Inet;
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
            (identity, route_value(message))
        };
        let lines = |vip: &str, metrics| {
            let required = limit_mss(vip.parse().unwrap(), 1440, &[route(metrics)]).into_iter();
            let line = |item: Requirement| {
                format!("{} = {}", item.key, without_message(&item.value.unwrap()))
            };
            required.map(line).collect::<Vec<_>>()
        };
        let rule = "rule from 192.0.2.10 lookup 1440 = present";
        let copy = "route default table 1440 metric 5 dev eth0 = proto 4";
        let vip = "192.0.2.10";
        assert_eq!(
            lines(vip, vec![RouteMetric::Mtu(9000)]),
            [&format!("{copy} mtu 9000 advmss 1440"), rule]
        );
        assert_eq!(
            lines(vip, vec![RouteMetric::Advmss(1200)]),
            [&format!("{copy} advmss 1200"), rule]
        );
        assert_eq!(lines("2001:db8::1", vec![]), ["rule from 2001:db8::1 lookup 1440 = present"]);
    }
}
