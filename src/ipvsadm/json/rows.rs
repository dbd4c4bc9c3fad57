//! The objects of the JSON output. The names of their fields are part of the interface; counters,
//! timeouts and daemons have those of the library. What the kernel does not report is null.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use lvs::ipvs::{
    self, AddressFamily, Checksum, DestinationEntry, Forwarding, Netmask, ServiceEntry,
    ServiceFlags, ServiceIdentity, Stats,
};
use lvs::proc;

#[derive(Serialize)]
pub(super) struct Service<'a> {
    family: &'static str,
    #[serde(flatten)]
    identity: Identity,
    scheduler: &'a str,
    flags: Vec<&'static str>,
    persistence: Option<Persistence>,
    persistence_engine: Option<&'a str>,
    stats: Stats,
    destinations: Vec<Destination>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Identity {
    Address { protocol: Cow<'static, str>, address: IpAddr, port: u16 },
    Mark { fwmark: u32 },
}

#[derive(Serialize)]
struct Persistence {
    timeout: u32,
    netmask: Netmask,
}

impl<'a> Service<'a> {
    pub(super) fn new(entry: &'a ServiceEntry, destinations: &[DestinationEntry]) -> Self {
        let service = &entry.service;
        Self {
            family: family(service.identity.family()),
            identity: service.identity.into(),
            scheduler: &service.scheduler,
            flags: flags(service),
            persistence: service.persistence.map(|persistence| Persistence {
                timeout: persistence.timeout,
                netmask: persistence.netmask,
            }),
            persistence_engine: service.persistence_engine.as_deref(),
            stats: entry.stats,
            destinations: destinations.iter().map(Destination::from).collect(),
        }
    }
}

impl From<ServiceIdentity> for Identity {
    fn from(identity: ServiceIdentity) -> Self {
        match identity {
            ServiceIdentity::Address { protocol, address, port } => Self::Address {
                protocol: protocol
                    .name()
                    .map_or_else(|| protocol.0.to_string().into(), Cow::Borrowed),
                address,
                port,
            },
            ServiceIdentity::Mark { mark, .. } => Self::Mark { fwmark: mark },
        }
    }
}

/// The words of `-b`, and `ops`.
fn flags(service: &ipvs::Service) -> Vec<&'static str> {
    let mut flags: Vec<_> = lvs::ruleset::syntax::scheduler_flags(service).collect();
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        flags.push("ops");
    }
    flags
}

const fn family(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Ipv4 => "ipv4",
        AddressFamily::Ipv6 => "ipv6",
    }
}

#[derive(Serialize)]
struct Destination {
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
            stats: entry.stats,
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

fn forward(forwarding: Forwarding) -> Cow<'static, str> {
    match forwarding {
        Forwarding::Masquerade => "masq".into(),
        Forwarding::Local => "local".into(),
        Forwarding::Tunnel => "tunnel".into(),
        Forwarding::DirectRouting => "route".into(),
        Forwarding::Other(number) => number.to_string().into(),
    }
}

/// Invalid UTF-8 is replaced by U+FFFD.
#[derive(Serialize)]
pub(super) struct Connection<'a> {
    protocol: String,
    state: Cow<'a, str>,
    expires: u32,
    client: Endpoint,
    r#virtual: Endpoint,
    destination: Endpoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Cow<'a, str>>,
    persistence_engine: Option<Cow<'a, str>>,
    engine_data: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
pub(super) struct Count<'a> {
    pub(super) key: &'a str,
    pub(super) connections: u64,
}

#[derive(Serialize)]
struct Endpoint {
    address: IpAddr,
    port: u16,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { address: address.ip(), port: address.port() }
    }
}

impl<'a> From<&proc::Connection<'a>> for Connection<'a> {
    fn from(connection: &proc::Connection<'a>) -> Self {
        let (engine, data) = connection.engine.unzip();
        Self {
            // As of a service.
            protocol: String::from_utf8_lossy(connection.protocol).to_lowercase(),
            state: String::from_utf8_lossy(connection.state),
            expires: connection.seconds,
            client: connection.client.into(),
            r#virtual: connection.service.into(),
            destination: connection.destination.into(),
            origin: connection.origin.map(String::from_utf8_lossy),
            persistence_engine: engine.map(String::from_utf8_lossy),
            engine_data: data.map(String::from_utf8_lossy),
        }
    }
}
