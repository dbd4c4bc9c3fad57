//! Timeouts of connections, in seconds.

use serde::Serialize;

use lvs::ipvs;

#[derive(Serialize)]
pub(super) struct Timeouts {
    tcp: u32,
    tcp_fin: u32,
    udp: u32,
}

impl From<ipvs::Timeouts> for Timeouts {
    fn from(ipvs::Timeouts { tcp, tcp_fin, udp, .. }: ipvs::Timeouts) -> Self {
        Self { tcp, tcp_fin, udp }
    }
}
