//! What a ruleset cannot express: entries that another netlink client made.

use std::fmt;

use super::print::{METHODS, PROTOCOLS};
use crate::ipvs::{
    Destination, Forwarding, Protocol, Service, ServiceFlags, ServiceIdentity, Tunnel,
};

/// Why no line reads back to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// No option names the protocol.
    Protocol(Protocol),
    /// No option sets these flags.
    Flags(u32),
    /// No option asks for the forwarding method.
    Forwarding(u32),
    /// No option names the encapsulation.
    TunnelType(u8),
    /// A line without `-m` has the port of its service.
    Port(u16),
}

impl Loss {
    pub fn of_service(service: &Service) -> Option<Self> {
        if let ServiceIdentity::Address { protocol, .. } = service.identity {
            if PROTOCOLS.iter().all(|row| row.1 != protocol) {
                return Some(Self::Protocol(protocol));
            }
        }
        let known = ServiceFlags::ONE_PACKET | ServiceFlags::SCHEDULER;
        let unknown = service.flags.difference(known).bits();
        (unknown != 0).then_some(Self::Flags(unknown))
    }

    pub fn of_destination(service: &ServiceIdentity, destination: &Destination) -> Option<Self> {
        let Destination { port, forwarding, tunnel, .. } = *destination;
        match (forwarding, tunnel) {
            (Forwarding::Tunnel, Tunnel::Other(kind)) => return Some(Self::TunnelType(kind)),
            // -g reaches a local real server too.
            (Forwarding::Local, _) => {}
            (forwarding, _) if METHODS.iter().all(|row| row.1 != forwarding) => {
                return Some(Self::Forwarding(forwarding.number()));
            }
            _ => {}
        }
        match service {
            ServiceIdentity::Address { port: of_service, .. }
                if forwarding != Forwarding::Masquerade && port != *of_service =>
            {
                Some(Self::Port(*of_service))
            }
            _ => None,
        }
    }

    /// Whether a line for the rest of the entry is of use.
    pub const fn leaves_a_line(self) -> bool {
        matches!(self, Self::Flags(_) | Self::Port(_))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(Protocol(number)) => write!(f, "no option names protocol {number}"),
            Self::Flags(flags) => write!(f, "no option sets the flags {flags:#x}"),
            Self::Forwarding(number) => write!(f, "no option sets forwarding method {number}"),
            Self::TunnelType(number) => write!(f, "no option names tunnel type {number}"),
            Self::Port(port) => write!(f, "-R gives it port {port}, that of its service"),
        }
    }
}
