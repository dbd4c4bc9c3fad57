//! Bonds (EtherChannel): several ports, one lane.
//!
//! A port must be down when it joins a bond; the bond brings it up. What the port has of its own,
//! its addresses and the routes through it, goes over to the bond before, since the port passes
//! its packets on to the bond and a port that goes down loses its routes.

use super::{BondMode, FullRoute, InterfaceName, Key, PRESENT, UP, Want, full_address};

/// The MTU that a bond is made with.
const USUAL_MTU: &str = "1500";

/// A bond as someone wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bond {
    /// Its name.
    pub name: InterfaceName,
    /// How it uses its ports.
    pub mode: BondMode,
    /// The interfaces that become its ports.
    pub ports: Vec<InterfaceName>,
}

impl Bond {
    /// Everything that the bond takes, in order.
    ///
    /// `port_configuration` are what the ports have of their own now, port after port, as
    /// [`Host::port_configuration`](super::Host::port_configuration) tells; `journalled` are the keys of the journal
    /// with their previous values, oldest first: what an earlier run took off a port is still the
    /// bond's to have.
    #[must_use]
    pub fn desired(
        &self,
        port_configuration: &[(Key, String)],
        journalled: &[(Key, Option<String>)],
    ) -> Vec<Want> {
        let taken = self.taken(port_configuration, journalled);
        let of_port = |port| taken.iter().filter(move |(key, _)| device(key) == Some(port));
        let mut desired = vec![Want::new(Key::Link(self.name.clone()), &self.mode.value())];
        let mtu = self.mtu(port_configuration);
        desired.extend(mtu.map(|mtu| Want::new(Key::Mtu(self.name.clone()), mtu)));
        for port in &self.ports {
            desired.extend(of_port(port).map(|(key, _)| Want::absent(key.clone())));
            desired.push(Want::new(Key::Port(port.clone()), self.name.as_str()));
        }
        desired.push(Want::new(Key::LinkUp(self.name.clone()), UP));
        // In the reverse order: a network comes before what is behind its gateway.
        let given = self.ports.iter().flat_map(|port| of_port(port).rev());
        let (routes, addresses): (Vec<_>, Vec<_>) = given
            .filter_map(|taken| self.given(taken))
            .partition(|want| matches!(want.key, Key::FullRoute(_)));
        for want in addresses.into_iter().chain(routes) {
            // Two ports may have had the same.
            if !desired.iter().any(|earlier| earlier.key == want.key) {
                desired.push(want);
            }
        }
        desired
    }

    /// What is taken off the ports, now or earlier.
    fn taken(
        &self,
        port_configuration: &[(Key, String)],
        journalled: &[(Key, Option<String>)],
    ) -> Vec<(Key, String)> {
        let is_of_port = |key: &Key| device(key).is_some_and(|device| self.ports.contains(device));
        let earlier = journalled.iter().filter(|(key, _)| is_of_port(key));
        let mut taken: Vec<_> =
            earlier.filter_map(|(key, previous)| Some((key.clone(), previous.clone()?))).collect();
        for (key, value) in port_configuration.iter().filter(|(key, _)| is_of_port(key)) {
            if !taken.iter().any(|(known, _)| known == key) {
                taken.push((key.clone(), value.clone()));
            }
        }
        taken
    }

    /// What the bond gets for something taken off a port.
    fn given(&self, (key, value): &(Key, String)) -> Option<Want> {
        let to = &self.name;
        match key {
            Key::FullAddress { address, prefix, device } => {
                let key = Key::Address { address: *address, prefix: *prefix, device: to.clone() };
                let value = full_address::moved(value, device, to)?;
                Some(Want { acceptable: vec![PRESENT.to_owned()], ..Want::new(key, &value) })
            }
            Key::FullRoute(route) => {
                let route = FullRoute { device: to.clone(), ..route.clone() };
                Some(Want::new(Key::FullRoute(route), value))
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
        smallest.filter(|mtu| *mtu != USUAL_MTU)
    }
}

/// Whose address or route it is.
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

    fn lines(desired: &[Want]) -> Vec<String> {
        let line = |want: &Want| format!("{} = {}", want.key, want.value.as_deref().unwrap_or("-"));
        desired.iter().map(line).collect()
    }

    #[test]
    fn what_a_port_has_goes_over_to_the_bond() {
        let mtu = |port, mtu: &str| (Key::Mtu(name(port)), mtu.to_owned());
        let port_configuration = [
            route("eth2", 0),
            route("eth2", 24),
            mtu("eth2", "9000"),
            route("eth3", 24),
            mtu("eth3", "4000"),
            route("eth4", 0),
        ];
        let desired = bond().desired(&port_configuration, &[]);
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
        assert_eq!(lines(&desired), all);

        // Once it was taken, the journal knows it.
        let journalled: Vec<_> = port_configuration[..4]
            .iter()
            .filter(|(key, _)| device(key).is_some())
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect();
        let left = [mtu("eth2", "4000"), mtu("eth3", "4000")];
        assert_eq!(lines(&bond().desired(&left, &journalled)), all);
    }
}
