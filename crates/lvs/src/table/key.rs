//! What of a table can be read and written.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::ipvs::{
    AddressFamily, Daemon, DaemonState, Destination, Protocol, Service, ServiceIdentity, Timeouts,
};

/// One entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case", deny_unknown_fields)
)]
pub enum Key {
    /// A service.
    Service(ServiceIdentity),
    /// A destination of a service.
    Destination {
        /// The service.
        service: ServiceIdentity,
        /// Address of the real server.
        address: IpAddr,
        /// Its port, in host byte order.
        port: u16,
    },
    /// After how long connections are forgotten.
    Timeouts,
    /// The connection synchronization daemon of a state.
    Daemon(DaemonState),
}

impl Key {
    /// The key of a destination.
    #[must_use]
    pub const fn of(service: ServiceIdentity, destination: &Destination) -> Self {
        Self::Destination { service, address: destination.address, port: destination.port }
    }

    /// The service that the entry is, or belongs to.
    #[must_use]
    pub const fn service(&self) -> Option<ServiceIdentity> {
        match self {
            Self::Service(service) | Self::Destination { service, .. } => Some(*service),
            Self::Timeouts | Self::Daemon(_) => None,
        }
    }
}

/// What an entry is set to; a key has values of its own kind only. Most values of a large table are
/// destinations, so that the larger ones are kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Value {
    /// All attributes of a service.
    Service(Box<Service>),
    /// All attributes of a destination.
    Destination(Destination),
    /// Timeouts; one that is wanted as 0 may be anything.
    Timeouts(Timeouts),
    /// A running daemon; what is wanted as `None` may be anything.
    Daemon(Box<Daemon>),
}

impl From<Service> for Value {
    fn from(service: Service) -> Self {
        Self::Service(Box::new(service))
    }
}

impl From<Daemon> for Value {
    fn from(daemon: Daemon) -> Self {
        Self::Daemon(Box::new(daemon))
    }
}

impl Value {
    /// Whether a value found does as one that is wanted.
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        fn open<T: PartialEq>(found: Option<&T>, wanted: Option<&T>) -> bool {
            wanted.is_none() || found == wanted
        }
        match (self, wanted) {
            (Self::Timeouts(found), Self::Timeouts(wanted)) => {
                let pairs = [
                    (found.tcp, wanted.tcp),
                    (found.tcp_fin, wanted.tcp_fin),
                    (found.udp, wanted.udp),
                ];
                pairs.iter().all(|(found, wanted)| *wanted == 0 || found == wanted)
            }
            (Self::Daemon(found), Self::Daemon(wanted)) => {
                (found.state, &found.interface, found.sync_id)
                    == (wanted.state, &wanted.interface, wanted.sync_id)
                    && open(found.maximum_length.as_ref(), wanted.maximum_length.as_ref())
                    && open(found.group.as_ref(), wanted.group.as_ref())
                    && open(found.port.as_ref(), wanted.port.as_ref())
                    && open(found.time_to_live.as_ref(), wanted.time_to_live.as_ref())
            }
            _ => self == wanted,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => write!(f, "service {}", Named(service)),
            Self::Destination { service, address, port } => {
                let destination = SocketAddr::new(*address, *port);
                write!(f, "destination {destination} of {}", Named(service))
            }
            Self::Timeouts => f.write_str("timeouts of connections"),
            Self::Daemon(state) => write!(f, "{} synchronization daemon", state.name()),
        }
    }
}

struct Named<'a>(&'a ServiceIdentity);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceIdentity::Address { protocol, address, port } => {
                match protocol.name() {
                    Some(name) => write!(f, "{name}")?,
                    None => write!(f, "protocol {}", protocol.0)?,
                }
                write!(f, " {}", SocketAddr::new(*address, *port))
            }
            ServiceIdentity::Mark { mark, family: AddressFamily::Ipv4 } => {
                write!(f, "fwmark {mark}")
            }
            ServiceIdentity::Mark { mark, family: AddressFamily::Ipv6 } => {
                write!(f, "fwmark {mark} of IPv6")
            }
        }
    }
}

/// The option of `ipvsadm` that names a service of that protocol.
pub(super) const fn option(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::UDP => "-u",
        Protocol::SCTP => "--sctp-service",
        _ => "-t",
    }
}
