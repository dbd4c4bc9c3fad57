//! Netlink attributes, read leniently: what a newer kernel adds or an odd name contains must not make
//! an object disappear.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The flags beside the number of an attribute (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const FLAGS: u16 = 0xc000;

/// The attributes in these bytes, with their numbers. Ends at the first that does not fit.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = (u16(bytes)?.into(), u16(bytes.get(2..)?)?);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(usize::next_multiple_of(length, 4)..).unwrap_or_default();
        Some((kind & !FLAGS, value))
    })
}

/// Appends an attribute, padded.
pub(crate) fn append(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // Longer than any that the kernel takes.
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

pub(super) fn u8(value: &[u8]) -> Option<u8> {
    value.first().copied()
}

pub(super) fn u16(value: &[u8]) -> Option<u16> {
    value.first_chunk().copied().map(u16::from_ne_bytes)
}

pub(super) fn u16_be(value: &[u8]) -> Option<u16> {
    value.first_chunk().copied().map(u16::from_be_bytes)
}

pub(super) fn u32(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_ne_bytes)
}

pub(super) fn u32_be(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_be_bytes)
}

pub(super) fn u64(value: &[u8]) -> Option<u64> {
    value.first_chunk().copied().map(u64::from_ne_bytes)
}

pub(super) fn address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(value).ok().map(|octets| Ipv6Addr::from(octets).into())
}

/// The bytes up to the NUL.
pub(super) fn text(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}
