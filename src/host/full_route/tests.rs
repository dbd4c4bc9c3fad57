use std::net::IpAddr;

use netlink_packet_core::Nla;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{RouteAddress, RouteMetric, RouteNextHop, RouteProtocol};

use super::listing::{Way, is_made_by_kernel, way};
use super::*;

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
fn a_route_is_told_without_its_interface() {
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
    assert_eq!(message::without_message(&value), "via 192.0.2.1 proto 4 advmss 1440");
    let told: RouteMessage = message::decode(&value).unwrap();
    assert_eq!(told.header.table, 0);
    let kinds: Vec<_> = told.attributes.iter().map(Nla::kind).collect();
    assert_eq!(kinds, [5, 6, 8, 15], "RTA_GATEWAY, _PRIORITY, _METRICS, _TABLE");
    assert!(told.attributes.iter().all(|attribute| found.attributes.contains(attribute)));
}

#[test]
fn a_route_of_several_ways_is_shared() {
    assert!(matches!(way(&default_route(vec![gateway()]), 7), Way::Through));
    assert!(matches!(way(&default_route(vec![gateway()]), 8), Way::Elsewhere));
    let object = default_route(vec![RouteAttribute::NhId(1)]);
    assert!(matches!(way(&object, 7), Way::AlsoThrough));
    let mut hop = RouteNextHop::default();
    hop.interface_index = 9;
    let several = default_route(vec![RouteAttribute::MultiPath(vec![hop])]);
    assert!(matches!(way(&several, 9), Way::AlsoThrough));
}

#[test]
fn what_comes_again_by_itself_is_known() {
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
