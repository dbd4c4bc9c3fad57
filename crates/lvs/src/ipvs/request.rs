//! Everything that changes a table, as plain data.

use std::net::IpAddr;

use super::{Daemon, DaemonState, Destination, Service, ServiceIdentity, Timeouts};
use crate::netlink::ErrorKind;

/// A change of the kernel's table: one message, answered by success or an error number.
///
/// [`Client`](super::Client) has a method for each; as data, many can be sent in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Adds a service (`IPVS_CMD_NEW_SERVICE`).
    AddService(Service),
    /// Replaces every attribute of a service but its identity (`IPVS_CMD_SET_SERVICE`).
    EditService(Service),
    /// Deletes a service and its destinations (`IPVS_CMD_DEL_SERVICE`).
    DeleteService(ServiceIdentity),
    /// Adds a destination (`IPVS_CMD_NEW_DEST`).
    AddDestination {
        /// The service that gets the destination.
        service: ServiceIdentity,
        /// The new destination.
        destination: Destination,
    },
    /// Replaces every attribute of a destination but its address and port (`IPVS_CMD_SET_DEST`).
    EditDestination {
        /// The service of the destination.
        service: ServiceIdentity,
        /// The destination as it is to be.
        destination: Destination,
    },
    /// Deletes a destination (`IPVS_CMD_DEL_DEST`).
    DeleteDestination {
        /// The service of the destination.
        service: ServiceIdentity,
        /// Address of the real server.
        address: IpAddr,
        /// Port of the real server, in host byte order.
        port: u16,
    },
    /// Deletes every service (`IPVS_CMD_FLUSH`).
    Flush,
    /// Zeroes the counters of one service and its destinations, or of all (`IPVS_CMD_ZERO`).
    Zero(Option<ServiceIdentity>),
    /// Sets the timeouts that are not 0 (`IPVS_CMD_SET_CONFIG`).
    SetTimeouts(Timeouts),
    /// Starts a synchronization daemon (`IPVS_CMD_NEW_DAEMON`).
    StartDaemon(Daemon),
    /// Stops a synchronization daemon (`IPVS_CMD_DEL_DAEMON`).
    StopDaemon {
        /// Which daemon stops.
        state: DaemonState,
        /// Its sync id, which the kernel ignores.
        sync_id: u32,
    },
}

impl Request {
    /// What the kernel means by an error number in answer to this request.
    pub(super) const fn error_kind(&self, errno: i32) -> ErrorKind {
        match (self, errno) {
            // Of the scheduler, or of the persistence engine.
            (Self::AddService(_) | Self::EditService(_), libc::ENOENT) => ErrorKind::NoScheduler,
            (Self::StopDaemon { .. }, libc::ESRCH) => ErrorKind::NotFound,
            _ => ErrorKind::of_errno(errno),
        }
    }
}
