//! Virtual services: what clients connect to, and how connections are scheduled.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::Stats;

/// Address family of a service or a destination.
///
/// The order is that of the kernel's numbers: IPv4 (2) before IPv6 (10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum AddressFamily {
    /// `AF_INET`.
    Ipv4 = libc::AF_INET as isize,
    /// `AF_INET6`.
    Ipv6 = libc::AF_INET6 as isize,
}

impl AddressFamily {
    /// The kernel's number (`linux/socket.h`).
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The family with that number, if IPVS supports it.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number as i32 {
            libc::AF_INET => Some(Self::Ipv4),
            libc::AF_INET6 => Some(Self::Ipv6),
            _ => None,
        }
    }
}

impl From<IpAddr> for AddressFamily {
    fn from(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

/// Transport protocol of a service, by its IP protocol number.
///
/// The kernel does not check the number, so a table may have others than the three named here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Protocol(pub u16);

impl Protocol {
    /// Transmission Control Protocol, 6.
    pub const TCP: Self = Self(libc::IPPROTO_TCP as u16);
    /// User Datagram Protocol, 17.
    pub const UDP: Self = Self(libc::IPPROTO_UDP as u16);
    /// Stream Control Transmission Protocol, 132.
    pub const SCTP: Self = Self(libc::IPPROTO_SCTP as u16);

    /// The protocol with that name; `None` where IPVS does not balance it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::TCP, Self::UDP, Self::SCTP].into_iter().find(|it| it.name() == Some(name))
    }

    /// The name in `/etc/protocols`, or `None` for a protocol that IPVS does not balance.
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

/// Identity of a service. The kernel allows one service per identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum ServiceIdentity {
    /// Protocol, address and port. Port 0 with persistence stands for every port.
    Address {
        /// Transport protocol.
        protocol: Protocol,
        /// Virtual address (VIP).
        address: IpAddr,
        /// Port.
        port: u16,
    },
    /// Firewall mark.
    Mark {
        /// The mark; never 0.
        mark: u32,
        /// Family of the marked packets. One mark can identify one service per family.
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

    /// Protocol of the service. A mark has none; as in the kernel, this is TCP then.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::Address { protocol, .. } => *protocol,
            Self::Mark { .. } => Protocol::TCP,
        }
    }

    /// Port of the service; 0 for a mark.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Address { port, .. } => *port,
            Self::Mark { .. } => 0,
        }
    }
}

/// Flags of a service (`IP_VS_SVC_F_*`). Bits without a name are kept.
///
/// Two are missing: `IP_VS_SVC_F_PERSISTENT` is [`Service::persistence`], and `IP_VS_SVC_F_HASHED` is
/// internal to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ServiceFlags(u32);

bitflags::bitflags! {
    impl ServiceFlags: u32 {
        /// One-packet scheduling: each packet by itself (`IP_VS_SVC_F_ONEPACKET`).
        const ONE_PACKET = 0x0004;
        /// First flag of the scheduler: `sh-fallback`, `mh-fallback` (`IP_VS_SVC_F_SCHED1`).
        const SCHEDULER_1 = 0x0008;
        /// Second flag of the scheduler: `sh-port`, `mh-port` (`IP_VS_SVC_F_SCHED2`).
        const SCHEDULER_2 = 0x0010;
        /// Third flag of the scheduler (`IP_VS_SVC_F_SCHED3`).
        const SCHEDULER_3 = 0x0020;
        /// The three scheduler flags together.
        const SCHEDULER = 0x0038;
        const _ = !0;
    }
}

/// The part of a client's address that counts for persistence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(untagged))]
pub enum Netmask {
    /// Any bit pattern; the kernel does not require leading ones.
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

/// Persistence: connections of a client go to the same destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Persistence {
    /// Seconds for which a client keeps its destination after the last connection ends.
    pub timeout: u32,
    /// Clients whose addresses agree in this part share a destination.
    pub netmask: Netmask,
}

impl Persistence {
    /// Persistence with a timeout in seconds, and a netmask of the service's address family.
    #[must_use]
    pub const fn new(timeout: u32, netmask: Netmask) -> Self {
        Self { timeout, netmask }
    }
}

/// Configuration of a virtual service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Fields", into = "Fields"))]
#[non_exhaustive]
pub struct Service {
    /// Protocol, address and port, or firewall mark.
    pub identity: ServiceIdentity,
    /// Name of the scheduler, at most 15 bytes; `none` for a service without one.
    pub scheduler: String,
    /// One-packet scheduling and flags of the scheduler.
    pub flags: ServiceFlags,
    /// Persistence, if connections of a client stay together.
    pub persistence: Option<Persistence>,
    /// Name of the persistence engine, at most 16 bytes.
    pub persistence_engine: Option<String>,
}

