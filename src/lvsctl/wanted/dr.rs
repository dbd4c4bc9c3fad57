//! Direct routing: the director rewrites the MAC address only, the real server on the same segment
//! has the virtual address too and answers the client itself.

use super::common::{assigned, clients_are_heard, director_address, present, silence};
use super::{Found, Want};
use crate::cluster::AddressDuty;
use crate::lvsctl::Error;
use crate::node::{InterfaceName, whole};

/// Forwarding is not needed: the packets are delivered to IPVS as the machine's own, and IPVS
/// sends them on. For the same reason no redirects are sent.
pub(super) fn director(duty: &AddressDuty, found: &Found, claim: &str) -> Result<Vec<Want>, Error> {
    let address = director_address(duty, found)?;
    let mut wanted = Vec::from_iter(clients_are_heard(duty.vip, &address.device, found, claim));
    wanted.extend(assigned(duty, &address, claim));
    Ok(wanted)
}

/// The address is on `lo`, whose own state is nobody's business here. Linux answers ARP on any
/// interface for any address of the machine, unless the interface that faces the segment is told
/// otherwise. Questions of IPv6 neighbours it answers for addresses of the very interface they
/// arrive at only, so that on `lo` is silent enough (seen on Linux 6.1).
pub(super) fn real_server(duty: &AddressDuty, found: &Found, claim: &str) -> Vec<Want> {
    let vip = duty.vip;
    let route = found.surroundings.route_to(vip);
    let facing = duty.device.as_ref().or_else(|| route.map(|route| &route.device));
    let mut wanted = Vec::new();
    if vip.is_ipv4() {
        wanted.extend(silence(facing, claim));
        wanted.extend(facing.and_then(|facing| clients_are_heard(vip, facing, found, claim)));
    }
    wanted.push(present(vip, whole(vip), &InterfaceName::loopback(), claim));
    wanted
}
