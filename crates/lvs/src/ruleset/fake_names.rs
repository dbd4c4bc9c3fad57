//! Names in memory, for the tests of this crate and of the programs.

use std::net::{IpAddr, Ipv4Addr};

use super::Names;
use crate::ipvs::Protocol;

/// Hosts as pairs of name and address, and a few services.
pub struct FakeNames(pub &'static [(&'static str, &'static str)]);

/// One host, where a test needs no more.
pub const VIP_EXAMPLE: FakeNames = FakeNames(&[("vip.example", "192.0.2.10")]);

/// A name that does not fit into a column.
pub const LONG: &str =
    "sixty.characters.sixty.characters.sixty.characters.sixty.characters.example";

/// Hosts with names of every kind: short, long, of IPv6, twice, and odd.
pub const HOSTS: FakeNames = FakeNames(&[
    ("s.ex", "198.51.100.6"),
    (LONG, "198.51.100.5"),
    ("six.example", "2001:db8::6"),
    ("first.example", "192.0.2.20"),
    ("first.example", "192.0.2.21"),
    ("#odd", "192.0.2.22"),
    ("192.0.2.24", "192.0.2.23"),
]);

/// An alias comes after the name that it stands for.
const SERVICES: [(&str, u16, Protocol); 5] = [
    ("http", 80, Protocol::TCP),
    ("www", 80, Protocol::TCP),
    ("https", 443, Protocol::TCP),
    ("http-alt", 8080, Protocol::TCP),
    ("domain", 53, Protocol::UDP),
];

impl Names for FakeNames {
    fn address(&self, host: &str) -> Option<Ipv4Addr> {
        let known = self.0.iter().find(|(name, _)| *name == host);
        known.and_then(|(_, address)| address.parse().ok())
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        let known = SERVICES.iter().find(|(name, _, of)| *name == service && *of == protocol);
        known.map(|(_, port, _)| *port)
    }

    fn host(&self, address: IpAddr) -> Option<String> {
        let known = self.0.iter().find(|(_, of)| of.parse() == Ok(address));
        known.map(|(name, _)| (*name).to_owned())
    }

    fn service(&self, port: u16, protocol: Protocol) -> Option<String> {
        let known = SERVICES.iter().find(|(_, at, of)| *at == port && *of == protocol);
        known.map(|(name, ..)| (*name).to_owned())
    }
}
