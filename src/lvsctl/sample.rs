//! One reading of the table and its counters.

use std::fs;

use super::Error;
use super::connections::dumped;
use super::values::Per;
use crate::host::machine;
use crate::trace;
use lvs::ipvs::{self, Client, Daemon, DestinationEntry, ServiceEntry, Stats};
use lvs::proc::DestinationTable;
use lvs::table;

/// Counters of the whole table, in hexadecimal.
const TOTALS: &str = "/proc/thread-self/net/ip_vs_stats";

/// A service, and its destinations as far as they were asked for.
pub(super) struct ServiceSample {
    pub(super) service: ServiceEntry,
    pub(super) destinations: Vec<DestinationEntry>,
}

pub(super) struct Sample {
    pub(super) per: Per,
    pub(super) totals: Stats,
    pub(super) services: Vec<ServiceSample>,
    pub(super) daemons: Vec<Daemon>,
}

impl Sample {
    /// Nothing, as without IPVS.
    pub(super) fn empty(per: Per) -> Self {
        Self { per, totals: Stats::default(), services: Vec::new(), daemons: Vec::new() }
    }

    /// Reads what is asked for. All is zero and empty if IPVS is not loaded: a reading loads nothing.
    pub(super) fn take(per: Per) -> Result<Self, Error> {
        let mut sample = Self::empty(per);
        if !ipvs::is_loaded() {
            return Ok(sample);
        }
        sample.totals = totals()?;
        if per == Per::Total {
            return Ok(sample);
        }
        let open = |source| machine::Error::from(table::Error::Open { source });
        let mut client = trace::socket().and_then(Client::new).map_err(open)?;
        let dump = |source| machine::Error::from(table::Error::List { source });
        let services = client.services().map_err(dump)?;
        // One read for all, where the counters of destinations are not asked for.
        let listed = match per {
            Per::Destination => None,
            _ => DestinationTable::open(&services),
        };
        for (index, service) in services.into_iter().enumerate() {
            let destinations = match &listed {
                Some(listed) => listed.destinations(index),
                None => dumped(client.destinations(&service.service.identity))?,
            };
            sample.services.push(ServiceSample { service, destinations });
        }
        sample.daemons = client.daemons().map_err(dump)?;
        Ok(sample)
    }
}

fn totals() -> Result<Stats, Error> {
    let text = fs::read_to_string(TOTALS).map_err(Error::file("read", TOTALS.as_ref()))?;
    Ok(parsed(&text).unwrap_or_default())
}

/// Two lines of headers, the counters, and the rates.
fn parsed(text: &str) -> Option<Stats> {
    let mut fields = text.lines().nth(2)?.split_whitespace();
    let mut next = || u64::from_str_radix(fields.next()?, 16).ok();
    let mut stats = Stats::default();
    for counter in [
        &mut stats.connections,
        &mut stats.packets_in,
        &mut stats.packets_out,
        &mut stats.bytes_in,
        &mut stats.bytes_out,
    ] {
        *counter = next()?;
    }
    Some(stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_have_64_bits() {
        let text = "   Total Incoming Outgoing         Incoming         Outgoing\n\
                    \u{20}  Conns  Packets  Packets            Bytes            Bytes\n\
                    \u{20}      A       1F        0  FFFFFFFFFFFFFFFF                0\n\n\
                    Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n";
        let stats = parsed(text).unwrap();
        assert_eq!((stats.connections, stats.packets_in, stats.bytes_in), (10, 31, u64::MAX));
        for cut in ["", "one line", "a\nb\nnot numbers", "a\nb\n1 2 3"] {
            assert_eq!(parsed(cut), None, "{cut}");
        }
    }
}
