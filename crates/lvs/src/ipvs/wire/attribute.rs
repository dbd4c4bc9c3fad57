//! Attributes: the types of their values, and a macro that makes an enum with the netlink traits from
//! one table.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{
    DecodeError, Emitable, Nla, NlaBuffer, NlasIterator, Parseable, parse_u8, parse_u16,
    parse_u16_be, parse_u32,
};

/// A value of an attribute.
pub(super) trait Value: Sized {
    /// Whether the value is itself a list of attributes.
    const NESTED: bool = false;
    /// Length in bytes.
    fn length(&self) -> usize;
    /// Writes the value to a buffer of that length.
    fn emit(&self, buffer: &mut [u8]);
    /// Reads the value from all of `bytes`.
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError>;
    /// Writes the value as text.
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

/// A 16-bit number in network byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ipvs) struct NetworkU16(pub(super) u16);

macro_rules! number {
    ($($type:ty, $parse:expr, |$self:ident| $number:expr, $bytes:ident;)*) => {$(
        impl Value for $type {
            fn length(&self) -> usize {
                size_of::<$type>()
            }
            fn emit(&self, buffer: &mut [u8]) {
                let $self = self;
                buffer.copy_from_slice(&$number.$bytes());
            }
            fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
                $parse(bytes)
            }
            fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
                let $self = self;
                $number.fmt(f)
            }
        }
    )*};
}

number! {
    u8, parse_u8, |value| value, to_ne_bytes;
    u16, parse_u16, |value| value, to_ne_bytes;
    u32, parse_u32, |value| value, to_ne_bytes;
    NetworkU16, |bytes| parse_u16_be(bytes).map(Self), |value| value.0, to_be_bytes;
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
            // IPv4, or an IPv6 address that no host can have.
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

/// `struct ip_vs_flags`: bits, and which of them count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ipvs) struct MaskedFlags {
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

/// Maximum length of a name in bytes. The kernel accepts 15 or 16 and refuses longer ones (`EINVAL`),
/// so this only keeps the 16-bit length of the attribute from overflowing.
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

/// A list of attributes as the value of an attribute.
///
/// Its length is computed once: the traits of netlink-packet-core ask for the length of every
/// attribute at every level, which in a batch of thousands is half of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ipvs) struct Nest<A> {
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
        // IPVS has at most 15 in one list, and hardly any takes less than 8 bytes.
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

/// Makes an enum of attributes from lines of number, name and [type](Value). Other numbers become
/// `Other`.
macro_rules! attributes {
    (
        $(#[$documentation:meta])*
        $name:ident { $($number:literal => $variant:ident($value:ty),)* }
    ) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(in crate::ipvs) enum $name {
            $($variant($value),)*
            Other(netlink_packet_core::DefaultNla),
        }

        const _: () = {
            use netlink_packet_core::{
                DecodeError, DefaultNla, ErrorContext as _, NLA_F_NESTED, Nla, NlaBuffer, Parseable,
            };
            use $crate::ipvs::wire::attribute::Value;

            impl Nla for $name {
                fn value_len(&self) -> usize {
                    match self {
                        $(Self::$variant(value) => value.length(),)*
                        Self::Other(attribute) => attribute.value_len(),
                    }
                }
                fn kind(&self) -> u16 {
                    match self {
                        $(Self::$variant(_) if <$value>::NESTED => NLA_F_NESTED | $number,)*
                        $(Self::$variant(_) => $number,)*
                        Self::Other(attribute) => attribute.kind(),
                    }
                }
                fn emit_value(&self, buffer: &mut [u8]) {
                    match self {
                        $(Self::$variant(value) => Value::emit(value, buffer),)*
                        Self::Other(attribute) => attribute.emit_value(buffer),
                    }
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    match self {
                        $(Self::$variant(value) => {
                            f.write_str(concat!(stringify!($variant), " "))?;
                            value.show(f)
                        })*
                        Self::Other(attribute) => {
                            write!(f, "#{} {{{} bytes}}", attribute.kind(), attribute.value_len())
                        }
                    }
                }
            }

            impl Parseable<NlaBuffer<&[u8]>> for $name {
                fn parse(attribute: &NlaBuffer<&[u8]>) -> Result<Self, DecodeError> {
                    Ok(match attribute.kind() {
                        $($number => Self::$variant(
                            <$value as Value>::parse(attribute.value())
                                .context(concat!(stringify!($name), "::", stringify!($variant)))?,
                        ),)*
                        _ => Self::Other(DefaultNla::parse(attribute)?),
                    })
                }
            }
        };
    };
}

pub(super) use attributes;
