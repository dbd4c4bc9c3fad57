//! Services, and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::DecodeError;

use super::attribute::{MaskedFlags, NetworkU16, attributes};
use super::status::Counters;
use crate::ipvs::{AddressFamily, Netmask, Protocol, Service, ServiceEntry, ServiceIdentity};

attributes! {
    /// Attributes of a service (`IPVS_SVC_ATTR_*`).
    ServiceAttribute {
        1 => Family(u16),
        2 => Protocol(u16),
        3 => Address([u8; 16]),
        4 => Port(NetworkU16),
        5 => Mark(u32),
        6 => Scheduler(String),
        7 => Flags(MaskedFlags),
        8 => Timeout(u32),
        9 => Netmask([u8; 4]),
        10 => Stats(Counters),
        11 => PersistenceEngine(String),
        12 => Stats64(Counters),
    }
}

/// The attributes that identify a service, which are enough for most commands.
pub(super) fn identity_attributes(identity: &ServiceIdentity) -> Vec<ServiceAttribute> {
    // Room for all attributes of a service.
    let mut attributes = Vec::with_capacity(9);
    attributes.push(ServiceAttribute::Family(identity.family().number()));
    match *identity {
        ServiceIdentity::Address { protocol, address, port } => attributes.extend([
            ServiceAttribute::Protocol(protocol.0),
            ServiceAttribute::Address(address_bytes(address)),
            ServiceAttribute::Port(NetworkU16(port)),
        ]),
        ServiceIdentity::Mark { mark, .. } => attributes.push(ServiceAttribute::Mark(mark)),
    }
    attributes
}

/// All attributes of a service, in the order in which ipvsadm 1.31 sends them.
pub(super) fn service_attributes(service: &Service) -> Vec<ServiceAttribute> {
    let mut attributes = identity_attributes(&service.identity);
    attributes.push(ServiceAttribute::Scheduler(service.scheduler.clone()));
    // An empty name stands for none; ipvsadm does not send it.
    if let Some(engine) = service.persistence_engine.as_ref().filter(|name| !name.is_empty()) {
        attributes.push(ServiceAttribute::PersistenceEngine(engine.clone()));
    }
    let (flags, timeout, netmask) = service.kernel_fields();
    attributes.extend([
        ServiceAttribute::Flags(MaskedFlags { flags, mask: u32::MAX }),
        ServiceAttribute::Timeout(timeout),
        ServiceAttribute::Netmask(match netmask {
            Netmask::Ipv4(mask) => mask.octets(),
            Netmask::Ipv6(prefix) => prefix.to_ne_bytes(),
        }),
    ]);
    attributes
}

/// A service in a dump. A kernel before 4.1 has no `STATS64`. With a mark the kernel sends no
/// protocol, address and port.
pub(super) fn service_entry(
    attributes: Vec<ServiceAttribute>,
) -> Result<ServiceEntry, DecodeError> {
    let (mut family, mut protocol, mut address, mut port, mut mark) = (None, None, None, None, 0);
    let (mut scheduler, mut persistence_engine) = (None, None);
    let (mut flags, mut timeout, mut netmask) = (0, 0, None);
    let (mut narrow, mut wide) = (None, None);
    for attribute in attributes {
        match attribute {
            ServiceAttribute::Family(number) => family = AddressFamily::from_number(number),
            ServiceAttribute::Protocol(number) => protocol = Some(Protocol(number)),
            ServiceAttribute::Address(bytes) => address = Some(bytes),
            ServiceAttribute::Port(NetworkU16(number)) => port = Some(number),
            ServiceAttribute::Mark(number) => mark = number,
            ServiceAttribute::Scheduler(name) => scheduler = Some(name),
            ServiceAttribute::Flags(bits) => flags = bits.flags,
            ServiceAttribute::Timeout(seconds) => timeout = seconds,
            ServiceAttribute::Netmask(bytes) => netmask = Some(bytes),
            ServiceAttribute::PersistenceEngine(name) => persistence_engine = Some(name),
            ServiceAttribute::Stats(list) => narrow = Some(list),
            ServiceAttribute::Stats64(list) => wide = Some(list),
            ServiceAttribute::Other(_) => {}
        }
    }
    let family = family.ok_or("a service without a known address family")?;
    let identity = if mark != 0 {
        ServiceIdentity::Mark { mark, family }
    } else {
        ServiceIdentity::Address {
            protocol: protocol.ok_or("a service without protocol")?,
            address: typed_address(address.ok_or("a service without address")?, family),
            port: port.ok_or("a service without port")?,
        }
    };
    let netmask = match (netmask, family) {
        (None, family) => Netmask::host(family),
        (Some(mask), AddressFamily::Ipv4) => Netmask::Ipv4(Ipv4Addr::from(mask)),
        (Some(prefix), AddressFamily::Ipv6) => Netmask::Ipv6(u32::from_ne_bytes(prefix)),
    };
    let service = Service {
        persistence_engine: persistence_engine.filter(|name| !name.is_empty()),
        ..Service::new(identity, scheduler.unwrap_or_else(|| "none".into()))
    };
    Ok(ServiceEntry {
        service: service.with_kernel_fields(flags, timeout, netmask),
        stats: wide.or(narrow).as_ref().map(Counters::stats).transpose()?.unwrap_or_default(),
    })
}

/// An address as `union nf_inet_addr`: IPv4 in the first four bytes, the rest 0.
pub(super) fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96).to_be_bytes(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The address in a `union nf_inet_addr`.
pub(super) fn typed_address(bytes: [u8; 16], family: AddressFamily) -> IpAddr {
    let [a, b, c, d, ..] = bytes;
    match family {
        AddressFamily::Ipv4 => Ipv4Addr::new(a, b, c, d).into(),
        AddressFamily::Ipv6 => Ipv6Addr::from(bytes).into(),
    }
}
