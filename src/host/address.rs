//! Addresses of interfaces.

use std::collections::HashMap;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, CacheInfo,
};
use rtnetlink::{Error, Handle};

use super::link::is;
use super::{AssignedAddress, InterfaceName};

/// The length in bits of the prefix that holds one address only: 32 or 128.
#[must_use]
pub const fn host_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address as the kernel lists it.
pub(super) async fn find(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
) -> Result<Option<AddressMessage>, Error> {
    let mut request = handle.address().get();
    let header = &mut request.message_mut().header;
    header.index = index;
    header.family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let mut addresses = request.execute();
    let mut found = None;
    // To the end, even after a hit: a socket runs one dump at a time.
    while let Some(message) = addresses.try_next().await? {
        let here = message.header.index == index && message.header.prefix_len == prefix;
        if here && address_of(&message) == Some(address) {
            found = Some(message);
        }
    }
    Ok(found)
}

/// Every address of these interfaces.
pub(super) async fn list(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
) -> Result<Vec<AssignedAddress>, Error> {
    let mut messages = handle.address().get().execute();
    let mut addresses = Vec::new();
    while let Some(message) = messages.try_next().await? {
        if let (Some(address), Some(device)) =
            (address_of(&message), names.get(&message.header.index))
        {
            let prefix = message.header.prefix_len;
            addresses.push(AssignedAddress { address, prefix, device: device.clone() });
        }
    }
    Ok(addresses)
}

/// `IFA_LOCAL` where there is one: of a point-to-point interface, `IFA_ADDRESS` is the peer's
/// (`linux/if_addr.h`).
pub(super) fn address_of(message: &AddressMessage) -> Option<IpAddr> {
    let mut attributes = message.attributes.iter();
    let local = attributes.clone().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        attributes.find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

/// An IPv6 address is added without duplicate address detection, since the real servers of direct
/// routing have it too, and as a deprecated one (`preferred_lft 0`): clients reach it, but the
/// machine's own connections do not take it as their source (RFC 6724, rule 3).
pub(super) async fn add(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
) -> Result<(), Error> {
    let mut request = handle.address().add(index, address, prefix);
    if address.is_ipv6() {
        let message = request.message_mut();
        message.header.flags |= AddressHeaderFlags::Nodad;
        let mut lifetime = CacheInfo::default();
        (lifetime.ifa_preferred, lifetime.ifa_valid) = (0, u32::MAX);
        message.attributes.push(AddressAttribute::CacheInfo(lifetime));
    }
    request.execute().await
}

pub(super) async fn delete(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
) -> Result<(), Error> {
    let Some(message) = find(handle, index, address, prefix).await? else {
        return Ok(());
    };
    match handle.address().del(message).execute().await {
        Err(error) if is(&error, libc::EADDRNOTAVAIL) => Ok(()),
        result => result,
    }
}
