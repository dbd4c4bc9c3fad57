//! Times of the log, and the age of processes.

use std::fmt;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment since 1970, displayed in UTC as RFC 3339 does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(Duration);

impl Time {
    /// `None` where the clock is set before 1970.
    pub(super) fn now() -> Option<Self> {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().map(Self)
    }

    pub(super) const fn at(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(super) const fn seconds(self) -> u64 {
        self.0.as_secs()
    }

    /// In microseconds: different for two runs of one process.
    pub(super) const fn number(self) -> u128 {
        self.0.as_micros()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        // Years that begin in March, so that a leap day is the last one; 400 of them repeat.
        let days = seconds / 86400 + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = 400 * era + year + next;
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
    }
}

/// When a process started, in clock ticks since the boot: the 22nd field of `/proc/PID/stat`.
pub(super) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, in parentheses, may contain anything.
    stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Time::at(seconds).to_string(), expected);
        }
    }

    #[test]
    fn start_of_this_process_is_known() {
        assert!(started(std::process::id()).is_some());
        assert_eq!(started(u32::MAX), None);
    }
}
