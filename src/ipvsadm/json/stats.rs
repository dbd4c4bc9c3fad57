//! Counters and rates.

use serde::Serialize;

use lvs::ipvs;

/// Totals, and the moving averages a second.
#[derive(Serialize)]
pub(super) struct Stats {
    connections: u64,
    packets_in: u64,
    packets_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    rates: Rates,
}

#[derive(Serialize)]
struct Rates {
    connections: u64,
    packets_in: u64,
    packets_out: u64,
    bytes_in: u64,
    bytes_out: u64,
}

impl From<&ipvs::Stats> for Stats {
    fn from(stats: &ipvs::Stats) -> Self {
        let rates = &stats.rates;
        Self {
            connections: stats.connections,
            packets_in: stats.packets_in,
            packets_out: stats.packets_out,
            bytes_in: stats.bytes_in,
            bytes_out: stats.bytes_out,
            rates: Rates {
                connections: rates.connections,
                packets_in: rates.packets_in,
                packets_out: rates.packets_out,
                bytes_in: rates.bytes_in,
                bytes_out: rates.bytes_out,
            },
        }
    }
}
