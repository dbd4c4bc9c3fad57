//! What a start costs apart from time: the instructions and the pages of a program that has next to
//! nothing to do.

use std::process::{Command, Stdio};

use crate::measure::Figures;

/// Of one program.
pub(crate) struct Start {
    pub(crate) program: &'static str,
    pub(crate) instructions: u64,
    pub(crate) faults: i64,
}

impl Start {
    /// Counts the instructions of a run, by valgrind, since a guest has no counters of the processor.
    /// The page faults are those of the runs that were timed.
    pub(crate) fn of(program: &'static str, path: &str, words: &[&str], timed: &Figures) -> Self {
        let mut counted = Command::new("valgrind");
        counted.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", path]).args(words);
        let told = counted.stdout(Stdio::null()).output().unwrap().stderr;
        let told = String::from_utf8(told).unwrap();
        let instructions = told.lines().find_map(|line| line.split_once("Collected :"));
        let instructions = instructions.unwrap_or_else(|| panic!("{counted:?}: {told}")).1;
        Self { program, instructions: instructions.trim().parse().unwrap(), faults: timed.faults() }
    }
}
