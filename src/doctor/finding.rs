//! What a check finds, and the steps that fix it.

use std::fmt;

use crate::engine::Change;
use crate::host;
use lvs::table;

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

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// What is wrong, and what that does to traffic.
    pub(crate) title: String,
    pub(crate) found: String,
    pub(crate) expected: String,
    /// The steps that fix it, in order; empty if no command does.
    pub(crate) repair: Vec<Step>,
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

/// One step of a repair.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Host(Change<host::Key, String>),
    Table(Change<table::Key, table::Value>),
    /// A command that lvsctl does not run itself.
    Shell {
        fix: String,
        undo: Option<String>,
    },
}

impl Step {
    /// The command that makes the step.
    pub(crate) fn fix(&self) -> String {
        match self {
            Self::Host(change) => host::Key::command(change),
            Self::Table(change) => table::command(change),
            Self::Shell { fix, .. } => fix.clone(),
        }
    }

    /// The command that reverts the step, if one does.
    pub(crate) fn undo(&self) -> Option<String> {
        match self {
            // The parameters of an interface disappear with it.
            Self::Host(Change { key: host::Key::Sysctl(_), from: None, .. }) => None,
            Self::Host(change) => Some(host::Key::command(&change.clone().inverse())),
            Self::Table(change) => Some(table::command(&change.clone().inverse())),
            Self::Shell { undo, .. } => undo.clone(),
        }
    }
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
