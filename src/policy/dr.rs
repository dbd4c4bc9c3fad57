//! Direct routing: the director rewrites the MAC address only, the real server on the same segment
//! has the virtual address too and answers the client itself.

use super::common::{assigned, clients_are_heard, director_address, present, suppress_arp};
use super::{ActualState, DesiredItem};
use crate::host::{InterfaceName, host_prefix};
use crate::lvsctl::Error;
use crate::policy::AddressDuty;

/// Forwarding is not needed: the packets are delivered to IPVS as the machine's own, and IPVS
/// sends them on. For the same reason no redirects are sent.
pub(crate) fn director(
    duty: &AddressDuty,
    found: &ActualState,
    owner: &str,
) -> Result<Vec<DesiredItem>, Error> {
    let address = director_address(duty, found)?;
    let mut desired = Vec::from_iter(clients_are_heard(duty.vip, &address.device, found, owner));
    desired.extend(assigned(duty, &address, owner));
    Ok(desired)
}

/// The address is on `lo`, whose own state is nobody's business here. Linux answers ARP on any
/// interface for any address of the machine, unless the interface that faces the segment is told
/// otherwise. Questions of IPv6 neighbours it answers for addresses of the very interface they
/// arrive at only, so that on `lo` is silent enough (seen on Linux 6.1).
pub(crate) fn real_server(
    duty: &AddressDuty,
    found: &ActualState,
    owner: &str,
) -> Vec<DesiredItem> {
    let vip = duty.vip;
    let route = found.topology.route_to(vip);
    let facing = duty.device.as_ref().or_else(|| route.map(|route| &route.device));
    let mut desired = Vec::new();
    if vip.is_ipv4() {
        desired.extend(suppress_arp(facing, owner));
        desired.extend(facing.and_then(|facing| clients_are_heard(vip, facing, found, owner)));
    }
    desired.push(present(vip, host_prefix(vip), &InterfaceName::loopback(), owner));
    desired
}
