//! Names for tests.

use std::net::{IpAddr, Ipv4Addr};

use crate::ipvs::Protocol;
use crate::ipvsadm::Names;

/// Knows `vip.example`, and the port of HTTP over TCP.
pub(super) struct FakeNames;

impl Names for FakeNames {
    fn address(&self, host: &str) -> Option<Ipv4Addr> {
        (host == "vip.example").then_some(Ipv4Addr::new(192, 0, 2, 10))
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        let is_http = matches!(service, "http" | "www") && protocol == Protocol::TCP;
        is_http.then_some(80)
    }

    fn host(&self, _: IpAddr) -> Option<String> {
        None
    }

    fn service(&self, _: u16, _: Protocol) -> Option<String> {
        None
    }
}
