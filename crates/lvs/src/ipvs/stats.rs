//! Counters and rates of a service or a destination.

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
