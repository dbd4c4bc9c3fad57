//! IP tunnelling: the director encapsulates each packet in another, the real server decapsulates it
//! and replies to the client itself.

use std::net::IpAddr;

use super::address::{faces_nobody, loose_reverse_path_filter, present, suppress_arp};
use super::{ActualState, AddressDuty, Error, Requirement, TunnelEndpoint, dr};
use crate::host::{FullRoute, InterfaceName, Key, PRESENT, UP, host_prefix, route_with_mss};
use lvs::ipvs::{AddressFamily, Tunnel};

/// Before the rule for the main table, 32766, and after most that people make.
const PRIORITY: u32 = 32_000;

/// For IPv4 the address is on `tunl0`, since Linux answers ARP for it on any interface. For IPv6 it
/// does not, and the director is set up as in direct routing.
pub(super) fn director(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    if duty.vip.is_ipv6() {
        return dr::director(duty, actual);
    }
    if !duty.assigned {
        return Ok(Vec::new());
    }
    let tunnel = InterfaceName::tunl0();
    let link = Requirement::new(Key::Link(tunnel.clone()), "ipip");
    Ok([link].into_iter().chain(address(&tunnel, duty.vip)).collect())
}

/// For IPv6 no ARP suppression is needed: a tunnel has no link layer, and no other interface answers
/// a neighbour solicitation for its address.
pub(super) fn real_server(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    let vip = duty.vip;
    let endpoints = endpoints(duty)?;
    let mut required: Vec<_> = endpoints.iter().flat_map(TunnelEndpoint::requirements).collect();
    if vip.is_ipv4() {
        for endpoint in &endpoints {
            required.extend(suppress_arp(Some(&endpoint.device)));
            // The inner packet comes from a client whom the machine reaches through another
            // interface.
            required.push(loose_reverse_path_filter(&endpoint.device, actual, "0"));
        }
    }
    required.extend(mss(duty, &endpoints, actual));
    for endpoint in endpoints.iter().skip(1) {
        required.push(Requirement::new(Key::LinkUp(endpoint.device.clone()), UP));
    }
    // One of them has the address, whichever decapsulates its packets.
    if let Some(TunnelEndpoint { device, .. }) = endpoints.first() {
        let [up, present, route] = address(device, vip);
        required.extend([up, present]);
        required.extend(vip.is_ipv4().then_some(route));
    }
    Ok(required)
}

/// Segments of clients must still fit once the director has encapsulated them: for the packets of the
/// director, the MTU of the interface that faces it is the limit that is known.
fn mss(duty: &AddressDuty, endpoints: &[TunnelEndpoint], actual: &ActualState) -> Vec<Requirement> {
    let (vip, topology) = (duty.vip, &actual.topology);
    let is_own = |address: &IpAddr| duty.tunnels.iter().any(|(real, _)| real == address);
    let own = topology.addresses.iter().filter(|address| is_own(&address.address));
    let facing = own.map(|address| &address.device);
    let towards = topology.route_to(vip).map(|route| &route.device);
    let mut mtus = facing.chain(towards).filter_map(|device| actual.mtus.get(device));
    let Some(mtu) = mtus.next() else {
        return Vec::new();
    };
    // A tunnel device may have routes, and no client is behind it.
    let clients = |(route, _): &&(FullRoute, String)| !faces_nobody(&route.device);
    let routes: Vec<_> = actual.outbound_routes.iter().filter(clients).cloned().collect();
    let smallest = endpoints.iter().map(|endpoint| endpoint.mss(*mtu)).min();
    smallest.map(|mss| limit_mss(vip, mss, &routes)).unwrap_or_default()
}

/// The tunnel endpoints, each device and port once.
fn endpoints(duty: &AddressDuty) -> Result<Vec<TunnelEndpoint>, Error> {
    let (vip, family) = (duty.vip, AddressFamily::from(duty.vip));
    let plain = [(vip, Tunnel::Ipip)];
    let tunnels = if duty.tunnels.is_empty() { &plain[..] } else { &duty.tunnels };
    let mut endpoints = Vec::new();
    for &(real, tunnel) in tunnels {
        let endpoint = TunnelEndpoint::new(family, real, tunnel);
        let endpoint = endpoint.ok_or(Error::NoSuchTunnel { tunnel, real, vip })?;
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    Ok(endpoints)
}

fn address(tunnel: &InterfaceName, vip: IpAddr) -> [Requirement; 3] {
    let (destination, prefix, device) = (vip, host_prefix(vip), tunnel.clone());
    [
        Requirement::new(Key::LinkUp(tunnel.clone()), UP),
        present(vip, prefix, tunnel),
        Requirement::new(Key::Route { destination, prefix, device }, PRESENT),
    ]
}

/// Limits the MSS of clients of a virtual address behind a tunnel, where `routes` are the
/// [`Host::outbound_routes`](crate::host::Host::outbound_routes).
///
/// A client sends segments as large as the reply to its first packet allows; encapsulated by the
/// director they must still fit. The kernel takes that number from the route of the reply
/// (`advmss`), not from the interface of the request. So replies from the virtual address get routes
/// of their own: a rule directs them to a table with a copy of the machine's outbound routes, each
/// with the smaller MSS. Nothing else uses that table, and where it has no route, as after an
/// interface was down, the next rule counts, as before. The table's number is the MSS, so that
/// addresses of the same MSS share it.
fn limit_mss(vip: IpAddr, mss: u16, routes: &[(FullRoute, String)]) -> Vec<Requirement> {
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
