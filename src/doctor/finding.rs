//! What a check says.

use std::fmt;

use serde::Serialize;

use crate::engine::Change;
use crate::host;
use lvs::table;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Traffic is lost now.
    Failure,
    /// Traffic will be lost under some condition.
    Warning,
    /// It could be better.
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

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The check that found it, as the manual page calls it.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what it does to traffic.
    pub title: String,
    /// What was found, and where.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What mends it, in this order; empty where no command does.
    pub repair: Vec<Step>,
    /// The command that does so by the cluster file, along with all else that it wants.
    pub apply: Option<String>,
}

/// One step of a repair.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A change of this machine's network.
    Host(Change<host::Key, String>),
    /// A change of the IPVS table.
    Table(Change<table::Key, table::Value>),
    /// What only a person can do.
    Shell {
        /// The command.
        fix: String,
        /// The command that takes it back, where there is one.
        undo: Option<String>,
    },
}

impl Step {
    /// The command for a shell.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Host(change) => host::Key::command(change),
            Self::Table(change) => table::command(change),
            Self::Shell { fix, .. } => fix.clone(),
        }
    }

    /// The command that takes it back.
    #[must_use]
    pub fn undo(&self) -> Option<String> {
        match self {
            // A parameter goes with its interface.
            Self::Host(Change { key: host::Key::Sysctl(_), from: None, .. }) => None,
            Self::Host(change) => Some(host::Key::command(&change.clone().inverse())),
            Self::Table(change) => Some(table::command(&change.clone().inverse())),
            Self::Shell { undo, .. } => undo.clone(),
        }
    }
}

impl Finding {
    /// The commands that mend it.
    #[must_use]
    pub fn fix(&self) -> Vec<String> {
        match &self.apply {
            Some(command) => vec![command.clone()],
            None => self.repair.iter().map(Step::fix).collect(),
        }
    }

    /// The commands that mend it without the cluster file, and nothing else.
    #[must_use]
    pub fn instead(&self) -> Vec<String> {
        let steps = self.repair.iter().filter(|_| self.apply.is_some());
        steps.map(Step::fix).collect()
    }

    /// The commands that take the repair back.
    #[must_use]
    pub fn undo(&self) -> Vec<String> {
        self.repair.iter().rev().filter_map(Step::undo).collect()
    }
}
