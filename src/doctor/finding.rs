//! What a check finds.

use std::net::IpAddr;

use crate::path::Check;
pub(crate) use crate::path::Severity;
pub(crate) use crate::path::{Fault, Step};

/// A fault, and the check that found it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) check: Check,
    pub(crate) severity: Severity,
    pub(crate) fault: Fault,
    /// The command that applies the cluster file, if that fixes it too.
    pub(crate) apply: Option<String>,
    /// The real servers that it is about; empty if it is about the whole machine.
    pub(crate) reals: Vec<IpAddr>,
    /// It is a consequence of the finding of that check before it.
    pub(crate) follows: Option<Check>,
    /// The command that reverts all that this one does, if nothing of the file is set up yet.
    pub(crate) revert: Option<String>,
}

impl Finding {
    pub(crate) const fn new(check: Check, fault: Fault) -> Self {
        let severity = check.severity();
        let (apply, revert, follows) = (None, None, None);
        Self { check, severity, fault, apply, revert, reals: Vec::new(), follows }
    }

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

    /// The commands that revert [`fix`](Self::fix).
    pub(crate) fn undo(&self) -> Vec<String> {
        if let (Some(_), Some(command)) = (&self.apply, &self.revert) {
            return vec![command.clone()];
        }
        self.undo_repair()
    }

    /// The commands that revert the repair alone.
    pub(crate) fn undo_repair(&self) -> Vec<String> {
        self.fault.repair.iter().rev().filter_map(Step::undo).collect()
    }
}
