//! A virtual service: what clients connect to, and how connections are handed out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{AddressFamily, Stats};

/// Transport protocol of a service, by its IP protocol number.
///
/// The kernel does not check the number, so a table may hold others than the three named here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Protocol(pub u16);

impl Protocol {
    /// Transmission Control Protocol, 6.
    pub const TCP: Self = Self(libc::IPPROTO_TCP as u16);
    /// User Datagram Protocol, 17.
    pub const UDP: Self = Self(libc::IPPROTO_UDP as u16);
    /// Stream Control Transmission Protocol, 132.
    pub const SCTP: Self = Self(libc::IPPROTO_SCTP as u16);

    /// The lower-case name used by `/etc/services`, or `None` for a protocol that IPVS does not
    /// balance.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::TCP => Some("tcp"),
            Self::UDP => Some("udp"),
            Self::SCTP => Some("sctp"),
            _ => None,
        }
    }
}

/// What tells one service from another: the kernel allows one service an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceIdentity {
    /// A protocol, an address and a port; port 0 with persistence means every port.
    Address {
        /// Transport protocol.
        protocol: Protocol,
        /// Virtual address (VIP).
        address: IpAddr,
        /// Port, in host byte order.
        port: u16,
    },
    /// Packets that a firewall rule marked.
    Mark {
        /// The mark; never 0.
        mark: u32,
        /// Family of the marked packets. Marks of both families are apart.
        family: AddressFamily,
    },
}

impl ServiceIdentity {
    /// The identity of a TCP service.
    #[must_use]
    pub fn tcp(address: impl Into<IpAddr>, port: u16) -> Self {
        Self::Address { protocol: Protocol::TCP, address: address.into(), port }
    }

    /// The identity of a UDP service.
    #[must_use]
    pub fn udp(address: impl Into<IpAddr>, port: u16) -> Self {
        Self::Address { protocol: Protocol::UDP, address: address.into(), port }
    }

    /// Address family of the service.
    #[must_use]
    pub fn family(&self) -> AddressFamily {
        match *self {
            Self::Address { address, .. } => address.into(),
            Self::Mark { family, .. } => family,
        }
    }

    /// Protocol of the service; TCP for a mark, which has none, as the kernel assumes too.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::Address { protocol, .. } => *protocol,
            Self::Mark { .. } => Protocol::TCP,
        }
    }

    /// Port of the service in host byte order; 0 for a mark.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Address { port, .. } => *port,
            Self::Mark { .. } => 0,
        }
    }
}

/// Bits of `IP_VS_SVC_F_*` (`linux/ip_vs.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceFlags(pub u32);

impl ServiceFlags {
    /// A client stays with its destination (`IP_VS_SVC_F_PERSISTENT`).
    pub const PERSISTENT: Self = Self(0x0001);
    /// Set by the kernel on every service in its table (`IP_VS_SVC_F_HASHED`).
    pub const HASHED: Self = Self(0x0002);
    /// Every packet is scheduled on its own (`IP_VS_SVC_F_ONEPACKET`).
    pub const ONE_PACKET: Self = Self(0x0004);
    /// First flag of the scheduler: `sh-fallback`, `mh-fallback` (`IP_VS_SVC_F_SCHED1`).
    pub const SCHEDULER_1: Self = Self(0x0008);
    /// Second flag of the scheduler: `sh-port`, `mh-port` (`IP_VS_SVC_F_SCHED2`).
    pub const SCHEDULER_2: Self = Self(0x0010);
    /// Third flag of the scheduler (`IP_VS_SVC_F_SCHED3`).
    pub const SCHEDULER_3: Self = Self(0x0020);
    /// The three scheduler flags together.
    pub const SCHEDULER: Self = Self(0x0038);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets of bits together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Which part of a client's address counts for persistence.
///
/// On the wire an IPv4 mask stands in network byte order and an IPv6 one as a prefix length in host
/// byte order, in the same 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Netmask {
    /// Any bit pattern; the kernel does not ask for leading ones.
    Ipv4(Ipv4Addr),
    /// A prefix length, 1 to 128.
    Ipv6(u32),
}

impl Netmask {
    /// The mask of a single client: 255.255.255.255, or 128 bits.
    #[must_use]
    pub const fn host(family: AddressFamily) -> Self {
        match family {
            AddressFamily::Ipv4 => Self::Ipv4(Ipv4Addr::BROADCAST),
            AddressFamily::Ipv6 => Self::Ipv6(128),
        }
    }

    /// Whether this is the mask of a single client.
    #[must_use]
    pub const fn is_host(self) -> bool {
        match self {
            Self::Ipv4(mask) => mask.to_bits() == u32::MAX,
            Self::Ipv6(prefix) => prefix == 128,
        }
    }
}

impl fmt::Display for Netmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(mask) => mask.fmt(f),
            Self::Ipv6(prefix) => prefix.fmt(f),
        }
    }
}

/// A virtual service, as it is added or edited.
///
/// # Examples
///
/// ```
/// use std::net::Ipv4Addr;
/// use lvs::ipvs::{Service, ServiceIdentity};
///
/// let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 10), 80);
/// let service = Service::new(web, "rr");
/// assert!(!service.is_persistent());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Service {
    /// Protocol, address and port, or firewall mark.
    pub identity: ServiceIdentity,
    /// Name of the scheduler, at most 15 bytes; `none` is a service without one.
    pub scheduler: String,
    /// Persistence, one-packet and scheduler flags.
    pub flags: ServiceFlags,
    /// How long a client stays with its destination, in seconds; 0 without persistence.
    pub timeout: u32,
    /// Which part of the client's address counts for persistence.
    pub netmask: Netmask,
    /// Name of the persistence engine, at most 16 bytes.
    pub persistence_engine: Option<String>,
}

impl Service {
    /// A service that is not persistent, with no flags set.
    #[must_use]
    pub fn new(identity: ServiceIdentity, scheduler: impl Into<String>) -> Self {
        Self {
            identity,
            scheduler: scheduler.into(),
            flags: ServiceFlags::default(),
            timeout: 0,
            netmask: Netmask::host(identity.family()),
            persistence_engine: None,
        }
    }

    /// Whether a client stays with its destination.
    #[must_use]
    pub const fn is_persistent(&self) -> bool {
        self.flags.contains(ServiceFlags::PERSISTENT)
    }
}

/// A service as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEntry {
    /// What was configured; `flags` has [`ServiceFlags::HASHED`] set by the kernel.
    pub service: Service,
    /// What went through it.
    pub stats: Stats,
}
