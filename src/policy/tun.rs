//! IP tunnelling: the director encapsulates each packet in another, the real server decapsulates it
//! and replies to the client itself.

use std::net::IpAddr;

use super::address::{
    accept_clients, direct_director, loose_reverse_path_filter, present, suppress_arp,
};
use super::{ActualState, AddressDuty, Error, Requirement, TunnelEndpoint};
use crate::host::{
    InterfaceName, Key, Link, LinkKind, PRESENT, Route, State, UP, host_prefix, is_tunnel,
};
use lvs::ipvs::{AddressFamily, Tunnel};

/// For IPv4 the address is on `tunl0`, since Linux answers ARP for it on any interface. For IPv6 it
/// does not, and the director is set up as in direct routing.
pub(super) fn director(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    if duty.vip.is_ipv6() {
        return direct_director(duty, actual);
    }
    if !duty.assigned {
        return Ok(Vec::new());
    }
    let tunnel = InterfaceName::tunl0();
    let clients = actual.topology.on_link(duty.vip);
    let clients = clients.and_then(|device| accept_clients(duty.vip, device, actual));
    let link = Requirement::new(Key::Link(tunnel.clone()), "ipip");
    Ok(clients.into_iter().chain([link]).chain(address(&tunnel, duty.vip)).collect())
}

/// For IPv6 no ARP suppression is needed: a tunnel has no link layer, and no other interface answers
/// a neighbour solicitation for its address.
pub(super) fn real_server(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    let vip = duty.vip;
    let endpoints = endpoints(duty)?;
    let others = match vip.is_ipv4() {
        true => other_tunnels(duty, &endpoints, &actual.topology),
        false => Vec::new(),
    };
    let mut required: Vec<_> = endpoints.iter().flat_map(TunnelEndpoint::requirements).collect();
    if vip.is_ipv4() {
        for device in endpoints.iter().map(|endpoint| &endpoint.device).chain(&others) {
            required.extend(suppress_arp([device]));
            // The inner packet comes from a client whom the machine reaches through another
            // interface.
            required.push(loose_reverse_path_filter(device, actual, "0"));
        }
    }
    required.extend(mss(duty, &endpoints, actual));
    let further = endpoints.iter().skip(1).map(|endpoint| &endpoint.device);
    required.extend(further.clone().map(|it| Requirement::new(Key::LinkUp(it.clone()), UP)));
    if vip.is_ipv4() {
        // On a tunnel without any IPv4 address, the reverse path filter drops every packet unless its
        // effective value is 0 (seen on Linux 6.1).
        required.extend(further.chain(&others).map(|it| present(vip, host_prefix(vip), it)));
    }
    // The first one has the route, whichever decapsulates the packets.
    if let Some(TunnelEndpoint { device, .. }) = endpoints.first() {
        let [up, present, route] = address(device, vip);
        required.extend([up, present]);
        required.extend(vip.is_ipv4().then_some(route));
    }
    Ok(required)
}

/// The interface that faces the directors.
pub(super) fn facing<'a>(duty: &AddressDuty, topology: &'a State) -> Option<&'a InterfaceName> {
    let is_own = |address: &IpAddr| duty.tunnels.iter().any(|(real, _)| real == address);
    let own = topology.addresses.iter().find(|address| is_own(&address.address));
    let towards = || topology.route_to(duty.vip).and_then(Route::device);
    own.map(|address| &address.interface.name).or_else(towards)
}

/// Segments of clients must still fit once the director has encapsulated them: for the packets of the
/// director, the MTU of the interface that faces it is the limit that is known.
///
/// A client sends segments as large as the reply to its first packet allows. The kernel takes that
/// number from the route of the reply (`advmss`), not from the interface of the request. So the
/// default routes announce the smaller MSS, and clients that are reached by other routes learn the
/// path MTU from the director (ICMP). Replies follow the main table in any case: who replaces a
/// default route loses the MSS, and nothing else.
fn mss(duty: &AddressDuty, endpoints: &[TunnelEndpoint], actual: &ActualState) -> Vec<Requirement> {
    if !duty.advmss {
        return Vec::new();
    }
    let mtu = facing(duty, &actual.topology).and_then(|device| actual.mtus.get(device));
    let smallest =
        |mtu: &u16| endpoints.iter().map(|endpoint| endpoint.mss(*mtu)).min().map(u32::from);
    let Some((mtu, mss)) = mtu.and_then(|mtu| Some((*mtu, smallest(mtu)?))) else {
        return Vec::new();
    };
    let family = AddressFamily::from(duty.vip);
    let routes = actual.default_routes.iter().filter(|route| route.family == family);
    let required = routes.filter_map(|route| {
        let key = route.key();
        let is_journalled = actual.journalled.iter().any(|(known, _)| *known == key);
        let is_smaller = route.advmss.is_some_and(|own| own < mss);
        // One of another tunnel, or of another program.
        let smaller = TunnelEndpoint::every_mss(family, mtu).map(u32::from);
        let smaller = smaller.chain(route.advmss).filter(|it| *it < mss);
        (is_journalled || !is_smaller).then(|| Requirement {
            acceptable: smaller.map(|mss| mss.to_string()).collect(),
            ..Requirement::new(key, &mss.to_string())
        })
    });
    required.collect()
}

