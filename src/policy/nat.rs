//! Network address translation: requests and answers both pass the director, which rewrites them.

use super::common::{assigned, clients_are_heard, director_address, sysctl, want};
use super::{ActualState, DesiredItem};
use crate::host::{self, InterfaceName, Sysctl};
use crate::lvsctl::Error;
use crate::policy::AddressDuty;
use lvs::ipvs::AddressFamily;

/// Forwarding is first, since switching it changes other parameters.
pub(crate) fn director(
    duty: &AddressDuty,
    found: &ActualState,
    owner: &str,
) -> Result<Vec<DesiredItem>, Error> {
    let vip = duty.vip;
    let address = director_address(duty, found)?;
    let mut devices = vec![&address.device];
    for real in &duty.reals {
        let route = found.topology.route_to(*real);
        devices.extend(route.map(|route| &route.device));
    }
    let mut unique: Vec<&InterfaceName> = Vec::new();
    for device in devices {
        if !unique.contains(&device) {
            unique.push(device);
        }
    }
    let mut desired =
        if vip.is_ipv4() { router(&unique, owner) } else { router_of_ipv6(&unique, found, owner) };
    desired.extend(clients_are_heard(vip, &address.device, found, owner));
    desired.extend(assigned(duty, &address, owner));
    Ok(desired)
}

/// Redirects would teach real servers and clients of one segment a way around the director. They
/// are sent where `all` or the interface says so (`ip-sysctl`, `send_redirects`).
fn router(devices: &[&InterfaceName], owner: &str) -> Vec<DesiredItem> {
    let mut desired = vec![sysctl(Sysctl::forwarding(AddressFamily::Ipv4), "1", &[], owner)];
    desired.push(sysctl(Sysctl::of_all_interfaces("send_redirects"), "0", &[], owner));
    desired.extend(
        devices
            .iter()
            .map(|device| sysctl(Sysctl::of_interface(device, "send_redirects"), "0", &[], owner)),
    );
    desired
}

/// A router forgets the default routes that it was advertised, and takes no others, unless
/// `accept_ra` is 2 on their interface (`ip-sysctl`). Whether it sends redirects cannot be set.
fn router_of_ipv6(
    devices: &[&InterfaceName],
    found: &ActualState,
    owner: &str,
) -> Vec<DesiredItem> {
    let way_out = found.topology.default_interface(true);
    let mut devices = devices.to_vec();
    devices.extend(way_out.filter(|way_out| !devices.contains(way_out)));
    let mut desired: Vec<DesiredItem> = devices
        .iter()
        .map(|device| sysctl(Sysctl::of_interface_ipv6(device, "accept_ra"), "2", &["0"], owner))
        .collect();
    desired.push(sysctl(Sysctl::forwarding(AddressFamily::Ipv6), "1", &[], owner));
    desired
}

/// The answers must pass the director. Without `--gateway` (down, status) nothing is desired but
/// what the journal has.
///
/// Redirects of any router would lead them around it: a machine that forwards listens to them
/// where `all` and the interface say so, another where one of the two does (`ip-sysctl`,
/// `accept_redirects`); for IPv6 the interface alone decides.
pub(crate) fn real_server(
    duty: &AddressDuty,
    found: &ActualState,
    owner: &str,
) -> Result<Vec<DesiredItem>, Error> {
    let Some(gateway) = duty.gateway else {
        return Ok(Vec::new());
    };
    let device = duty.device.as_ref().or_else(|| found.topology.on_link(gateway));
    let device = device.ok_or_else(|| {
        Error::Usage(format!(
            "no interface of this machine has a subnet that holds the gateway {gateway}: give the \
             director's address on the real servers' own network, or name the interface with \
             --device (device of [real-server] in the cluster file)"
        ))
    })?;
    let family = AddressFamily::from(duty.vip);
    let redirects = match family {
        AddressFamily::Ipv4 => vec![
            Sysctl::of_all_interfaces("accept_redirects"),
            Sysctl::of_interface(device, "accept_redirects"),
        ],
        AddressFamily::Ipv6 => vec![Sysctl::of_interface_ipv6(device, "accept_redirects")],
    };
    let mut desired: Vec<DesiredItem> =
        redirects.into_iter().map(|key| sysctl(key, "0", &[], owner)).collect();
    let through = host::Key::through(gateway, device);
    desired.push(want(host::Key::DefaultRoute(family), &through, &[], owner));
    Ok(desired)
}
