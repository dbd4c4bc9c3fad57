//! What can go wrong with a command.

use crate::host::machine;
use std::io;
use std::path::PathBuf;

use super::report::FailedRun;
use crate::config;
use crate::engine::{JournalError, LockError};
use lvs::netlink::NamespaceError;

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
    #[error("{}{}", .0, waiting_hint(.0))]
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
    Cluster(#[from] config::Error),
    /// The cluster file does not say what this machine is.
    #[error(transparent)]
    Role(#[from] config::RoleError),
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
    /// A file of the machine's configuration that only root may change.
    #[error("cannot change {}: {source}; run lvsctl as root. Nothing was changed", path.display())]
    NeedsRoot {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The machine was not booted by systemd.
    #[error(
        "this machine does not run systemd (there is no /run/systemd/system): have its own boot \
         scripts run `lvsctl apply FILE` once the network is up and `lvsctl down FILE` before it goes, \
         or write the files for another machine with --root DIR"
    )]
    NoSystemd,
    /// Files in the place of ours that a person wrote or changed.
    #[error(
        "{} changed since lvsctl wrote it, or never was its own: nothing was done. Move your changes \
         to a drop-in of the unit, or to a file of your own, remove that one, and try again",
        listed(.0)
    )]
    NotOurs(Vec<PathBuf>),
    /// What is to be uninstalled is in effect.
    #[error("the cluster is still up on this machine: first type systemctl disable --now {unit}")]
    StillUp {
        /// Its unit.
        unit: String,
    },
    /// No such cluster is installed.
    #[error("no cluster {asked} is installed; there is {}", if installed.is_empty() {
        "none".to_owned()
    } else {
        installed.join(", ")
    })]
    NotInstalled {
        /// The name.
        asked: String,
        /// Those that are.
        installed: Vec<String>,
    },
    /// No cluster is installed.
    #[error("no cluster is installed")]
    NothingInstalled,
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

const fn waiting_hint(error: &LockError) -> &'static str {
    match error {
        LockError::Held { .. } => ", or let it finish first with --wait SECONDS",
        LockError::Io { .. } => "",
    }
}

/// `one was`, `one and two were`.
fn listed(paths: &[PathBuf]) -> String {
    let all: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let verb = if all.len() == 1 { "was" } else { "were" };
    format!("{} {verb}", all.join(" and "))
}