/// The tunnels of somebody else that take packets of the directors before the endpoints do: the kernel
/// prefers the one that has their addresses, then one for any address (`external`), and a fallback
/// device such as `tunl0` last.
fn other_tunnels(
    duty: &AddressDuty,
    endpoints: &[TunnelEndpoint],
    state: &State,
) -> Vec<InterfaceName> {
    let is_own = |address: IpAddr| state.addresses.iter().any(|own| own.address == address);
    // Where they are not known, any own address and any peer may be meant.
    let is_real = |address: IpAddr| {
        let mut reals = duty.tunnels.iter().map(|(real, _)| *real);
        is_own(address) && (duty.tunnels.is_empty() || reals.any(|real| real == address))
    };
    let is_director =
        |address: IpAddr| duty.directors.is_empty() || duty.directors.contains(&address);
    let takes = |link: &&Link| {
        let LinkKind::Tunnel(tunnel) = &link.kind else { return false };
        let mut kinds = endpoints.iter().filter_map(|endpoint| endpoint.kind.split(' ').next());
        let is_for_them = match (tunnel.local, tunnel.remote) {
            (None, None) => tunnel.external,
            (local, remote) => local.is_none_or(is_real) && remote.is_none_or(is_director),
        };
        let is_other = !is_tunnel(link.name.as_str()) && tunnel.input_key.is_none();
        link.up && is_other && is_for_them && kinds.any(|kind| kind == tunnel.kind.name())
    };
    state.links.iter().filter(takes).map(|link| link.name.clone()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{DefaultRouteMss, NextHop};
    use crate::policy::{Mode, Role};

    /// Requirements of the MSS where the default routes have these metrics and MSS.
    fn required(routes: &[(u32, Option<u32>)], journalled: bool) -> Vec<String> {
        let device: InterfaceName = "eth0".parse().unwrap();
        let duty = AddressDuty::new(Role::RealServer, Mode::Tun, IpAddr::from([192, 0, 2, 10]));
        let default_routes = routes.iter().map(|(metric, advmss)| DefaultRouteMss {
            family: AddressFamily::Ipv4,
            metric: *metric,
            advmss: *advmss,
        });
        let default_routes: Vec<_> = default_routes.collect();
        let key = default_routes[0].key();
        let mut actual = ActualState {
            default_routes,
            mtus: [(device.clone(), 1500)].into(),
            journalled: if journalled { vec![(key, None)] } else { Vec::new() },
            ..ActualState::default()
        };
        let hop = NextHop { interface: Some(device.into()), ..NextHop::default() };
        actual.topology.routes.push(Route::new(IpAddr::from([0, 0, 0, 0]), 0, hop));
        let required = mss(&duty, &endpoints(&duty).unwrap(), &actual).into_iter();
        required.map(|it| format!("{} = {}", it.key, it.value.unwrap())).collect()
    }

    #[test]
    fn default_route_announces_mss_that_fits_the_tunnel() {
        let (of_main, of_dhcp) =
            ("advmss of default route = 1440", "advmss of default route metric 100 = 1440");
        assert_eq!(required(&[(0, None), (100, Some(1460))], false), [of_main, of_dhcp]);
        assert_eq!(required(&[(0, Some(1200))], false), [""; 0], "smaller already");
        // It must stay desired.
        assert_eq!(required(&[(0, Some(1440))], true), [of_main]);
        assert_eq!(required(&[(0, Some(1428))], true), [of_main]);
    }
}
