//! A synchronization daemon. What the kernel does not tell is null.

use std::net::IpAddr;

use serde::Serialize;

use lvs::ipvs;

#[derive(Serialize)]
pub(super) struct Daemon<'a> {
    state: &'static str,
    interface: &'a str,
    sync_id: u32,
    maximum_length: Option<u16>,
    group: Option<IpAddr>,
    port: Option<u16>,
    time_to_live: Option<u8>,
}

impl<'a> From<&'a ipvs::Daemon> for Daemon<'a> {
    fn from(daemon: &'a ipvs::Daemon) -> Self {
        Self {
            state: daemon.state.name(),
            interface: &daemon.interface,
            sync_id: daemon.sync_id,
            maximum_length: daemon.maximum_length,
            group: daemon.group,
            port: daemon.port,
            time_to_live: daemon.time_to_live,
        }
    }
}
