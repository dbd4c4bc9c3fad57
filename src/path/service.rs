//! A service of a director.

use std::net::{IpAddr, SocketAddr};

use super::Fault;
use lvs::ipvs::{DestinationEntry, Service, ServiceIdentity};

/// A service, such as `tcp 192.0.2.1:80`.
pub(crate) fn service_name(identity: ServiceIdentity) -> String {
    match identity {
        ServiceIdentity::Address { protocol, address, port } => {
            let protocol = protocol.name().unwrap_or("ip");
            format!("{protocol} {}", SocketAddr::new(address, port))
        }
        ServiceIdentity::Mark { mark, .. } => format!("fwmark {mark}"),
    }
}

/// A service of the IPVS table.
pub(crate) struct Directed<'a> {
    pub(crate) service: &'a Service,
    pub(crate) destinations: &'a [DestinationEntry],
    /// Another machine has the address now, or another program may add it.
    pub(crate) standby: bool,
}

/// The fault of an address that this machine does not accept packets for, though they have the mark
/// of the service.
pub(crate) type NotLocal<'a> = dyn Fn(IpAddr) -> Fault + 'a;

/// Whether it is at its upper threshold. Without a lower one the kernel accepts connections again at
/// three quarters (`ip_vs_dest_update_overload`).
pub(crate) fn is_full(entry: &DestinationEntry) -> bool {
    let upper = u64::from(entry.destination.upper_threshold);
    let connections = u64::from(entry.active_connections) + u64::from(entry.inactive_connections);
    upper != 0 && connections >= upper
}
