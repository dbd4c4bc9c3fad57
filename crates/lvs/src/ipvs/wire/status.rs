//! Counters and rates, and the reply to `IPVS_CMD_GET_INFO`.

use std::fmt::{self, Formatter};

use netlink_packet_core::{DecodeError, NlasIterator, parse_u32, parse_u64};

use super::attribute::Value;
use crate::ipvs::{Info, Stats, Version};

/// Nested `IPVS_STATS_ATTR_*`, decoded only where they are used: the kernel sends all counters twice,
/// and in a dump of thousands their decoding takes most of the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ipvs) struct Counters(pub(super) Vec<u8>);

impl Counters {
    /// The counters and rates; what the kernel does not send is 0. They have 32 bits in `STATS` and
    /// 64 in `STATS64`, but bytes have 64 in both.
    pub(super) fn stats(&self) -> Result<Stats, DecodeError> {
        let mut stats = Stats::default();
        for attribute in NlasIterator::new(self.0.as_slice()) {
            let attribute = attribute?;
            let place = match attribute.kind() {
                1 => &mut stats.connections,
                2 => &mut stats.packets_in,
                3 => &mut stats.packets_out,
                4 => &mut stats.bytes_in,
                5 => &mut stats.bytes_out,
                6 => &mut stats.rates.connections,
                7 => &mut stats.rates.packets_in,
                8 => &mut stats.rates.packets_out,
                9 => &mut stats.rates.bytes_in,
                10 => &mut stats.rates.bytes_out,
                _ => continue,
            };
            let value = attribute.value();
            *place = if value.len() == 4 { parse_u32(value)?.into() } else { parse_u64(value)? };
        }
        Ok(stats)
    }
}

impl Value for Counters {
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

/// Decodes `IPVS_INFO_ATTR_*`. What the kernel does not send is 0.
pub(super) fn info(attributes: &[u8]) -> Result<Info, DecodeError> {
    let mut info = Info::default();
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute?;
        match attribute.kind() {
            1 => info.version = Version(parse_u32(attribute.value())?),
            2 => info.table_size = parse_u32(attribute.value())?,
            _ => {}
        }
    }
    Ok(info)
}
