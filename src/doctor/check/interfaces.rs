//! The rules of thumb about interfaces and addresses.

use std::net::{IpAddr, Ipv4Addr};

use crate::doctor::case::{Case, Fault};
use crate::host::{AddressState, Prefix, host_prefix};

/// With policy routing two interfaces in one subnet can be meant so.
pub(super) fn one_interface_a_subnet(case: &Case<'_>) -> Vec<Fault> {
    let role = case.expectation.director || !case.expectation.served.is_empty();
    if !role || case.policy_rules() > 0 {
        return Vec::new();
    }
    let wired: Vec<&AddressState> = case
        .network()
        .addresses
        .iter()
        .filter(|state| {
            let link = case.network().link(&state.assigned.device);
            let address = state.assigned.address;
            address.is_ipv4()
                && state.assigned.prefix < host_prefix(address)
                && link.is_some_and(|link| {
                    link.up && link.carrier && link.arp && link.master.is_none()
                })
        })
        .collect();
    let mut faults = Vec::new();
    for (at, first) in wired.iter().enumerate() {
        let same = wired.iter().skip(at + 1).find(|second| {
            let (first, second) = (&first.assigned, &second.assigned);
            first.device != second.device
                && first.prefix == second.prefix
                && Prefix { address: first.address, length: first.prefix }.contains(second.address)
        });
        let Some(second) = same else {
            continue;
        };
        let (first, second) = (&first.assigned, &second.assigned);
        faults.push(Fault {
            title: format!(
                "{} and {} are in one subnet: both answer ARP for either address, and everything \
                 leaves by one of them",
                first.device, second.device
            ),
            found: format!(
                "{}/{} on {}, {}/{} on {}",
                first.address,
                first.prefix,
                first.device,
                second.address,
                second.prefix,
                second.device
            ),
            expected: "one interface a subnet: several addresses on one, or a bond of both"
                .to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}

/// A tunnel may lead anywhere, but routers of the internet know no private addresses.
pub(super) fn private_addresses_stay_at_home(case: &Case<'_>) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut done = Vec::new();
    for (_, entry) in case.destinations() {
        let destination = &entry.destination;
        let IpAddr::V4(address) = destination.address else {
            continue;
        };
        let route = case.topology.route_to(destination.address);
        let router = route.filter(|route| route.prefix == 0).and_then(|route| route.gateway);
        let Some(IpAddr::V4(router)) = router.filter(|_| address.is_private()) else {
            continue;
        };
        if is_inside(router) || done.contains(&address) {
            continue;
        }
        done.push(address);
        faults.push(Fault {
            title: format!(
                "the real server {address} has a private address, and packets for it go to the \
                 router {router} of the internet, which knows no way there"
            ),
            found: format!("{address} by the default route, via {router}"),
            expected: "an address that the internet reaches, or a route to the private network"
                .to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}

/// Addresses of networks that may know the way to private ones.
const fn is_inside(router: Ipv4Addr) -> bool {
    let [first, second, ..] = router.octets();
    router.is_private() || router.is_link_local() || first == 100 && second & 0xc0 == 64
}
