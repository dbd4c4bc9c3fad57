//! Version, timeouts and counters.

use std::fmt;

use crate::netlink::proc_net;

/// Version of IPVS in the kernel, in the form `0x00MMmmpp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, major, minor, patch] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// Reply to `IPVS_CMD_GET_INFO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Info {
    /// Version of IPVS.
    pub version: Version,
    /// Number of buckets of the connection table. Newer kernels report 0 until there is a service.
    pub table_size: u32,
}

/// Whether the kernel has IPVS loaded: then every network namespace has `/proc/net/ip_vs`. Does not
/// load it.
#[must_use]
pub fn is_loaded() -> bool {
    proc_net().join("ip_vs").exists()
}

/// Timeouts of idle connections, in seconds. When set, 0 leaves a value unchanged.
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
    /// Timeouts in the order of `ipvsadm --set`.
    #[must_use]
    pub const fn new(tcp: u32, tcp_fin: u32, udp: u32) -> Self {
        Self { tcp, tcp_fin, udp }
    }
}

/// Totals since the entry was added or zeroed, and rates. Kernels before 4.1 have 32-bit counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients that pass the director (NAT).
    pub packets_out: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients that pass the director (NAT).
    pub bytes_out: u64,
    /// Rates.
    pub rates: Rates,
}

/// Per-second moving averages, as the kernel estimates them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Rates {
    /// Connections per second.
    pub connections: u64,
    /// Packets per second from clients.
    pub packets_in: u64,
    /// Packets per second to clients.
    pub packets_out: u64,
    /// Bytes per second from clients.
    pub bytes_in: u64,
    /// Bytes per second to clients.
    pub bytes_out: u64,
}
