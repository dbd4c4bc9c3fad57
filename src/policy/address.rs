//! The virtual address, and the sysctls that decide who is answered for it: all that direct routing
//! needs.

use std::collections::HashSet;
use std::net::IpAddr;

use super::{ActualState, AddressDuty, Error, Requirement};
use crate::host::{
    Address, InterfaceName, Key, LinkKind, PRESENT, Route, State, Sysctl, host_prefix, is_tunnel,
};

/// A virtual address has a [`host_prefix`]: with a shorter one the whole subnet would become local,
/// or be routed into a tunnel.
pub(super) fn present(address: IpAddr, prefix: u8, device: &InterfaceName) -> Requirement {
    Requirement::new(Key::Address { address, prefix, device: device.clone() }, PRESENT)
}

/// A real server must not answer or announce ARP for the virtual address, which is the director's.
/// The kernel takes the larger of the interface's value and that of all interfaces (`ip-sysctl`,
/// `arp_ignore` and `arp_announce`). Stricter values are acceptable.
pub(super) fn suppress_arp<'a>(
    devices: impl IntoIterator<Item = &'a InterfaceName>,
) -> Vec<Requirement> {
    let both = |of: &dyn Fn(&'static str) -> Sysctl| {
        [
            Requirement::sysctl(of("arp_ignore"), "1", &["2", "8"]),
            Requirement::sysctl(of("arp_announce"), "2", &[]),
        ]
    };
    let own =
        devices.into_iter().flat_map(|device| both(&|name| Sysctl::of_interface(device, name)));
    own.chain(both(&Sysctl::of_all_interfaces)).collect()
}

/// A strict filter (1) silently drops packets of a client whom the machine reaches through another
/// interface. The value for all interfaces is not ours to loosen.
pub(super) fn loose_reverse_path_filter(
    device: &InterfaceName,
    actual: &ActualState,
    otherwise: &'static str,
) -> Requirement {
    let all = actual.reverse_path_filter.as_ref().and_then(|value| value.parse().ok());
    let (value, acceptable) = loose_filter(all.unwrap_or(0), otherwise);
    Requirement::sysctl(Sysctl::of_interface(device, "rp_filter"), value, acceptable)
}

