//! Prints the steps of a run as they are made.

use std::io::{self, Write};

use super::error::{Error, FailedRun, Outcome};
use super::interrupt;
use crate::engine::{Change, Report, System, Watcher};
use crate::host::machine::{Key, Machine, Value};

/// Follows a run, and prints it. Whatever becomes of the output, the run goes on.
pub(super) struct Progress<'a> {
    /// None where nothing is printed before the end.
    output: Option<&'a mut dyn Write>,
    failed: Option<io::Error>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(output: Option<&'a mut dyn Write>) -> Self {
        Self { output, failed: None }
    }

    /// The report of the run. Where the output failed meanwhile, that is the error.
    pub(super) fn settle(self, outcome: Outcome) -> Result<Report<Key, Value>, Error> {
        let listed = self.output.is_some() && self.failed.is_none();
        let report = outcome.map_err(|failure| Error::Run(FailedRun { failure, listed }))?;
        self.failed.map_or(Ok(report), |error| Err(Error::Unreported(error)))
    }
}

fn list(output: &mut dyn Write, changes: &[Change<Key, Value>]) -> io::Result<()> {
    for change in changes {
        writeln!(output, "+ {}", Machine::command(change))?;
    }
    output.flush()
}

impl Watcher<Key, Value> for Progress<'_> {
    fn made(&mut self, changes: &[Change<Key, Value>]) {
        if let Some(output) = self.output.as_deref_mut().filter(|_| self.failed.is_none()) {
            self.failed = list(output, changes).err();
        }
    }

    fn interruption(&self) -> Option<&'static str> {
        interrupt::caught()
    }
}
