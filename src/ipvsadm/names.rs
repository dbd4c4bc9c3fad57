//! Names of hosts and services, both ways.

use std::net::{IpAddr, Ipv4Addr};

use lvs::ipvs::Protocol;

/// A source of names; [`SystemNames`](super::SystemNames) asks the C library, tests answer themselves.
///
/// Many questions are asked at once, from several threads.
pub trait Names: Sync {
    /// The first IPv4 address of a host name.
    fn address(&self, host: &str) -> Option<Ipv4Addr>;
    /// The port of a service name, in host byte order. The case counts.
    fn port(&self, service: &str, protocol: Protocol) -> Option<u16>;
    /// The name of an address.
    fn host(&self, address: IpAddr) -> Option<String>;
    /// The name of a port (host byte order).
    fn service(&self, port: u16, protocol: Protocol) -> Option<String>;
}
