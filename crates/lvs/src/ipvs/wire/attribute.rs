//! Attributes: the types of their values, and a macro that makes an enum with the traits of netlink
//! out of one table.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{
    DecodeError, Emitable, Nla, NlaBuffer, NlasIterator, Parseable, parse_u8, parse_u16,
    parse_u16_be, parse_u32, parse_u64,
};

/// A value of an attribute.
pub(super) trait Value: Sized {
    /// Whether the value is itself a list of attributes.
    const NESTED: bool = false;
    /// Its length in bytes.
    fn length(&self) -> usize;
    /// Writes it to a buffer of that length.
    fn emit(&self, buffer: &mut [u8]);
    /// Reads it from all of `bytes`.
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError>;
    /// Writes it for a person.
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

macro_rules! number {
    ($($number:ty, $parse:ident;)*) => {$(
        impl Value for $number {
            fn length(&self) -> usize {
                size_of::<$number>()
            }
            fn emit(&self, buffer: &mut [u8]) {
                buffer.copy_from_slice(&self.to_ne_bytes());
            }
            fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
                $parse(bytes)
            }
            fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
                self.fmt(f)
            }
        }
    )*};
}

number! {
    u8, parse_u8;
    u16, parse_u16;
    u32, parse_u32;
}

/// A 16-bit number in network byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NetworkU16(pub(super) u16);

impl Value for NetworkU16 {
    fn length(&self) -> usize {
        2
    }
    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0.to_be_bytes());
    }
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        parse_u16_be(bytes).map(Self)
    }
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bytes whose meaning depends on the address family, which is another attribute: an address
/// (`N` = 16, IPv4 in the first 4), a netmask or an IPv4 multicast group (`N` = 4).
impl<const N: usize> Value for [u8; N] {
    fn length(&self) -> usize {
        N
    }
    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(self);
    }
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        bytes.try_into().map_err(|_| DecodeError::invalid_number(N, bytes.len()))
    }
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.split_first_chunk::<4>() {
            // IPv4, or an IPv6 address that no host has.
            Some((ipv4, rest)) if rest.iter().all(|byte| *byte == 0) => {
                Ipv4Addr::from(*ipv4).fmt(f)
            }
            _ => match <[u8; 16]>::try_from(&self[..]) {
                Ok(ipv6) => Ipv6Addr::from(ipv6).fmt(f),
                Err(_) => write!(f, "{self:?}"),
            },
        }
    }
}

/// A counter or a rate: 32 bits in `STATS`, 64 in `STATS64`, but bytes are 64 in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    Narrow(u32),
    Wide(u64),
}

impl Counter {
    pub(super) fn get(self) -> u64 {
        match self {
            Self::Narrow(value) => value.into(),
            Self::Wide(value) => value,
        }
    }
}

impl Value for Counter {
    fn length(&self) -> usize {
        match self {
            Self::Narrow(_) => 4,
            Self::Wide(_) => 8,
        }
    }
    fn emit(&self, buffer: &mut [u8]) {
        match self {
            Self::Narrow(value) => buffer.copy_from_slice(&value.to_ne_bytes()),
            Self::Wide(value) => buffer.copy_from_slice(&value.to_ne_bytes()),
        }
    }
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.len() {
            4 => parse_u32(bytes).map(Self::Narrow),
            _ => parse_u64(bytes).map(Self::Wide),
        }
    }
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// `struct ip_vs_flags`: bits, and which of them are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MaskedFlags {
    pub(super) flags: u32,
    pub(super) mask: u32,
}

impl Value for MaskedFlags {
    fn length(&self) -> usize {
        8
    }
    fn emit(&self, buffer: &mut [u8]) {
        let (flags, mask) = buffer.split_at_mut(4);
        flags.copy_from_slice(&self.flags.to_ne_bytes());
        mask.copy_from_slice(&self.mask.to_ne_bytes());
    }
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.split_at_checked(4) {
            Some((flags, mask)) => Ok(Self { flags: parse_u32(flags)?, mask: parse_u32(mask)? }),
            None => Err(DecodeError::invalid_number(8, bytes.len())),
        }
    }
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}/{:#x}", self.flags, self.mask)
    }
}

/// Bytes of a name that are sent at most. The kernel takes 15 or 16 and refuses longer ones
/// (`EINVAL`), so this only keeps an endless name from overflowing the 16-bit length.
const LONGEST_NAME: usize = 255;

