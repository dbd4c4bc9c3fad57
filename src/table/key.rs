//! What of a table can be read and written.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::ipvs::{Destination, Forwarding, Protocol, Service, ServiceIdentity};

/// One entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
}

impl Key {
    /// The key of a destination.
    #[must_use]
    pub const fn of(service: ServiceIdentity, destination: &Destination) -> Self {
        Self::Destination { service, address: destination.address, port: destination.port }
    }

    /// The service that the entry is, or belongs to.
    #[must_use]
    pub const fn service(&self) -> ServiceIdentity {
        match self {
            Self::Service(service) | Self::Destination { service, .. } => *service,
        }
    }
}

/// What an entry is set to. A service's key has the value of a service, a destination's that of a
/// destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// All attributes of a service.
    Service(Service),
    /// All attributes of a destination.
    Destination(Destination),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => write!(f, "service {}", Named(service)),
            Self::Destination { service, address, port } => {
                let destination = SocketAddr::new(*address, *port);
                write!(f, "destination {destination} of {}", Named(service))
            }
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
            ServiceIdentity::Mark { mark, family } => write!(f, "fwmark {mark} ({family:?})"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => {
                f.write_str(&service.scheduler)?;
                if service.is_persistent() {
                    write!(f, " persistent {}", service.timeout)?;
                }
                Ok(())
            }
            Self::Destination(destination) => {
                let method = match destination.forwarding {
                    Forwarding::Masquerade => "masq",
                    Forwarding::Local => "local",
                    Forwarding::Tunnel => "tunnel",
                    Forwarding::DirectRouting => "route",
                    Forwarding::Other(_) => "unknown",
                };
                write!(f, "{method} weight {}", destination.weight)
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
