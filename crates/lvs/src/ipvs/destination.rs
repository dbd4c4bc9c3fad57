//! Destinations: the real servers of a service.

use std::net::IpAddr;

use super::{AddressFamily, Stats};

/// Forwarding method: how packets reach the real server (`IP_VS_CONN_F_FWD_MASK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Forwarding {
    /// Network address translation (`IP_VS_CONN_F_MASQ`, 0).
    Masquerade,
    /// Local delivery on the director (`IP_VS_CONN_F_LOCALNODE`, 1). Kernels since 2.6.37 do not
    /// choose this by themselves.
    Local,
    /// IP tunnelling (`IP_VS_CONN_F_TUNNEL`, 2).
    Tunnel,
    /// Direct routing (`IP_VS_CONN_F_DROUTE`, 3).
    DirectRouting,
    /// Another number, which current kernels do not use.
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

/// Checksum in the outer header of GUE and GRE tunnels (`IP_VS_TUNNEL_ENCAP_FLAG_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Checksum {
    /// No checksum (flag 0).
    #[default]
    None = 0,
    /// A checksum (flag 1).
    Full = 1,
    /// Remote checksum offload (flag 2); GUE only.
    Remote = 2,
}

impl Checksum {
    /// The kernel's flag.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The checksum with these flags. If both are set, remote offload wins.
    #[must_use]
    pub const fn from_number(flags: u16) -> Self {
        match flags & 3 {
            0 => Self::None,
            1 => Self::Full,
            _ => Self::Remote,
        }
    }
}

/// Encapsulation for [`Forwarding::Tunnel`].
///
/// The kernel keeps one for every destination, [`Tunnel::Ipip`] by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Tunnel {
    /// IP in IP (`IP_VS_CONN_F_TUNNEL_TYPE_IPIP`, 0).
    #[default]
    Ipip,
    /// Generic UDP encapsulation (1, since Linux 5.2).
    Gue {
        /// UDP port of the real server; never 0.
        port: u16,
        /// Checksum in the outer header.
        checksum: Checksum,
    },
    /// Generic routing encapsulation (2, since Linux 5.3).
    Gre {
        /// Checksum in the outer header.
        checksum: Checksum,
    },
    /// Another type, by its number.
    Other(u8),
}

/// Configuration of a destination.
///
/// Address and port identify it within its service; the rest can be edited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Destination {
    /// Address of the real server. Another family than the service's needs [`Forwarding::Tunnel`].
    pub address: IpAddr,
    /// Port of the real server; that of the service unless packets are masqueraded.
    pub port: u16,
    /// Forwarding method.
    pub forwarding: Forwarding,
    /// Share of new connections. With 0 the server gets no new ones; existing ones continue.
    pub weight: u32,
    /// Number of connections at which the server gets no new ones; 0 is no limit.
    pub upper_threshold: u32,
    /// Number of connections below which it gets new ones again; 0 is the kernel's choice.
    pub lower_threshold: u32,
    /// Encapsulation, used with [`Forwarding::Tunnel`].
    pub tunnel: Tunnel,
}

impl Destination {
    /// A destination with weight 1, no thresholds and IPIP encapsulation.
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

    setters! {
        /// Sets the weight.
        with_weight(weight: u32) => weight = weight;
        /// Sets the upper and the lower threshold of connections.
        with_thresholds(upper: u32, lower: u32) => upper_threshold = upper, lower_threshold = lower;
        /// Sets the encapsulation.
        with_tunnel(tunnel: Tunnel) => tunnel = tunnel;
    }

    /// Address family of the real server.
    #[must_use]
    pub fn family(&self) -> AddressFamily {
        self.address.into()
    }
}

/// A destination in a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DestinationEntry {
    /// Configuration.
    pub destination: Destination,
    /// Connections in an active state, such as established.
    pub active_connections: u32,
    /// All other connections.
    pub inactive_connections: u32,
    /// Persistence templates with this destination.
    pub persistent_connections: u32,
    /// Counters and rates.
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
