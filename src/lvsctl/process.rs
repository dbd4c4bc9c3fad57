//! Processes, by their files in `/proc`.

use std::{fs, iter, process};

/// More than a terminal multiplexer, shells, `sudo` and scripts need.
const MOST_ANCESTORS: usize = 64;

/// This process and those above it.
pub(super) fn ancestors() -> Vec<u32> {
    let parent = |pid: &u32| stat(*pid, PARENT).and_then(|pid| u32::try_from(pid).ok());
    let above = |pid: &u32| parent(pid).filter(|pid| *pid != 0);
    iter::successors(Some(process::id()), above).take(MOST_ANCESTORS).collect()
}

pub(super) fn every_process() -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The name of a process, of at most 15 bytes; empty if it has gone.
pub(super) fn name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// When a process started, in clock ticks since the boot.
pub(super) fn started(pid: u32) -> Option<u64> {
    stat(pid, STARTED)
}

/// Fields of `/proc/PID/stat`, counted from the one behind the name.
const PARENT: usize = 1;
const STARTED: usize = 19;

fn stat(pid: u32, field: usize) -> Option<u64> {
    field_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, field)
}

/// The name, in parentheses, may contain anything.
fn field_of(stat: &str, field: usize) -> Option<u64> {
    stat.rsplit(')').next()?.split_whitespace().nth(field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_is_read_behind_any_name() {
        assert_eq!(field_of("7 (a) S 3 (b) R 42 7 7", PARENT), Some(42));
        assert_eq!(field_of("", PARENT), None);
        assert_eq!(ancestors().first(), Some(&process::id()));
        assert!(!ancestors().contains(&0));
    }

    #[test]
    fn start_of_this_process_is_known() {
        assert!(started(process::id()).is_some());
        assert_eq!(started(u32::MAX), None);
    }
}