impl Service {
    /// A service without flags and persistence.
    #[must_use]
    pub fn new(identity: ServiceIdentity, scheduler: impl Into<String>) -> Self {
        Self {
            identity,
            scheduler: scheduler.into(),
            flags: ServiceFlags::empty(),
            persistence: None,
            persistence_engine: None,
        }
    }

    setters! {
        /// Sets the flags, replacing those set before.
        with_flags(flags: ServiceFlags) => flags = flags;
        /// Makes the service persistent.
        with_persistence(persistence: Persistence) => persistence = Some(persistence);
        /// Sets the persistence engine, such as `sip`.
        with_persistence_engine(engine: impl Into<String>) =>
            persistence_engine = Some(engine.into());
    }

    /// Whether connections of a client stay together.
    #[must_use]
    pub const fn is_persistent(&self) -> bool {
        self.persistence.is_some()
    }

    /// Flags, timeout and netmask as the kernel has them for every service, and the journal of lvsctl
    /// too.
    #[doc(hidden)]
    #[must_use]
    pub fn kernel_fields(&self) -> (u32, u32, Netmask) {
        let flags = self.flags.bits();
        match self.persistence {
            Some(Persistence { timeout, netmask }) => (flags | PERSISTENT, timeout, netmask),
            None => (flags & !PERSISTENT, 0, Netmask::host(self.identity.family())),
        }
    }

    /// The inverse of [`Service::kernel_fields`]. Without `IP_VS_SVC_F_PERSISTENT` timeout and netmask
    /// have no meaning.
    pub(super) fn with_kernel_fields(mut self, flags: u32, timeout: u32, netmask: Netmask) -> Self {
        self.flags = ServiceFlags::from_bits_retain(flags & !(PERSISTENT | HASHED));
        self.persistence = (flags & PERSISTENT != 0).then_some(Persistence { timeout, netmask });
        self
    }
}

/// `IP_VS_SVC_F_PERSISTENT`.
const PERSISTENT: u32 = 0x0001;

/// `IP_VS_SVC_F_HASHED`, which the kernel sets for every service in its table.
const HASHED: u32 = 0x0002;

/// The serialized form of a service, with the fields of the kernel.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Service")]
struct Fields {
    identity: ServiceIdentity,
    scheduler: String,
    flags: u32,
    timeout: u32,
    netmask: Netmask,
    persistence_engine: Option<String>,
}

#[cfg(feature = "serde")]
impl From<Fields> for Service {
    fn from(fields: Fields) -> Self {
        let service = Self {
            persistence_engine: fields.persistence_engine,
            ..Self::new(fields.identity, fields.scheduler)
        };
        service.with_kernel_fields(fields.flags, fields.timeout, fields.netmask)
    }
}

#[cfg(feature = "serde")]
impl From<Service> for Fields {
    fn from(service: Service) -> Self {
        let (flags, timeout, netmask) = service.kernel_fields();
        let Service { identity, scheduler, persistence_engine, .. } = service;
        Self { identity, scheduler, flags, timeout, netmask, persistence_engine }
    }
}

/// A service in a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ServiceEntry {
    /// Configuration.
    pub service: Service,
    /// Counters and rates.
    pub stats: Stats,
}

impl ServiceEntry {
    /// A service with its counters.
    #[must_use]
    pub const fn new(service: Service, stats: Stats) -> Self {
        Self { service, stats }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialized_service_has_the_fields_of_the_kernel() {
        let web = ServiceIdentity::Mark { mark: 7, family: AddressFamily::Ipv6 };
        let named = |flags, timeout, netmask| {
            format!(
                r#"{{"identity":{{"mark":{{"mark":7,"family":"ipv6"}}}},"scheduler":"mh","flags":{flags},"timeout":{timeout},"netmask":{netmask},"persistence_engine":null}}"#
            )
        };
        let plain = Service::new(web, "mh");
        let persistent = plain
            .clone()
            .with_flags(ServiceFlags::ONE_PACKET)
            .with_persistence(Persistence::new(300, Netmask::Ipv6(64)));
        for (service, text) in [(&plain, named(0, 0, 128)), (&persistent, named(5, 300, 64))] {
            assert_eq!(serde_json::to_string(service).unwrap(), text);
            assert_eq!(&serde_json::from_str::<Service>(&text).unwrap(), service);
        }
        // Without the flag timeout and netmask have no meaning; HASHED is the kernel's.
        let odd: Service = serde_json::from_str(&named(2, 300, 64)).unwrap();
        assert_eq!(odd, plain);
    }
}
