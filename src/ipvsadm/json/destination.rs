//! A destination.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use lvs::ipvs::{self, Checksum, Forwarding};

use super::service::family;
use super::stats::Stats;

#[derive(Serialize)]
pub(super) struct Destination {
    family: &'static str,
    address: IpAddr,
    port: u16,
    forward: Cow<'static, str>,
    weight: u32,
    active_connections: u32,
    inactive_connections: u32,
    persistent_connections: u32,
    thresholds: Thresholds,
    tunnel: Option<Tunnel>,
    stats: Stats,
}

#[derive(Serialize)]
struct Thresholds {
    upper: u32,
    lower: u32,
}

/// Encapsulation; what a type does not have is null.
#[derive(Serialize)]
struct Tunnel {
    r#type: Cow<'static, str>,
    port: Option<u16>,
    checksum: Option<&'static str>,
}

impl From<&ipvs::DestinationEntry> for Destination {
    fn from(entry: &ipvs::DestinationEntry) -> Self {
        let destination = &entry.destination;
        Self {
            family: family(destination.family()),
            address: destination.address,
            port: destination.port,
            forward: forward(destination.forwarding),
            weight: destination.weight,
            active_connections: entry.active_connections,
            inactive_connections: entry.inactive_connections,
            persistent_connections: entry.persistent_connections,
            thresholds: Thresholds {
                upper: destination.upper_threshold,
                lower: destination.lower_threshold,
            },
            tunnel: (destination.forwarding == Forwarding::Tunnel)
                .then(|| destination.tunnel.into()),
            stats: Stats::from(&entry.stats),
        }
    }
}

impl From<ipvs::Tunnel> for Tunnel {
    fn from(tunnel: ipvs::Tunnel) -> Self {
        let (kind, port, checksum) = match tunnel {
            ipvs::Tunnel::Ipip => ("ipip".into(), None, None),
            ipvs::Tunnel::Gue { port, checksum } => ("gue".into(), Some(port), Some(checksum)),
            ipvs::Tunnel::Gre { checksum } => ("gre".into(), None, Some(checksum)),
            ipvs::Tunnel::Other(number) => (number.to_string().into(), None, None),
        };
        let checksum = checksum.map(|checksum| match checksum {
            Checksum::None => "none",
            Checksum::Full => "full",
            Checksum::Remote => "remote",
        });
        Self { r#type: kind, port, checksum }
    }
}

/// The method's name; a number where it has none.
fn forward(forwarding: Forwarding) -> Cow<'static, str> {
    match forwarding {
        Forwarding::Masquerade => "masq".into(),
        Forwarding::Local => "local".into(),
        Forwarding::Tunnel => "tunnel".into(),
        Forwarding::DirectRouting => "route".into(),
        Forwarding::Other(number) => number.to_string().into(),
    }
}