impl Value for String {
    fn length(&self) -> usize {
        self.len().min(LONGEST_NAME) + 1
    }
    fn emit(&self, buffer: &mut [u8]) {
        for (to, from) in buffer.iter_mut().zip(self.bytes().take(LONGEST_NAME).chain([0])) {
            *to = from;
        }
    }
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let name = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(Self::from_utf8_lossy(name).into_owned())
    }
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A list of attributes as the value of one.
///
/// It is measured once: the traits of netlink-packet-core ask for the length of every attribute
/// at every level again, which in a batch of thousands is half of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nest<A> {
    pub(super) attributes: Vec<A>,
    length: usize,
}

impl<A: Nla> From<Vec<A>> for Nest<A> {
    fn from(attributes: Vec<A>) -> Self {
        let length = attributes.iter().map(Emitable::buffer_len).sum();
        Self { attributes, length }
    }
}

impl<A> Value for Nest<A>
where
    A: Nla + Display + for<'a> Parseable<NlaBuffer<&'a [u8]>>,
{
    const NESTED: bool = true;
    fn length(&self) -> usize {
        self.length
    }
    fn emit(&self, mut buffer: &mut [u8]) {
        for attribute in &self.attributes {
            let (place, rest) = buffer.split_at_mut(attribute.buffer_len());
            attribute.emit(place);
            buffer = rest;
        }
    }
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        // Room for all that IPVS has in one list; hardly an attribute takes less than 8 bytes.
        let mut attributes = Vec::with_capacity((bytes.len() / 8).min(16));
        for attribute in NlasIterator::new(bytes) {
            attributes.push(A::parse(&attribute?)?);
        }
        Ok(attributes.into())
    }
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, attribute) in self.attributes.iter().enumerate() {
            write!(f, "{}{attribute}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

/// A list of attributes that is parsed only where it is used: the kernel sends all counters twice,
/// and in a listing of thousands their parsing takes most of the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unparsed(pub(super) Vec<u8>);

impl Unparsed {
    /// Its attributes, in their order.
    pub(super) fn attributes<A>(&self) -> impl Iterator<Item = Result<A, DecodeError>>
    where
        A: for<'a> Parseable<NlaBuffer<&'a [u8]>>,
    {
        NlasIterator::new(self.0.as_slice()).map(|attribute| A::parse(&attribute?))
    }
}

impl Value for Unparsed {
    const NESTED: bool = true;
    fn length(&self) -> usize {
        self.0.len()
    }
    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0);
    }
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(bytes.to_owned()))
    }
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{} bytes}}", self.0.len())
    }
}

/// Makes an enum of attributes from lines of number, name and [type](Value). Numbers
/// that are not listed become `Other`.
macro_rules! attributes {
    (
        $(#[$documentation:meta])*
        $name:ident { $($number:literal => $variant:ident($value:ty),)* }
    ) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(in crate::ipvs::wire) enum $name {
            $($variant($value),)*
            Other(netlink_packet_core::DefaultNla),
        }

        impl netlink_packet_core::Nla for $name {
            fn value_len(&self) -> usize {
                match self {
                    $(Self::$variant(value) => $crate::ipvs::wire::attribute::Value::length(value),)*
                    Self::Other(attribute) => attribute.value_len(),
                }
            }
            fn kind(&self) -> u16 {
                match self {
                    $(Self::$variant(_) => {
                        if <$value as $crate::ipvs::wire::attribute::Value>::NESTED {
                            netlink_packet_core::NLA_F_NESTED | $number
                        } else {
                            $number
                        }
                    })*
                    Self::Other(attribute) => attribute.kind(),
                }
            }
            fn emit_value(&self, buffer: &mut [u8]) {
                match self {
                    $(Self::$variant(value) => {
                        $crate::ipvs::wire::attribute::Value::emit(value, buffer);
                    })*
                    Self::Other(attribute) => attribute.emit_value(buffer),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$variant(value) => {
                        f.write_str(concat!(stringify!($variant), " "))?;
                        $crate::ipvs::wire::attribute::Value::show(value, f)
                    })*
                    Self::Other(attribute) => {
                        use netlink_packet_core::Nla as _;
                        write!(f, "#{} {{{} bytes}}", attribute.kind(), attribute.value_len())
                    }
                }
            }
        }

        impl netlink_packet_core::Parseable<netlink_packet_core::NlaBuffer<&[u8]>> for $name {
            fn parse(
                attribute: &netlink_packet_core::NlaBuffer<&[u8]>,
            ) -> Result<Self, netlink_packet_core::DecodeError> {
                use netlink_packet_core::ErrorContext as _;
                Ok(match attribute.kind() {
                    $($number => Self::$variant(
                        $crate::ipvs::wire::attribute::Value::parse(attribute.value())
                            .context(concat!(stringify!($name), "::", stringify!($variant)))?,
                    ),)*
                    _ => Self::Other(netlink_packet_core::DefaultNla::parse(attribute)?),
                })
            }
        }
    };
}

pub(super) use attributes;
