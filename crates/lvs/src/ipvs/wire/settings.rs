//! What is set for, or told of, IPVS as a whole.

use super::message::Attribute;
use super::table::attributes;
use crate::ipvs::{Info, Timeouts, Version};

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

pub(super) fn timeout_attributes(timeouts: &Timeouts) -> Vec<Attribute> {
    vec![
        Attribute::TimeoutTcp(timeouts.tcp),
        Attribute::TimeoutTcpFin(timeouts.tcp_fin),
        Attribute::TimeoutUdp(timeouts.udp),
    ]
}

/// A kernel built without one of the protocols does not tell its timeouts; they are 0.
pub(super) fn timeouts(attributes: &[Attribute]) -> Timeouts {
    let mut timeouts = Timeouts::default();
    for attribute in attributes {
        match *attribute {
            Attribute::TimeoutTcp(seconds) => timeouts.tcp = seconds,
            Attribute::TimeoutTcpFin(seconds) => timeouts.tcp_fin = seconds,
            Attribute::TimeoutUdp(seconds) => timeouts.udp = seconds,
            _ => {}
        }
    }
    timeouts
}
