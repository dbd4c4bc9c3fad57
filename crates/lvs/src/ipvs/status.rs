//! What the kernel says about IPVS as a whole, and what it counts.

use std::fmt;

use crate::netlink::proc_net;

/// Version of IPVS in the kernel, as `0x00MMmmpp` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, major, minor, patch] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The answer to `IPVS_CMD_GET_INFO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Info {
    /// Version of IPVS.
    pub version: Version,
    /// Number of buckets of the connection table. Newer kernels say 0 until a service exists.
    pub table_size: u32,
}

/// Whether the kernel has IPVS already, told without loading it: it shows its table there since its
/// beginning, in every network namespace.
#[must_use]
pub fn is_loaded() -> bool {
    proc_net().join("ip_vs").exists()
}

/// How long the kernel keeps an idle connection, in seconds.
///
/// When they are set, 0 leaves a value as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Timeouts {
    /// Established TCP connections.
    pub tcp: u32,
    /// TCP connections after a FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

impl Timeouts {
    /// Timeouts of established TCP connections, of TCP connections after a FIN, and of UDP, in
    /// seconds.
    #[must_use]
    pub const fn new(tcp: u32, tcp_fin: u32, udp: u32) -> Self {
        Self { tcp, tcp_fin, udp }
    }
}

/// Totals since the entry was made or zeroed, and the estimated rates.
///
/// Kernels before 4.1 keep 32-bit counters; they are widened here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients, as far as the director sees them (NAT only).
    pub packets_out: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients, as far as the director sees them (NAT only).
    pub bytes_out: u64,
    /// Moving averages.
    pub rates: Rates,
}

/// Moving averages, each a second, as the kernel estimates them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Rates {
    /// Connections a second.
    pub connections: u64,
    /// Packets a second from clients.
    pub packets_in: u64,
    /// Packets a second to clients.
    pub packets_out: u64,
    /// Bytes a second from clients.
    pub bytes_in: u64,
    /// Bytes a second to clients.
    pub bytes_out: u64,
}