/// The value that `rp_filter` of an interface needs beside the value of `all` so that it does not
/// filter strictly (1), and the other acceptable ones. The larger of both counts, so that 2 on the
/// interface makes up for a strict `all`, and nothing is needed where `all` is 2.
pub(crate) const fn loose_filter(
    all: u32,
    otherwise: &'static str,
) -> (&'static str, &'static [&'static str]) {
    match all {
        1 => ("2", &[]),
        2 => ("2", &["0", "1"]),
        _ => (otherwise, &["0", "2"]),
    }
}

/// An interface at which clients' packets arrive must not filter strictly where the replies leave by
/// another. IPv6 has no such filter.
pub(super) fn accept_clients(
    vip: IpAddr,
    device: &InterfaceName,
    actual: &ActualState,
) -> Option<Requirement> {
    let upstream = actual.topology.default_interface(false)?;
    let elsewhere = vip.is_ipv4() && upstream != device;
    elsewhere.then(|| loose_reverse_path_filter(device, actual, "2"))
}

/// The same of a real server, whose clients may be in any network that it reaches.
pub(super) fn accept_clients_of_any_network(
    device: &InterfaceName,
    actual: &ActualState,
) -> Option<Requirement> {
    let state = &actual.topology;
    let is_elsewhere = |route: &Route| {
        let other = route.device().filter(|other| *other != device);
        other.is_some_and(|other| route.is_default() || leads_outside(other, state))
    };
    let mut routes = state.main_routes().filter(|route| route.destination.is_ipv4());
    routes.any(is_elsewhere).then(|| loose_reverse_path_filter(device, actual, "2"))
}

/// The interfaces at which the requests of a director arrive at a real server: the one that was named,
/// or those that have its own address or lead to the directors. Where neither is known, the director
/// may be in any network.
pub(super) fn facing<'a>(duty: &'a AddressDuty, actual: &'a ActualState) -> Vec<&'a InterfaceName> {
    if let Some(device) = &duty.device {
        return vec![device];
    }
    let state = &actual.topology;
    let family = |it: &IpAddr| it.is_ipv4() == duty.vip.is_ipv4();
    let own = state.addresses.iter().filter(|it| family(&it.address));
    let own = own.filter(|it| leads_outside(&it.interface.name, state));
    let reals = own.clone().filter(|it| duty.reals.contains(&it.address));
    let directors = duty.directors.iter().filter(|it| family(it));
    let towards = directors.filter_map(|director| state.route_to(*director)?.device());
    let mut devices: Vec<&InterfaceName> =
        reals.map(|it| &it.interface.name).chain(towards).collect();
    if devices.is_empty() {
        devices.extend(state.route_to(duty.vip).and_then(Route::device));
        devices.extend(own.map(|it| &it.interface.name));
    }
    let mut seen = HashSet::new();
    devices.retain(|device| seen.insert(*device));
    devices
}

/// Whether other machines are behind an interface. A bridge or a dummy interface is taken for one of
/// this machine's own, of containers or guests.
fn leads_outside(device: &InterfaceName, state: &State) -> bool {
    let kind = state.link(device).map(|link| &link.kind);
    let is_inner =
        matches!(kind, Some(LinkKind::Other(kind)) if kind == "bridge" || kind == "dummy");
    !is_inner && !faces_nobody(device)
}

/// The virtual address of a director, unless another program assigns it.
pub(super) fn assign(duty: &AddressDuty, address: &Address) -> Option<Requirement> {
    duty.assigned.then(|| present(address.address, address.prefix, &address.interface.name))
}

/// The loopback and tunnel devices: no client is behind them, and they answer no ARP.
pub(super) fn faces_nobody(device: &InterfaceName) -> bool {
    let name = device.as_str();
    name == "lo" || is_tunnel(name)
}

/// The virtual address on a director's interface, where it answers ARP.
pub(super) fn director_address(duty: &AddressDuty, actual: &ActualState) -> Result<Address, Error> {
    let vip = duty.vip;
    let assigned = |address: &&Address| {
        address.address == vip
            && match &duty.device {
                Some(device) => address.interface == *device,
                // There it belongs to another role or mode.
                None => !faces_nobody(&address.interface.name),
            }
    };
    if let Some(address) = actual.topology.addresses.iter().find(assigned) {
        return Ok(address.clone());
    }
    let device = duty.device.as_ref().or_else(|| actual.topology.on_link(vip));
    let device = device.ok_or(Error::UnknownClientInterface(vip))?;
    Ok(Address::new(vip, host_prefix(vip), device.clone().into()))
}

/// Direct routing at the director, which rewrites the MAC address only.
///
/// Forwarding is not needed: the packets are delivered to IPVS as the machine's own, and IPVS sends
/// them on. For the same reason no redirects are sent.
pub(super) fn direct_director(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    let address = director_address(duty, actual)?;
    let clients = accept_clients(duty.vip, &address.interface.name, actual);
    Ok(clients.into_iter().chain(assign(duty, &address)).collect())
}

/// Direct routing at a real server on the same segment, which replies to the client itself.
///
/// The address is on `lo`, whose own state does not matter. Linux answers ARP on any interface for
/// any address of the machine, unless a sysctl of the interface that faces the segment forbids it.
/// IPv6 neighbour solicitations it answers only for addresses of the interface that they arrive at,
/// so that an address on `lo` is not answered for (seen on Linux 6.1).
pub(super) fn direct_real_server(duty: &AddressDuty, actual: &ActualState) -> Vec<Requirement> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_acceptable(item: &Requirement, value: &str) -> bool {
        item.value.as_deref() == Some(value) || item.acceptable.iter().any(|it| it == value)
    }

    #[test]
    fn loose_reverse_path_filter_is_loose_for_every_value_of_all() {
        for all in 0..=2_u8 {
            let actual =
                ActualState { reverse_path_filter: Some(all.to_string()), ..Default::default() };
            for otherwise in ["0", "2"] {
                let item = loose_reverse_path_filter(&InterfaceName::tunl0(), &actual, otherwise);
                for own in 0..=2_u8 {
                    let loose = all.max(own) != 1;
                    assert_eq!(is_acceptable(&item, &own.to_string()), loose, "{all} {own}");
                }
                let written: u8 = item.value.unwrap().parse().unwrap();
                assert_ne!(all.max(written), 1, "all {all}");
            }
        }
    }

    #[test]
    fn stricter_arp_sysctls_are_acceptable() {
        let items = suppress_arp(Some(&InterfaceName::tunl0()));
        assert_eq!(items.len(), 4);
        for at in [0, 2] {
            assert!(["1", "2", "8"].iter().all(|value| is_acceptable(&items[at], value)));
            assert!(!is_acceptable(&items[at], "0") && !is_acceptable(&items[at], "3"));
        }
        for at in [1, 3] {
            assert!(is_acceptable(&items[at], "2"));
            assert!(!is_acceptable(&items[at], "1") && !is_acceptable(&items[at], "0"));
        }
    }
}
