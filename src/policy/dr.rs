//! Direct routing: the director rewrites the MAC address only; a real server on the same segment has
//! the virtual address too and replies to the client itself.

use super::address::{
    accept_clients, accept_clients_of_any_network, assign, director_address, facing, present,
    suppress_arp,
};
use super::{ActualState, AddressDuty, Error, Requirement};
use crate::host::{InterfaceName, host_prefix};

/// Forwarding is not needed: the packets are delivered to IPVS as the machine's own, and IPVS sends
/// them on. For the same reason no redirects are sent.
pub(super) fn director(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    let address = director_address(duty, actual)?;
    let clients = accept_clients(duty.vip, &address.interface.name, actual);
    Ok(clients.into_iter().chain(assign(duty, &address)).collect())
}

/// The address is on `lo`, whose own state does not matter. Linux answers ARP on any interface for
/// any address of the machine, unless a sysctl of the interface that faces the segment forbids it.
/// IPv6 neighbour solicitations it answers only for addresses of the interface that they arrive at,
/// so that an address on `lo` is not answered for (seen on Linux 6.1).
pub(super) fn real_server(duty: &AddressDuty, actual: &ActualState) -> Vec<Requirement> {
    let vip = duty.vip;
    let mut required = Vec::new();
    if vip.is_ipv4() {
        let facing = facing(duty, actual);
        required.extend(suppress_arp(facing.iter().copied()));
        required.extend(facing.iter().filter_map(|it| accept_clients_of_any_network(it, actual)));
    }
    required.push(present(vip, host_prefix(vip), &InterfaceName::loopback()));
    required
}
