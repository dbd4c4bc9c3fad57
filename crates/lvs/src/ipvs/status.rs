//! What a table has besides its services: version, timeouts, counters, and the daemons that synchronize
//! connections between directors.

use std::fmt;
use std::net::IpAddr;

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

/// Role of a synchronization daemon (`IP_VS_STATE_*`). Both may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum DaemonState {
    /// Sends connections (`IP_VS_STATE_MASTER`, 1).
    Master = 1,
    /// Receives connections (`IP_VS_STATE_BACKUP`, 2).
    Backup = 2,
}

impl DaemonState {
    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The state with that number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Master),
            2 => Some(Self::Backup),
            _ => None,
        }
    }

    /// `master` or `backup`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Backup => "backup",
        }
    }
}

/// A synchronization daemon.
///
/// `None` leaves the choice to the kernel when a daemon is started. In a dump it means that the
/// kernel is older than 4.3 and does not report the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Daemon {
    /// Master or backup.
    pub state: DaemonState,
    /// Name of the interface for the multicast messages, at most 15 bytes.
    pub interface: String,
    /// Id of the group of directors, 0 to 255.
    pub sync_id: u32,
    /// Maximum message length in bytes, without headers.
    pub maximum_length: Option<u16>,
    /// Multicast group address.
    pub group: Option<IpAddr>,
    /// UDP port.
    pub port: Option<u16>,
    /// Time to live of the messages.
    pub time_to_live: Option<u8>,
}

impl Daemon {
    /// A daemon that leaves everything else to the kernel.
    #[must_use]
    pub fn new(state: DaemonState, interface: impl Into<String>, sync_id: u32) -> Self {
        Self {
            state,
            interface: interface.into(),
            sync_id,
            maximum_length: None,
            group: None,
            port: None,
            time_to_live: None,
        }
    }

    setters! {
        /// Sets the maximum message length in bytes.
        with_maximum_length(bytes: u16) => maximum_length = Some(bytes);
        /// Sets the multicast group address.
        with_group(group: impl Into<IpAddr>) => group = Some(group.into());
        /// Sets the UDP port.
        with_port(port: u16) => port = Some(port);
        /// Sets the time to live (hop limit) of the messages.
        with_time_to_live(hops: u8) => time_to_live = Some(hops);
    }
}
