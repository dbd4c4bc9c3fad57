//! Counters and rates, the reply to `IPVS_CMD_GET_INFO`, and synchronization daemons.

use std::fmt::{self, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{DecodeError, NlasIterator, parse_u32, parse_u64};

use super::attribute::{Value, attributes};
use crate::ipvs::{Daemon, DaemonState, Info, Stats, Version};

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

attributes! {
    /// Attributes of a daemon (`IPVS_DAEMON_ATTR_*`). The port is in host byte order here.
    DaemonAttribute {
        1 => State(u32),
        2 => Interface(String),
        3 => SyncId(u32),
        4 => MaximumLength(u16),
        5 => Group([u8; 4]),
        6 => Group6([u8; 16]),
        7 => Port(u16),
        8 => TimeToLive(u8),
    }
}

/// The attributes to start a daemon, in the order in which ipvsadm 1.31 sends them.
pub(super) fn daemon_attributes(daemon: &Daemon) -> Vec<DaemonAttribute> {
    let mut attributes = daemon_identity(daemon.state, &daemon.interface, daemon.sync_id);
    attributes.extend(daemon.maximum_length.map(DaemonAttribute::MaximumLength));
    attributes.extend(daemon.port.map(DaemonAttribute::Port));
    attributes.extend(daemon.time_to_live.map(DaemonAttribute::TimeToLive));
    attributes.extend(daemon.group.map(|group| match group {
        IpAddr::V4(group) => DaemonAttribute::Group(group.octets()),
        IpAddr::V6(group) => DaemonAttribute::Group6(group.octets()),
    }));
    attributes
}

/// The attributes that the kernel requires to start or stop a daemon.
pub(super) fn daemon_identity(
    state: DaemonState,
    interface: &str,
    sync_id: u32,
) -> Vec<DaemonAttribute> {
    vec![
        DaemonAttribute::State(state.number()),
        DaemonAttribute::Interface(interface.to_owned()),
        DaemonAttribute::SyncId(sync_id),
    ]
}

pub(super) fn daemon(attributes: Vec<DaemonAttribute>) -> Result<Daemon, DecodeError> {
    let mut state = None;
    let mut daemon = Daemon::new(DaemonState::Master, "", 0);
    for attribute in attributes {
        match attribute {
            DaemonAttribute::State(number) => state = DaemonState::from_number(number),
            DaemonAttribute::Interface(name) => daemon.interface = name,
            DaemonAttribute::SyncId(id) => daemon.sync_id = id,
            DaemonAttribute::MaximumLength(length) => daemon.maximum_length = Some(length),
            DaemonAttribute::Group(group) => daemon.group = Some(Ipv4Addr::from(group).into()),
            DaemonAttribute::Group6(group) => daemon.group = Some(Ipv6Addr::from(group).into()),
            DaemonAttribute::Port(port) => daemon.port = Some(port),
            DaemonAttribute::TimeToLive(hops) => daemon.time_to_live = Some(hops),
            DaemonAttribute::Other(_) => {}
        }
    }
    daemon.state = state.ok_or("a daemon with an unknown state")?;
    Ok(daemon)
}
