//! Entries of the table, and their attributes.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::ipvs::{
    AddressFamily, Daemon, DaemonState, Destination, Service, ServiceIdentity, Timeouts,
};

/// Identifies an entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", deny_unknown_fields))]
#[non_exhaustive]
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
    /// The timeouts of connections.
    Timeouts,
    /// The connection synchronization daemon of a state.
    Daemon(DaemonState),
}

impl Key {
    /// Returns the key of a destination.
    #[must_use]
    pub const fn of(service: ServiceIdentity, destination: &Destination) -> Self {
        Self::Destination { service, address: destination.address, port: destination.port }
    }

    /// Returns the service that the entry is, or belongs to.
    #[must_use]
    pub const fn service(&self) -> Option<ServiceIdentity> {
        match self {
            Self::Service(service) | Self::Destination { service, .. } => Some(*service),
            Self::Timeouts | Self::Daemon(_) => None,
        }
    }
}

/// The attributes of an entry, of the same kind as its key. Most values of a large table are
/// destinations, so the larger kinds are boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Value {
    /// A service.
    Service(Box<Service>),
    /// A destination.
    Destination(Destination),
    /// Timeouts in seconds. In a desired value, 0 accepts any.
    Timeouts(Timeouts),
    /// A running daemon. In a desired value, `None` accepts any.
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
    /// Returns whether an actual value needs no change to be the desired one.
    #[must_use]
    pub fn satisfies(&self, desired: &Self) -> bool {
        fn open<T: PartialEq>(actual: Option<T>, desired: Option<T>) -> bool {
            desired.is_none() || actual == desired
        }
        match (self, desired) {
            (Self::Timeouts(actual), Self::Timeouts(desired)) => {
                let actual = [actual.tcp, actual.tcp_fin, actual.udp];
                let desired = [desired.tcp, desired.tcp_fin, desired.udp];
                actual
                    .iter()
                    .zip(desired)
                    .all(|(actual, desired)| desired == 0 || *actual == desired)
            }
            (Self::Daemon(actual), Self::Daemon(desired)) => {
                (actual.state, &actual.interface, actual.sync_id)
                    == (desired.state, &desired.interface, desired.sync_id)
                    && open(actual.maximum_length, desired.maximum_length)
                    && open(actual.group, desired.group)
                    && open(actual.port, desired.port)
                    && open(actual.time_to_live, desired.time_to_live)
            }
            _ => self == desired,
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
