//! Which connections are listed, and whether one by one or counted.

use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};

use lvs::proc::{Connection, ConnectionTable};

use super::error::Error;

/// A choice among connections. What it does not name may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// `--client`: a network.
    pub client: Option<Network>,
    /// `--vip`: the virtual address, and its port.
    pub service: Option<Place>,
    /// `--real`: the real server, and its port.
    pub destination: Option<Place>,
    /// `--state`: the kernel's word, in any case.
    pub state: Option<String>,
    /// `--count-by`: connections are counted, not listed.
    pub count_by: Option<CountBy>,
}

/// An address and the length of the prefix that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// Bits of it that count.
    pub prefix: u8,
}

/// An address, and a port where one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub address: IpAddr,
    /// The port; `None` is any.
    pub port: Option<u16>,
}

/// What connections are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountBy {
    /// The client's address.
    Client,
    /// Protocol, virtual address and port.
    Service,
    /// The real server's address and port.
    Destination,
    /// The state.
    State,
}

impl CountBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Client, Self::Service, Self::Destination, Self::State];

    /// Its name on the command line, in titles and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Service => "vip",
            Self::Destination => "real",
            Self::State => "state",
        }
    }
}

impl Choice {
    /// Calls `work` for each chosen connection of a table, in the kernel's order.
    pub(super) fn each(
        &self,
        table: &mut ConnectionTable<impl BufRead>,
        mut work: impl FnMut(&Connection<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(connection) = table.next()? {
            if self.includes(&connection) {
                work(&connection)?;
            }
        }
        Ok(())
    }

    pub(super) fn includes(&self, connection: &Connection<'_>) -> bool {
        self.client.is_none_or(|network| network.includes(connection.client.ip()))
            && self.service.is_none_or(|place| place.is(connection.service))
            && self.destination.is_none_or(|place| place.is(connection.destination))
            && self
                .state
                .as_ref()
                .is_none_or(|state| connection.state.eq_ignore_ascii_case(state.as_bytes()))
    }
}

impl Network {
    fn includes(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix.into()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix.into()
            }
            _ => false,
        }
    }
}

impl Place {
    fn is(self, address: SocketAddr) -> bool {
        self.address == address.ip() && self.port.is_none_or(|port| port == address.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn includes(choice: &Choice) -> bool {
        let line = b"TCP C0000201 9D1A C0000264 0050 C6336401 1F90 ESTABLISHED 899";
        choice.includes(&Connection::parse(line).unwrap())
    }

    fn place(address: &str, port: Option<u16>) -> Option<Place> {
        Some(Place { address: address.parse().unwrap(), port })
    }

    #[test]
    fn networks_of_clients() {
        let client = |address: &str, prefix| {
            let network = Network { address: address.parse().unwrap(), prefix };
            includes(&Choice { client: Some(network), ..Choice::default() })
        };
        assert!(client("192.0.2.1", 32));
        assert!(client("192.0.2.0", 31));
        assert!(!client("192.0.2.0", 32));
        assert!(client("0.0.0.0", 0));
        assert!(client("193.0.0.0", 7));
        assert!(!client("193.0.0.0", 8));
        assert!(!client("::", 0), "an IPv4 client is in no IPv6 network");
        let network = Network { address: "2001:db8::".parse().unwrap(), prefix: 64 };
        assert!(network.includes("2001:db8::ffff:0:0:1".parse().unwrap()));
        assert!(!network.includes("2001:db8:0:1::1".parse().unwrap()));
    }

    #[test]
    fn virtual_addresses_and_real_servers() {
        let service = |service| includes(&Choice { service, ..Choice::default() });
        assert!(service(place("192.0.2.100", None)));
        assert!(service(place("192.0.2.100", Some(80))));
        assert!(!service(place("192.0.2.100", Some(81))));
        assert!(!service(place("192.0.2.1", None)));
        let destination = |destination| includes(&Choice { destination, ..Choice::default() });
        assert!(destination(place("198.51.100.1", Some(8080))));
        assert!(!destination(place("198.51.100.1", Some(80))));
    }

    #[test]
    fn states_and_all_of_it_together() {
        let state = |state: &str| Choice { state: Some(state.to_owned()), ..Choice::default() };
        assert!(includes(&state("established")));
        assert!(!includes(&state("ESTAB")));
        let mut both = state("ESTABLISHED");
        both.service = place("192.0.2.100", Some(80));
        assert!(includes(&both));
        both.destination = place("198.51.100.2", None);
        assert!(!includes(&both));
        assert!(includes(&Choice::default()));
    }
}
