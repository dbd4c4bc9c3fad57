//! What can go wrong with a command.

use std::io;
use std::path::PathBuf;

use super::machine;
use super::report::FailedRun;
use crate::cluster;
use crate::netlink::NamespaceError;
use crate::plan::{JournalError, LockError};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The network namespace of `--netns` cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The machine cannot be read.
    #[error(transparent)]
    Machine(#[from] machine::Error),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another run is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The boot or the network namespace cannot be told.
    #[error("cannot read {path}: {source}")]
    Identity {
        /// The file.
        path: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The cluster file cannot be used.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The cluster file does not say what this machine is.
    #[error(transparent)]
    Role(#[from] cluster::RoleError),
    /// A table in the words of `ipvsadm -S` that makes no sense.
    #[error("{} is no table as ipvsadm -S writes it; nothing was touched\n{mistakes}", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, a line each.
        mistakes: String,
    },
    /// The plan has changes of a kind that `--allow` does not name.
    #[error("the plan has changes that --allow does not name:{0}\nNothing was changed.")]
    NotAllowed(String),
    /// A step failed; what was done was taken back, as far as it goes.
    #[error("{0}")]
    Run(FailedRun),
    /// A file that was named on the command line.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that is not a snapshot.
    #[error("{} is not what `lvsctl snapshot` wrote: {reason}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Exit code: 2 for what was asked wrongly, 1 for what failed.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}
