//! A service and its destinations.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use crate::ipvsadm::scheduler_flags;
use lvs::ipvs::{
    self, AddressFamily, DestinationEntry, ServiceEntry, ServiceFlags, ServiceIdentity,
};

use super::destination::Destination;
use super::stats::Stats;

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
    /// Seconds.
    timeout: u32,
    netmask: Netmask,
}

/// A mask as text, or a prefix length.
#[derive(Serialize)]
#[serde(untagged)]
enum Netmask {
    Ipv4(Ipv4Addr),
    Ipv6(u32),
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
                netmask: match persistence.netmask {
                    ipvs::Netmask::Ipv4(mask) => Netmask::Ipv4(mask),
                    ipvs::Netmask::Ipv6(prefix) => Netmask::Ipv6(prefix),
                },
            }),
            persistence_engine: service.persistence_engine.as_deref(),
            stats: Stats::from(&entry.stats),
            destinations: destinations.iter().map(Destination::from).collect(),
        }
    }
}

impl From<ServiceIdentity> for Identity {
    fn from(identity: ServiceIdentity) -> Self {
        match identity {
            ServiceIdentity::Address { protocol, address, port } => Self::Address {
                // A number where IPVS has no name for it.
                protocol: match protocol.name() {
                    Some(name) => name.into(),
                    None => protocol.0.to_string().into(),
                },
                address,
                port,
            },
            ServiceIdentity::Mark { mark, .. } => Self::Mark { fwmark: mark },
        }
    }
}

/// The words of `-b`, and `ops`.
fn flags(service: &ipvs::Service) -> Vec<&'static str> {
    let mut flags = scheduler_flags::of(service);
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        flags.push("ops");
    }
    flags
}

pub(super) const fn family(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Ipv4 => "ipv4",
        AddressFamily::Ipv6 => "ipv6",
    }
}
