//! A warning before a walk through the connections that takes very long.
//!
//! Until Linux 6.14 each read of `/proc/net/ip_vs_conn`, a page at a time, went through the table from
//! its start ("ipvs: speed up reads from ip_vs_conn proc file"), so the time grew with the square of
//! the connections. Nothing but the release tells the two kinds of kernel apart.

use std::fs;

use lvs::proc;

/// With fewer it takes seconds at most.
const MANY: u64 = 100_000;

const FAST_SINCE: (u32, u32) = (6, 14);

/// The warning, where this kernel is one of those and has many connections.
pub(super) fn warning() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    if is_fast(&release)? {
        return None;
    }
    text(proc::connection_count()?)
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
    fn warning_names_the_number_of_connections() {
        assert!(text(100_007).unwrap().starts_with("100007 connections: "));
        assert_eq!(text(100_000), None);
    }
}
