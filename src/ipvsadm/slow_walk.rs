//! A warning before a walk through the connections that takes very long.
//!
//! Until Linux 6.14 each read of `/proc/net/ip_vs_conn`, a page at a time, went through the table from
//! its start ("ipvs: speed up reads from ip_vs_conn proc file"), so the time grew with the square of
//! the connections. Nothing but the release tells the two kinds of kernel apart.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};

use lvs::netlink::proc_net;

use super::lines;
use super::proc_text::{decimal, fields};

/// With fewer it takes seconds at most.
const MANY: u64 = 100_000;

const FAST_SINCE: (u32, u32) = (6, 14);

/// The warning, where this kernel is one of those and has many connections.
pub(super) fn warning() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    if is_fast(&release)? {
        return None;
    }
    let table = File::open(proc_net().join("ip_vs")).ok()?;
    text(connections(BufReader::new(table))?)
}

fn text(connections: u64) -> Option<String> {
    (connections > MANY).then(|| {
        format!(
            "{connections} connections: listing them may take minutes, since Linux before 6.14 \
             reads their table from the start for every page"
        )
    })
}

/// Whether a release such as `6.1.0-56-amd64` is of those that walk only once.
fn is_fast(release: &str) -> Option<bool> {
    let mut numbers = release.trim_end().split(|c: char| !c.is_ascii_digit());
    let version = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some(version >= FAST_SINCE)
}

/// The connections of all destinations, active and inactive, of a table as `/proc/net/ip_vs` has it.
fn connections(mut table: impl BufRead) -> Option<u64> {
    let mut line = Vec::new();
    let mut sum = 0_u64;
    while lines::read_line(&mut table, &mut line).ok()? {
        if let Some(row) = line.strip_prefix(b"  -> ") {
            // Address, method and weight come first. The title has words there.
            let counts = fields(row).skip(3).filter_map(decimal::<u32>);
            sum = counts.fold(sum, |sum, count| sum.saturating_add(count.into()));
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        for (release, fast) in [
            ("6.1.0-56-amd64\n", Some(false)),
            ("6.13.12", Some(false)),
            ("6.14-rc1", Some(true)),
            ("7.0.2", Some(true)),
            ("5.19.0", Some(false)),
            ("x", None),
        ] {
            assert_eq!(is_fast(release), fast, "{release}");
        }
    }

    #[test]
    fn connections_of_all_destinations_count() {
        let table = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000201:0050 rr 
  -> C6336403:0050      Masq    100    60000      7         
UDP  C0000201:0035 rr 
  -> C6336402:1F90      Route   1      0          40000     
";
        assert_eq!(connections(table.as_bytes()), Some(100_007));
        assert!(text(100_007).unwrap().starts_with("100007 connections: "));
        assert_eq!(text(100_000), None);
    }
}
