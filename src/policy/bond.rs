//! Bonds (EtherChannel): several ports used as one link.
//!
//! A port must be down when it joins a bond; the bond brings it up. Its addresses and the routes
//! through it move to the bond before, since a port hands its packets to the bond, and an interface
//! that goes down loses its routes.

use super::Requirement;
use crate::host::{BondMode, FullRoute, InterfaceName, Key, PRESENT, UP, relabel_address};

/// The MTU of a new bond.
const DEFAULT_MTU: &str = "1500";

/// A desired bond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bond {
    pub name: InterfaceName,
    /// How it uses its ports.
    pub mode: BondMode,
    pub ports: Vec<InterfaceName>,
}

impl Bond {
    /// Everything that the bond requires, in order.
    ///
    /// `port_configuration` is what [`Host::port_configuration`](crate::host::Host::port_configuration)
    /// reads of port after port; `journalled` are the keys of the journal with their previous values,
    /// oldest first: what an earlier run removed from a port still has to move to the bond.
    pub fn requirements(
        &self,
        port_configuration: &[(Key, String)],
        journalled: &[(Key, Option<String>)],
    ) -> Vec<Requirement> {
        let moved = self.moved(port_configuration, journalled);
        let of_port = |port| moved.iter().filter(move |(key, _)| device(key) == Some(port));
        let mut required = vec![Requirement::new(Key::Link(self.name.clone()), &self.mode.value())];
        let mtu = self.mtu(port_configuration);
        required.extend(mtu.map(|mtu| Requirement::new(Key::Mtu(self.name.clone()), mtu)));
        for port in &self.ports {
            required.extend(of_port(port).map(|(key, _)| Requirement::absent(key.clone())));
            required.push(Requirement::new(Key::Port(port.clone()), self.name.as_str()));
        }
        required.push(Requirement::new(Key::LinkUp(self.name.clone()), UP));
        // In the reverse order: a network comes before what is behind its gateway.
        let of_bond = self.ports.iter().flat_map(|port| of_port(port).rev());
        let (routes, addresses): (Vec<_>, Vec<_>) = of_bond
            .filter_map(|moved| self.on_bond(moved))
            .partition(|item| matches!(item.key, Key::FullRoute(_)));
        for item in addresses.into_iter().chain(routes) {
            // Two ports may have had the same.
            if !required.iter().any(|earlier| earlier.key == item.key) {
                required.push(item);
            }
        }
        required
    }

    /// The addresses and routes of the ports, now or before an earlier run.
    fn moved(
        &self,
        port_configuration: &[(Key, String)],
        journalled: &[(Key, Option<String>)],
    ) -> Vec<(Key, String)> {
        let is_of_port = |key: &Key| device(key).is_some_and(|device| self.ports.contains(device));
        let earlier = journalled.iter().filter(|(key, _)| is_of_port(key));
        let mut moved: Vec<_> =
            earlier.filter_map(|(key, previous)| Some((key.clone(), previous.clone()?))).collect();
        for (key, value) in port_configuration.iter().filter(|(key, _)| is_of_port(key)) {
            if !moved.iter().any(|(known, _)| known == key) {
                moved.push((key.clone(), value.clone()));
            }
        }
        moved
    }

    /// An address or route of a port as that of the bond.
    fn on_bond(&self, (key, value): &(Key, String)) -> Option<Requirement> {
        let to = &self.name;
        match key {
            Key::FullAddress { address, prefix, device } => {
                let key = Key::Address { address: *address, prefix: *prefix, device: to.clone() };
                let value = relabel_address(value, device, to)?;
                let acceptable = vec![PRESENT.to_owned()];
                Some(Requirement { acceptable, ..Requirement::new(key, &value) })
            }
            Key::FullRoute(route) => {
                let route = FullRoute { device: to.clone(), ..route.clone() };
                Some(Requirement::new(Key::FullRoute(route), value))
            }
            _ => None,
        }
    }

    /// A bond sets the MTU of its ports to its own, so that it must have theirs: the smallest.
    fn mtu<'a>(&self, port_configuration: &'a [(Key, String)]) -> Option<&'a str> {
        let of_port = port_configuration.iter().filter_map(|(key, value)| match key {
            Key::Mtu(port) if self.ports.contains(port) => Some(value.as_str()),
            _ => None,
        });
        let smallest = of_port.min_by_key(|value| value.parse().unwrap_or(u32::MAX));
        smallest.filter(|mtu| *mtu != DEFAULT_MTU)
    }
}

/// The interface of an address or a route.
const fn device(key: &Key) -> Option<&InterfaceName> {
    match key {
        Key::FullAddress { device, .. } => Some(device),
        Key::FullRoute(route) => Some(&route.device),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> InterfaceName {
        name.parse().unwrap()
    }

    fn bond() -> Bond {
        let ports = vec![name("eth2"), name("eth3")];
        Bond { name: name("bond0"), mode: BondMode::BalanceXor, ports }
    }

    fn route(device: &str, prefix: u8) -> (Key, String) {
        let route = FullRoute {
            table: 254,
            destination: "0.0.0.0".parse().unwrap(),
            prefix,
            tos: 0,
            metric: 0,
            device: name(device),
        };
        (Key::FullRoute(route), "proto 3".to_owned())
    }

    fn lines(required: &[Requirement]) -> Vec<String> {
        let line =
            |item: &Requirement| format!("{} = {}", item.key, item.value.as_deref().unwrap_or("-"));
        required.iter().map(line).collect()
    }

    #[test]
    fn configuration_of_ports_moves_to_the_bond() {
        let mtu = |port, mtu: &str| (Key::Mtu(name(port)), mtu.to_owned());
        let port_configuration = [
            route("eth2", 0),
            route("eth2", 24),
            mtu("eth2", "9000"),
            route("eth3", 24),
            mtu("eth3", "4000"),
            route("eth4", 0),
        ];
        let required = bond().requirements(&port_configuration, &[]);
        let all = [
            "link bond0 = bond mode balance-xor miimon 100 xmit_hash_policy layer3+4",
            "MTU of bond0 = 4000",
            "route default dev eth2 = -",
            "route 0.0.0.0/24 dev eth2 = -",
            "master of eth2 = bond0",
            "route 0.0.0.0/24 dev eth3 = -",
            "master of eth3 = bond0",
            "state of bond0 = up",
            "route 0.0.0.0/24 dev bond0 = proto 3",
            "route default dev bond0 = proto 3",
        ];
        assert_eq!(lines(&required), all);

        // Once it has moved, the journal knows it.
        let journalled: Vec<_> = port_configuration[..4]
            .iter()
            .filter(|(key, _)| device(key).is_some())
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect();
        let left = [mtu("eth2", "4000"), mtu("eth3", "4000")];
        assert_eq!(lines(&bond().requirements(&left, &journalled)), all);
    }
}
