//! A destination: a real server as one service knows it.

use std::net::IpAddr;

use super::{AddressFamily, Stats};

/// How a packet reaches the real server; the low three bits of `IP_VS_CONN_F_FWD_MASK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Forwarding {
    /// Network address translation (`IP_VS_CONN_F_MASQ`, 0).
    Masquerade,
    /// Delivered on the director itself (`IP_VS_CONN_F_LOCALNODE`, 1). Kernels since 2.6.37 do not
    /// set this on their own.
    Local,
    /// IP tunnelling (`IP_VS_CONN_F_TUNNEL`, 2).
    Tunnel,
    /// Direct routing (`IP_VS_CONN_F_DROUTE`, 3).
    DirectRouting,
    /// Another number, which current kernels do not hand out.
    Other(u32),
}

impl Forwarding {
    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Masquerade => 0,
            Self::Local => 1,
            Self::Tunnel => 2,
            Self::DirectRouting => 3,
            Self::Other(number) => number,
        }
    }

    /// The method with that number.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Masquerade,
            1 => Self::Local,
            2 => Self::Tunnel,
            3 => Self::DirectRouting,
            other => Self::Other(other),
        }
    }
}

/// How the checksum of the outer packet is treated by GUE and GRE tunnels
/// (`IP_VS_TUNNEL_ENCAP_FLAG_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Checksum {
    /// No checksum (flag 0).
    #[default]
    None,
    /// A checksum (flag 1).
    Full,
    /// Remote checksum offload (flag 2); GUE only.
    Remote,
}

impl Checksum {
    /// The kernel's flag.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Full => 1,
            Self::Remote => 2,
        }
    }

    /// The treatment that flags ask for. Where both are set, remote offload wins.
    #[must_use]
    pub const fn from_number(flags: u16) -> Self {
        match flags {
            flags if flags & 2 != 0 => Self::Remote,
            flags if flags & 1 != 0 => Self::Full,
            _ => Self::None,
        }
    }
}

/// Encapsulation of a destination that is reached by [`Forwarding::Tunnel`].
///
/// The kernel keeps one for every destination, [`Tunnel::Ipip`] where nothing was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Tunnel {
    /// IP in IP (`IP_VS_CONN_F_TUNNEL_TYPE_IPIP`, 0).
    #[default]
    Ipip,
    /// Generic UDP encapsulation (1, since Linux 5.2).
    Gue {
        /// UDP port of the real server, in host byte order; never 0.
        port: u16,
        /// Checksum of the outer packet.
        checksum: Checksum,
    },
    /// Generic routing encapsulation (2, since Linux 5.3).
    Gre {
        /// Checksum of the outer packet.
        checksum: Checksum,
    },
    /// A type that this crate does not know, with its number.
    Other(u8),
}

/// A destination, as it is added or edited.
///
/// Address, port and family tell it from the others of its service; the rest can be edited.
///
/// # Examples
///
/// ```
/// use std::net::Ipv4Addr;
/// use lvs::ipvs::{Destination, Forwarding};
///
/// let address = Ipv4Addr::new(198, 51, 100, 2);
/// let real_server = Destination::new(address, 80, Forwarding::Tunnel).with_weight(3);
/// assert_eq!(real_server.upper_threshold, 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Destination {
    /// Address of the real server. Only tunnelling allows another family than the service's.
    pub address: IpAddr,
    /// Port in host byte order; equals the service's unless packets are masqueraded.
    pub port: u16,
    /// How a packet reaches the real server.
    pub forwarding: Forwarding,
    /// Share of new connections; 0 takes none and lets the old ones end.
    pub weight: u32,
    /// Number of connections from which the server gets no new ones; 0 is no limit.
    pub upper_threshold: u32,
    /// Number of connections below which it gets new ones again; 0 lets the kernel choose.
    pub lower_threshold: u32,
    /// Encapsulation, where packets are tunnelled.
    pub tunnel: Tunnel,
}

impl Destination {
    /// A destination of weight 1, without thresholds, with IPIP encapsulation if it is tunnelled.
    #[must_use]
    pub fn new(address: impl Into<IpAddr>, port: u16, forwarding: Forwarding) -> Self {
        Self {
            address: address.into(),
            port,
            forwarding,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
            tunnel: Tunnel::Ipip,
        }
    }

    /// Sets the weight, the share of new connections.
    #[must_use]
    pub const fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the numbers of connections from which the server gets no new ones, and below which it
    /// gets new ones again.
    #[must_use]
    pub const fn with_thresholds(mut self, upper: u32, lower: u32) -> Self {
        (self.upper_threshold, self.lower_threshold) = (upper, lower);
        self
    }

    /// Sets the encapsulation.
    #[must_use]
    pub const fn with_tunnel(mut self, tunnel: Tunnel) -> Self {
        self.tunnel = tunnel;
        self
    }

    /// Address family of the real server.
    #[must_use]
    pub fn family(&self) -> AddressFamily {
        self.address.into()
    }
}

/// A destination as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DestinationEntry {
    /// What was configured.
    pub destination: Destination,
    /// Connections that are established (protocol states counted as active).
    pub active_connections: u32,
    /// All other connections.
    pub inactive_connections: u32,
    /// Persistence templates that point here.
    pub persistent_connections: u32,
    /// What went to it.
    pub stats: Stats,
}

impl DestinationEntry {
    /// A destination without connections and counters.
    #[must_use]
    pub fn new(destination: Destination) -> Self {
        Self {
            destination,
            active_connections: 0,
            inactive_connections: 0,
            persistent_connections: 0,
            stats: Stats::default(),
        }
    }
}
