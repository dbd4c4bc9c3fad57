//! Network address translation: requests and replies both pass the director, which rewrites them.

use super::address::{accept_clients, assign, director_address};
use super::{ActualState, AddressDuty, Error, Requirement};
use crate::host::{self, InterfaceName, Route, Sysctl};
use lvs::ipvs::AddressFamily;

/// Forwarding comes first, since it has side effects on other sysctls.
pub(super) fn director(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    let address = director_address(duty, actual)?;
    let mut devices = vec![&address.interface.name];
    let routes = duty.reals.iter().filter_map(|real| actual.topology.route_to(*real));
    for device in routes.filter_map(Route::device) {
        if !devices.contains(&device) {
            devices.push(device);
        }
    }
    let mut required = match duty.vip.is_ipv4() {
        true => ipv4_router(&devices),
        false => ipv6_router(devices, actual),
    };
    required.extend(accept_clients(duty.vip, &address.interface.name, actual));
    required.extend(assign(duty, &address));
    Ok(required)
}

/// Redirects would teach real servers and clients of one segment a way that bypasses the director.
/// They are sent where `all` or the interface says so (`ip-sysctl`, `send_redirects`).
fn ipv4_router(devices: &[&InterfaceName]) -> Vec<Requirement> {
    let of_all = Sysctl::of_all_interfaces("send_redirects");
    let own = devices.iter().map(|device| Sysctl::of_interface(device, "send_redirects"));
    let forwarding = Requirement::sysctl(Sysctl::forwarding(AddressFamily::Ipv4), "1", &[]);
    let redirects = [of_all].into_iter().chain(own);
    let redirects = redirects.map(|sysctl| Requirement::sysctl(sysctl, "0", &[]));
    [forwarding].into_iter().chain(redirects).collect()
}

/// A router drops the default routes that it learnt from router advertisements, and accepts no
/// others, unless `accept_ra` is 2 on their interface (`ip-sysctl`). Whether it sends redirects
/// cannot be set.
fn ipv6_router<'a>(
    mut devices: Vec<&'a InterfaceName>,
    actual: &'a ActualState,
) -> Vec<Requirement> {
    let upstream = actual.topology.default_interface(true);
    devices.extend(upstream.filter(|upstream| !devices.contains(upstream)));
    let accept = |device: &InterfaceName| {
        Requirement::sysctl(Sysctl::of_interface_ipv6(device, "accept_ra"), "2", &["0"])
    };
    let mut required: Vec<_> = devices.into_iter().map(accept).collect();
    required.push(Requirement::sysctl(Sysctl::forwarding(AddressFamily::Ipv6), "1", &[]));
    required
}

/// A program that adds its route again, or the next router advertisement, would compete with the route
/// to the director.
fn refuse_irreversible(route: &Route) -> Result<(), Error> {
    let (reason, mend) = if route.is_advertised() {
        (
            "it comes from router advertisements",
            "Accept it with another metric (the sysctl ra_defrtr_metric of the interface), or none \
             (accept_ra_defrtr), and set it by hand",
        )
    } else if route.expires.is_some() {
        ("it expires", "Set it without a lifetime, or with another metric")
    } else if route.hops.iter().any(|hop| hop.dead) {
        (
            "one of its next hops is down",
            "Bring its interface up, or take the next hop out of the route",
        )
    } else {
        return Ok(());
    };
    Err(Error::Irreversible { route: route.to_string(), reason, mend })
}

/// The replies must pass the director. Without `--gateway` (down, status) only what the journal has
/// is required.
///
/// Redirects of any router would make replies bypass it: a machine that forwards accepts them where
/// `all` and the interface say so, another where one of the two does (`ip-sysctl`,
/// `accept_redirects`); for IPv6 the interface alone decides.
pub(super) fn real_server(
    duty: &AddressDuty,
    actual: &ActualState,
) -> Result<Vec<Requirement>, Error> {
    let Some(gateway) = duty.gateway else {
        return Ok(Vec::new());
    };
    let device = duty.device.as_ref().or_else(|| actual.topology.on_link(gateway));
    let device = device.ok_or(Error::UnreachableGateway(gateway))?;
    let family = AddressFamily::from(duty.vip);
    let redirects = match family {
        AddressFamily::Ipv4 => vec![
            Sysctl::of_all_interfaces("accept_redirects"),
            Sysctl::of_interface(device, "accept_redirects"),
        ],
        AddressFamily::Ipv6 => vec![Sysctl::of_interface_ipv6(device, "accept_redirects")],
    };
    let redirects = redirects.into_iter().map(|sysctl| Requirement::sysctl(sysctl, "0", &[]));
    // The route must have its own MSS when it is journalled.
    let mss = host::Key::DefaultRouteMss { family, metric: host::default_metric(family) };
    let journalled = actual.journalled.iter().find(|(key, _)| *key == mss);
    let mss = journalled.map(|(key, previous)| Requirement {
        key: key.clone(),
        value: previous.clone(),
        acceptable: Vec::new(),
    });
    let value = host::Key::through(gateway, device);
    let default = Requirement::new(host::Key::DefaultRoute(family), &value);
    let is_recorded = actual.journalled.iter().any(|(key, _)| *key == default.key);
    if let Some(route) = actual.topology.default_route(family).filter(|_| !is_recorded) {
        refuse_irreversible(route)?;
    }
    Ok(redirects.chain(mss).chain([default]).collect())
}
