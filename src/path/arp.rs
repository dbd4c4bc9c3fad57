//! The interfaces on which neighbours may resolve a virtual address.

use std::net::IpAddr;

use super::machine::Machine;
use crate::host::{Address, InterfaceName, Prefix};

/// The interfaces that hear the segment of a virtual address: the one whose subnet holds it, the one
/// that leads to a director, and those with an address in a subnet of one of them.
pub(crate) fn hears_the_segment(
    machine: &Machine<'_>,
    vip: IpAddr,
    directors: &[IpAddr],
) -> Vec<InterfaceName> {
    let mut devices: Vec<InterfaceName> = Vec::new();
    let directors = directors.iter().filter(|it| it.is_ipv4() == vip.is_ipv4());
    devices.extend(machine.facing(vip).cloned());
    devices.extend(directors.filter_map(|director| machine.towards(*director)));
    let states = || machine.network.addresses.iter();
    let subnets: Vec<Prefix> = states()
        .filter(|it| devices.contains(&it.interface.name) && it.address.is_ipv4() == vip.is_ipv4())
        .map(Address::subnet)
        .collect();
    let beside = states().filter(|it| subnets.iter().any(|subnet| subnet.contains(it.address)));
    devices.extend(beside.map(|it| it.interface.name.clone()));
    devices.retain(|device| machine.link(device).is_some_and(|it| it.arp && !it.is_dummy()));
    devices.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    devices.dedup();
    devices
}
