//! Everything that changes a table, as plain data.

use std::net::IpAddr;

use super::{Daemon, DaemonState, Destination, Service, ServiceIdentity, Timeouts};

/// A change of the kernel's table: one message, answered by success or an error number.
///
/// [`super::Client`] has a verb for each; as data, many can be sent in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Adds a service (`IPVS_CMD_NEW_SERVICE`).
    AddService(Service),
    /// Replaces every attribute of a service but its identity (`IPVS_CMD_SET_SERVICE`).
    EditService(Service),
    /// Deletes a service and its destinations (`IPVS_CMD_DEL_SERVICE`).
    DeleteService(ServiceIdentity),
    /// Adds a destination to a service (`IPVS_CMD_NEW_DEST`).
    AddDestination(ServiceIdentity, Destination),
    /// Replaces every attribute of a destination but its address and port (`IPVS_CMD_SET_DEST`).
    EditDestination(ServiceIdentity, Destination),
    /// Deletes the destination at an address and port (`IPVS_CMD_DEL_DEST`).
    DeleteDestination(ServiceIdentity, IpAddr, u16),
    /// Deletes every service (`IPVS_CMD_FLUSH`).
    Flush,
    /// Zeroes the counters of one service, or of all (`IPVS_CMD_ZERO`).
    Zero(Option<ServiceIdentity>),
    /// Sets the timeouts that are not 0 (`IPVS_CMD_SET_CONFIG`).
    SetTimeouts(Timeouts),
    /// Starts a synchronization daemon (`IPVS_CMD_NEW_DAEMON`).
    StartDaemon(Daemon),
    /// Stops one (`IPVS_CMD_DEL_DAEMON`); the second value is its sync id, which the kernel ignores.
    StopDaemon(DaemonState, u32),
}
