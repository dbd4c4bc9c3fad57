//! Synchronization daemons.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::DecodeError;

use super::attribute::attributes;
use crate::ipvs::{Daemon, DaemonState};

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
    let mut attributes = identity_attributes(daemon.state, &daemon.interface, daemon.sync_id);
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
pub(super) fn identity_attributes(
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
