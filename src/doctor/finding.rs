//! What a check finds.

use std::fmt;

pub(crate) use crate::path::{Fault, Step};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Traffic is lost now.
    Failure,
    /// Traffic will be lost under some condition.
    Warning,
    /// No traffic is lost, but something could be better.
    Advice,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failure => "failure",
            Self::Warning => "warning",
            Self::Advice => "advice",
        })
    }
}

/// A fault, under the ID of the check that found it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    pub(crate) fault: Fault,
    /// The command that applies the cluster file, if that fixes it too.
    pub(crate) apply: Option<String>,
}

impl Finding {
    /// The commands that fix it.
    pub(crate) fn fix(&self) -> Vec<String> {
        match &self.apply {
            Some(command) => vec![command.clone()],
            None => self.fault.repair.iter().map(Step::fix).collect(),
        }
    }

    /// The commands that fix this alone, if [`fix`](Self::fix) applies the cluster file.
    pub(crate) fn instead(&self) -> Vec<String> {
        let steps = self.fault.repair.iter().filter(|_| self.apply.is_some());
        steps.map(Step::fix).collect()
    }

    /// The commands that revert the repair.
    pub(crate) fn undo(&self) -> Vec<String> {
        self.fault.repair.iter().rev().filter_map(Step::undo).collect()
    }
}
