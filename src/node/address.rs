//! Addresses of interfaces.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::{Error, Handle};

use super::link::is;

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

/// `IFA_LOCAL` where there is one: of a point-to-point interface, `IFA_ADDRESS` is the peer's
/// (`linux/if_addr.h`).
fn address_of(message: &AddressMessage) -> Option<IpAddr> {
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

pub(super) async fn add(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
) -> Result<(), Error> {
    handle.address().add(index, address, prefix).execute().await
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
