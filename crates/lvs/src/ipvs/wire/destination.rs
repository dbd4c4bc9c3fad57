//! Destinations of a service.

use std::net::IpAddr;

use netlink_packet_core::DecodeError;

use super::attribute::{NetworkU16, attributes};
use super::service::{address_bytes, typed_address};
use super::status::Counters;
use crate::ipvs::{AddressFamily, Checksum, Destination, DestinationEntry, Forwarding, Tunnel};

attributes! {
    /// Attributes of a destination (`IPVS_DEST_ATTR_*`).
    DestinationAttribute {
        1 => Address([u8; 16]),
        2 => Port(NetworkU16),
        3 => Forwarding(u32),
        4 => Weight(u32),
        5 => UpperThreshold(u32),
        6 => LowerThreshold(u32),
        7 => ActiveConnections(u32),
        8 => InactiveConnections(u32),
        9 => PersistentConnections(u32),
        10 => Stats(Counters),
        11 => Family(u16),
        12 => Stats64(Counters),
        13 => TunnelType(u8),
        14 => TunnelPort(NetworkU16),
        15 => TunnelFlags(u16),
    }
}

/// `IP_VS_CONN_F_FWD_MASK`. The other connection flags do not concern forwarding.
const FORWARDING_MASK: u32 = 7;

/// The attributes that identify a destination within its service.
pub(super) fn identity_attributes(address: IpAddr, port: u16) -> Vec<DestinationAttribute> {
    // Room for all attributes of a destination.
    let mut attributes = Vec::with_capacity(10);
    attributes.extend([
        DestinationAttribute::Family(AddressFamily::from(address).number()),
        DestinationAttribute::Address(address_bytes(address)),
        DestinationAttribute::Port(NetworkU16(port)),
    ]);
    attributes
}

/// All attributes of a destination, in the order in which ipvsadm 1.31 sends them.
pub(super) fn destination_attributes(destination: &Destination) -> Vec<DestinationAttribute> {
    let (kind, port, checksum) = match destination.tunnel {
        Tunnel::Ipip => (0, 0, Checksum::None),
        Tunnel::Gue { port, checksum } => (1, port, checksum),
        Tunnel::Gre { checksum } => (2, 0, checksum),
        Tunnel::Other(kind) => (kind, 0, Checksum::None),
    };
    let mut attributes = identity_attributes(destination.address, destination.port);
    attributes.extend([
        DestinationAttribute::Forwarding(destination.forwarding.number()),
        DestinationAttribute::Weight(destination.weight),
        DestinationAttribute::TunnelType(kind),
        DestinationAttribute::TunnelPort(NetworkU16(port)),
        DestinationAttribute::TunnelFlags(checksum.number()),
        DestinationAttribute::UpperThreshold(destination.upper_threshold),
        DestinationAttribute::LowerThreshold(destination.lower_threshold),
    ]);
    attributes
}

/// A destination in a dump. A kernel before 4.1 has no `STATS64`.
pub(in crate::ipvs) fn destination_entry(
    attributes: &[DestinationAttribute],
    service_family: AddressFamily,
) -> Result<DestinationEntry, DecodeError> {
    let (mut narrow, mut wide) = (None, None);
    let mut entry = DestinationEntry::new(destination(attributes, service_family)?);
    for attribute in attributes {
        match attribute {
            DestinationAttribute::ActiveConnections(count) => entry.active_connections = *count,
            DestinationAttribute::InactiveConnections(count) => entry.inactive_connections = *count,
            DestinationAttribute::PersistentConnections(count) => {
                entry.persistent_connections = *count;
            }
            DestinationAttribute::Stats(list) => narrow = Some(list),
            DestinationAttribute::Stats64(list) => wide = Some(list),
            _ => {}
        }
    }
    entry.stats = wide.or(narrow).map(Counters::stats).transpose()?.unwrap_or_default();
    Ok(entry)
}

/// The configuration of a destination. Kernels before 3.18 do not send the family, which is then
/// that of the service, and kernels before 5.2 not the tunnel, which is then IPIP.
pub(in crate::ipvs) fn destination(
    attributes: &[DestinationAttribute],
    service_family: AddressFamily,
) -> Result<Destination, DecodeError> {
    let (mut address, mut port, mut family) = (None, None, 0);
    let (mut tunnel_type, mut tunnel_port, mut tunnel_flags) = (0, 0, 0);
    let mut destination = Destination::new([0, 0, 0, 0], 0, Forwarding::Masquerade);
    for attribute in attributes {
        match *attribute {
            DestinationAttribute::Address(bytes) => address = Some(bytes),
            DestinationAttribute::Port(NetworkU16(number)) => port = Some(number),
            DestinationAttribute::Family(number) => family = number,
            DestinationAttribute::Forwarding(flags) => {
                destination.forwarding = Forwarding::from_number(flags & FORWARDING_MASK);
            }
            DestinationAttribute::Weight(weight) => destination.weight = weight,
            DestinationAttribute::UpperThreshold(limit) => destination.upper_threshold = limit,
            DestinationAttribute::LowerThreshold(limit) => destination.lower_threshold = limit,
            DestinationAttribute::TunnelType(kind) => tunnel_type = kind,
            DestinationAttribute::TunnelPort(NetworkU16(number)) => tunnel_port = number,
            DestinationAttribute::TunnelFlags(flags) => tunnel_flags = flags,
            _ => {}
        }
    }
    let family = match family {
        0 => service_family,
        number => AddressFamily::from_number(number)
            .ok_or("a destination of an unknown address family")?,
    };
    destination.address = typed_address(address.ok_or("a destination without address")?, family);
    destination.port = port.ok_or("a destination without port")?;
    let checksum = Checksum::from_number(tunnel_flags);
    destination.tunnel = match tunnel_type {
        0 => Tunnel::Ipip,
        1 => Tunnel::Gue { port: tunnel_port, checksum },
        2 => Tunnel::Gre { checksum },
        other => Tunnel::Other(other),
    };
    Ok(destination)
}
