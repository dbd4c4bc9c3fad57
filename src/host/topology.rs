//! The addresses and routes that the desired state depends on.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{InterfaceName, host_prefix};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topology {
    /// Addresses, in the kernel's order.
    pub(crate) addresses: Vec<AssignedAddress>,
    /// Unicast routes of the main table, those without a device left out.
    pub(crate) routes: Vec<KnownRoute>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssignedAddress {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
    pub(crate) device: InterfaceName,
}

/// A unicast route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownRoute {
    /// The unspecified address of its family in a default route.
    pub(crate) destination: IpAddr,
    /// 0 in a default route.
    pub(crate) prefix: u8,
    /// Smaller is preferred.
    pub(crate) metric: u32,
    /// The next hop; `None` where the destinations are on the link.
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) device: InterfaceName,
}

impl KnownRoute {
    /// Whether the route matches an address.
    pub(crate) fn leads_to(&self, address: IpAddr) -> bool {
        Prefix { address: self.destination, length: self.prefix }.contains(address)
    }
}

impl Topology {
    /// Moves the addresses and routes of the ports to their bond.
    pub(crate) fn move_to_bond(&mut self, ports: &[InterfaceName], bond: &InterfaceName) {
        let addresses = self.addresses.iter_mut().map(|address| &mut address.device);
        let routes = self.routes.iter_mut().map(|route| &mut route.device);
        for device in addresses.chain(routes).filter(|device| ports.contains(device)) {
            device.clone_from(bond);
        }
    }

    /// The route to the network of an address: of the longest prefix, then of the smallest metric.
    /// Host routes do not count, since a virtual address on a tunnel or NIC has one to itself.
    pub(crate) fn route_to(&self, address: IpAddr) -> Option<&KnownRoute> {
        let full = host_prefix(address);
        let leading =
            self.routes.iter().filter(|route| route.prefix < full && route.leads_to(address));
        leading.min_by_key(|route| (full - route.prefix, route.metric))
    }

    /// The interface whose subnet contains an address.
    pub(crate) fn on_link(&self, address: IpAddr) -> Option<&InterfaceName> {
        let route = self.route_to(address)?;
        route.gateway.is_none().then_some(&route.device)
    }

    /// The interface of the default route.
    pub(crate) fn default_interface(&self, ipv6: bool) -> Option<&InterfaceName> {
        let default = self
            .routes
            .iter()
            .filter(|route| route.prefix == 0 && route.destination.is_ipv6() == ipv6);
        default.min_by_key(|route| route.metric).map(|route| &route.device)
    }
}

/// An address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prefix {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Prefix {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let shared = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        shared >= u32::from(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: &str, prefix: u8, metric: u32, gateway: Option<&str>, device: &str) -> KnownRoute {
        KnownRoute {
            destination: to.parse().unwrap(),
            prefix,
            metric,
            gateway: gateway.map(|gateway| gateway.parse().unwrap()),
            device: device.parse().unwrap(),
        }
    }

    #[test]
    fn route_to_prefers_longest_prefix_then_smallest_metric() {
        let topology = Topology {
            addresses: Vec::new(),
            routes: vec![
                route("0.0.0.0", 0, 100, Some("192.0.2.1"), "eth9"),
                route("0.0.0.0", 0, 50, Some("192.0.2.1"), "eth0"),
                route("192.0.2.0", 24, 0, None, "eth0"),
                route("192.0.2.128", 25, 0, None, "eth1"),
                route("192.0.2.130", 32, 0, None, "tunl0"),
                route("::", 0, 1024, Some("fe80::1"), "eth2"),
                route("2001:db8::", 64, 256, None, "eth3"),
            ],
        };
        let on_link = |address: &str| {
            let device = topology.on_link(address.parse().unwrap());
            device.map(InterfaceName::as_str)
        };
        assert_eq!(on_link("192.0.2.9"), Some("eth0"));
        assert_eq!(on_link("192.0.2.129"), Some("eth1"));
        assert_eq!(on_link("192.0.2.130"), Some("eth1"), "not by the route to itself");
        assert_eq!(on_link("198.51.100.1"), None, "that is behind a gateway");
        assert_eq!(on_link("2001:db8::9"), Some("eth3"));
        assert_eq!(on_link("2001:db9::9"), None);
        assert_eq!(topology.default_interface(false).unwrap().as_str(), "eth0");
        assert_eq!(topology.default_interface(true).unwrap().as_str(), "eth2");
        let far = topology.route_to("198.51.100.1".parse().unwrap()).unwrap();
        assert_eq!(far.device.as_str(), "eth0");
    }
}
