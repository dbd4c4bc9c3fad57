//! IP tunnelling: the director packs each packet into another, the real server unpacks it and
//! answers the client itself.

use crate::policy::AddressDuty;
use std::net::IpAddr;

use super::common::{
    loose_reverse_path_filter, owned, present, suppress_arp, suppresses_arp, want,
};
use super::{ActualState, DesiredItem, dr};
use crate::host::{
    self, FullRoute, InterfaceName, PRESENT, TunnelEndpoint, UP, host_prefix, segments_of,
};
use crate::lvsctl::Error;
use lvs::ipvs::{AddressFamily, Tunnel};

/// For IPv4 the address is on `tunl0`, since Linux answers ARP for it on any interface. It does
/// not so for IPv6: there the director is like one of direct routing.
pub(crate) fn director(
    duty: &AddressDuty,
    found: &ActualState,
    owner: &str,
) -> Result<Vec<DesiredItem>, Error> {
    let vip = duty.vip;
    if vip.is_ipv6() {
        return dr::director(duty, found, owner);
    }
    if !duty.assigned {
        return Ok(Vec::new());
    }
    let tunnel = InterfaceName::tunl0();
    let mut desired = vec![link(&tunnel, "ipip", owner)];
    desired.extend(address(&tunnel, vip, owner));
    Ok(desired)
}

/// For IPv6 nothing needs silencing: a tunnel has no link layer, and no other interface answers
/// a neighbour's question for its address.
///
/// # Errors
///
/// For a tunnel that the kernel does not have.
pub(crate) fn real_server(
    duty: &AddressDuty,
    found: &ActualState,
    owner: &str,
) -> Result<Vec<DesiredItem>, Error> {
    let vip = duty.vip;
    let ends = ends(duty)?;
    let parts = ends.iter().flat_map(TunnelEndpoint::desired);
    let mut desired: Vec<DesiredItem> = parts.map(|part| owned(part, owner)).collect();
    if vip.is_ipv4() {
        for end in &ends {
            desired.extend(suppress_arp(Some(&end.device), owner));
            // The inner packet comes from a client whom the machine reaches through another
            // interface.
            desired.push(loose_reverse_path_filter(&end.device, found, "0", owner));
        }
    }
    desired.extend(fitting_segments(duty, &ends, found, owner));
    for end in ends.iter().skip(1) {
        desired.push(want(host::Key::LinkUp(end.device.clone()), UP, &[], owner));
    }
    // One of them has the address, whichever its packets come out of.
    if let Some(TunnelEndpoint { device, .. }) = ends.first() {
        let [up, present, route] = address(device, vip, owner);
        desired.extend([up, present]);
        desired.extend(vip.is_ipv4().then_some(route));
    }
    Ok(desired)
}

/// Clients must send segments that still fit once the director has packed them: for the packets of
/// the director, the MTU of the interface that faces it is the limit that is known.
fn fitting_segments(
    duty: &AddressDuty,
    ends: &[TunnelEndpoint],
    found: &ActualState,
    owner: &str,
) -> Vec<DesiredItem> {
    let (vip, topology) = (duty.vip, &found.topology);
    let is_own = |address: &IpAddr| duty.tunnels.iter().any(|(real, _)| real == address);
    let own = topology.addresses.iter().filter(|address| is_own(&address.address));
    let facing = own.map(|address| &address.device);
    let towards = topology.route_to(vip).map(|route| &route.device);
    let mut mtus = facing.chain(towards).filter_map(|device| found.mtus.get(device));
    let Some(mtu) = mtus.next() else {
        return Vec::new();
    };
    // A tunnel's end may have routes, and no client is behind it.
    let clients = |(way, _): &&(FullRoute, String)| !suppresses_arp(&way.device);
    let ways: Vec<_> = found.outbound_routes.iter().filter(clients).cloned().collect();
    let smallest = ends.iter().map(|end| end.mss(*mtu)).min();
    let parts = smallest.map(|size| segments_of(vip, size, &ways));
    parts.into_iter().flatten().map(|part| owned(part, owner)).collect()
}

/// Where the packets come out, each device and port once.
fn ends(duty: &AddressDuty) -> Result<Vec<TunnelEndpoint>, Error> {
    let family = AddressFamily::from(duty.vip);
    let plain = [(duty.vip, Tunnel::Ipip)];
    let tunnels = if duty.tunnels.is_empty() { &plain[..] } else { &duty.tunnels };
    let mut ends = Vec::new();
    for (real, tunnel) in tunnels {
        let end = TunnelEndpoint::new(family, *real, *tunnel).ok_or_else(|| {
            Error::Usage(format!("the kernel has no tunnel {tunnel:?} to {real} for {}", duty.vip))
        })?;
        if !ends.contains(&end) {
            ends.push(end);
        }
    }
    Ok(ends)
}

fn link(tunnel: &InterfaceName, kind: &str, owner: &str) -> DesiredItem {
    want(host::Key::Link(tunnel.clone()), kind, &[], owner)
}

fn address(tunnel: &InterfaceName, vip: IpAddr, owner: &str) -> [DesiredItem; 3] {
    let (destination, prefix, device) = (vip, host_prefix(vip), tunnel.clone());
    [
        want(host::Key::LinkUp(tunnel.clone()), UP, &[], owner),
        present(vip, prefix, tunnel, owner),
        want(host::Key::Route { destination, prefix, device }, PRESENT, &[], owner),
    ]
}
