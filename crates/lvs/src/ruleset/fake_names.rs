//! Names in memory, for the tests of this crate and of the programs.

use std::net::{IpAddr, Ipv4Addr};

use super::Names;
use crate::ipvs::Protocol;

/// Hosts as pairs of name and address, and a few services.
pub struct FakeNames(pub &'static [(&'static str, &'static str)]);

/// One host, where a test needs no more.
pub const VIP_EXAMPLE: FakeNames = FakeNames(&[("vip.example", "192.0.2.10")]);

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
