//! Changes of the table as plain data.

use std::net::IpAddr;

use super::{Daemon, DaemonState, Destination, Service, ServiceIdentity, Timeouts};
use crate::netlink::ErrorKind;

/// A change of the kernel's table. [`Client`](super::Client) has a method for each, and
/// [`execute_all`](super::Client::execute_all) for many.
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
        /// The service.
        service: ServiceIdentity,
        /// The new destination.
        destination: Destination,
    },
    /// Replaces every attribute of a destination but its address and port (`IPVS_CMD_SET_DEST`).
    EditDestination {
        /// The service.
        service: ServiceIdentity,
        /// The destination with its new attributes.
        destination: Destination,
    },
    /// Deletes a destination (`IPVS_CMD_DEL_DEST`).
    DeleteDestination {
        /// The service.
        service: ServiceIdentity,
        /// Address of the real server.
        address: IpAddr,
        /// Port of the real server.
        port: u16,
    },
    /// Deletes every service (`IPVS_CMD_FLUSH`).
    Flush,
    /// Zeroes the counters of one service with its destinations, or of all (`IPVS_CMD_ZERO`).
    Zero(Option<ServiceIdentity>),
    /// Sets the timeouts that are not 0 (`IPVS_CMD_SET_CONFIG`).
    SetTimeouts(Timeouts),
    /// Starts a synchronization daemon (`IPVS_CMD_NEW_DAEMON`).
    StartDaemon(Daemon),
    /// Stops a synchronization daemon (`IPVS_CMD_DEL_DAEMON`).
    StopDaemon {
        /// Role of the daemon.
        state: DaemonState,
        /// Sync id; the kernel ignores it.
        sync_id: u32,
    },
}

impl Request {
    /// What an error number means in reply to this request.
    pub(super) const fn error_kind(&self, errno: i32) -> ErrorKind {
        match (self, errno) {
            // Of the scheduler, or of the persistence engine.
            (Self::AddService(_) | Self::EditService(_), libc::ENOENT) => ErrorKind::NoScheduler,
            (Self::StopDaemon { .. }, libc::ESRCH) => ErrorKind::NotFound,
            _ => ErrorKind::of_errno(errno),
        }
    }
}
