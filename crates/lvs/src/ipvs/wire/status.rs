//! The answer to `IPVS_CMD_GET_INFO`, and counters and rates.

use netlink_packet_core::DecodeError;

use super::attribute::{Counter, Unparsed, attributes};
use crate::ipvs::{Info, Rates, Stats, Version};

attributes! {
    /// Attributes of the answer to `IPVS_CMD_GET_INFO` (`IPVS_INFO_ATTR_*`).
    InfoAttribute {
        1 => Version(u32),
        2 => TableSize(u32),
    }
}

/// What a kernel does not tell is 0.
pub(super) fn info(attributes: &[InfoAttribute]) -> Info {
    let mut info = Info { version: Version(0), table_size: 0 };
    for attribute in attributes {
        match *attribute {
            InfoAttribute::Version(version) => info.version = Version(version),
            InfoAttribute::TableSize(size) => info.table_size = size,
            InfoAttribute::Other(_) => {}
        }
    }
    info
}

attributes! {
    /// Attributes of statistics (`IPVS_STATS_ATTR_*`).
    StatsAttribute {
        1 => Connections(Counter),
        2 => PacketsIn(Counter),
        3 => PacketsOut(Counter),
        4 => BytesIn(Counter),
        5 => BytesOut(Counter),
        6 => ConnectionRate(Counter),
        7 => PacketRateIn(Counter),
        8 => PacketRateOut(Counter),
        9 => ByteRateIn(Counter),
        10 => ByteRateOut(Counter),
    }
}

/// What a kernel does not tell is 0.
pub(super) fn stats(list: &Unparsed) -> Result<Stats, DecodeError> {
    let mut stats = Stats::default();
    let Rates { connections, packets_in, packets_out, bytes_in, bytes_out } = &mut stats.rates;
    for attribute in list.attributes() {
        let (place, counter) = match attribute? {
            StatsAttribute::Connections(counter) => (&mut stats.connections, counter),
            StatsAttribute::PacketsIn(counter) => (&mut stats.packets_in, counter),
            StatsAttribute::PacketsOut(counter) => (&mut stats.packets_out, counter),
            StatsAttribute::BytesIn(counter) => (&mut stats.bytes_in, counter),
            StatsAttribute::BytesOut(counter) => (&mut stats.bytes_out, counter),
            StatsAttribute::ConnectionRate(counter) => (&mut *connections, counter),
            StatsAttribute::PacketRateIn(counter) => (&mut *packets_in, counter),
            StatsAttribute::PacketRateOut(counter) => (&mut *packets_out, counter),
            StatsAttribute::ByteRateIn(counter) => (&mut *bytes_in, counter),
            StatsAttribute::ByteRateOut(counter) => (&mut *bytes_out, counter),
            StatsAttribute::Other(_) => continue,
        };
        *place = counter.get();
    }
    Ok(stats)
}
