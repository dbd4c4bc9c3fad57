//! Errors of the commands.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::report::FailedRun;
use crate::config;
use crate::engine::{Failure, JournalError, LockError};
use crate::host::machine::{self, Key, Value};
use crate::host::{Hardware, InterfaceName};
use crate::ipvsadm::NotReplaced;
use crate::policy;
use lvs::netlink::{NamespaceError, reason};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    #[error(transparent)]
    Machine(#[from] machine::Error),
    #[error(transparent)]
    Policy(#[from] policy::Error),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{}{}", .0, waiting_hint(.0))]
    Lock(#[from] LockError),
    /// The boot or the network namespace cannot be identified.
    #[error("cannot read {path}: {}", reason(source))]
    Identity { path: &'static str, source: io::Error },
    #[error(
        "cannot identify the network namespace, to which the journal belongs: {0}. Nothing was changed"
    )]
    Cookie(io::Error),
    #[error(transparent)]
    Cluster(#[from] config::Error),
    #[error(transparent)]
    Role(#[from] config::RoleError),
    /// One mistake per line.
    #[error("{}: not valid ipvsadm -S output; nothing was changed\n{mistakes}", path.display())]
    Ruleset { path: PathBuf, mistakes: String },
    #[error("the plan has changes that --allow does not permit:{0}\nNothing was changed.")]
    NotAllowed(String),
    #[error(
        "{vip} is in use: the machine with the hardware address {owner} answers for it on {device}. \
         Nothing was changed. Take it down there first, or take it over with --force"
    )]
    Duplicate { vip: IpAddr, device: InterfaceName, owner: Hardware },
    #[error(
        "cannot ask on {device} whether another machine has the virtual address: {source}. Nothing \
         was changed; --force does not ask"
    )]
    Probe { device: InterfaceName, source: io::Error },
    #[error(
        "a change waits to be confirmed, or is reverted in {seconds} seconds: run lvsctl confirm first"
    )]
    Unconfirmed { seconds: u64 },
    #[error("cannot start the process that waits for the confirmation: {0}. Nothing was changed")]
    Watcher(io::Error),
    #[error(
        "this may cut the ssh session from {peer}: {step}\nNothing was changed. Add --confirm SECONDS, \
         which reverts it unless you run `lvsctl confirm` in time, or --force"
    )]
    CutsSession { peer: IpAddr, step: String },
    #[error("{0}")]
    Run(FailedRun),
    #[error("cannot {action} {}: {}", path.display(), reason(source))]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot change {}: {}; run lvsctl as root. Nothing was changed", path.display(), reason(source))]
    NeedsRoot { path: PathBuf, source: io::Error },
    #[error(
        "this machine does not run systemd (there is no /run/systemd/system): run \
         `lvsctl apply FILE` from your boot scripts once the network is up and `lvsctl down FILE` \
         before it goes down, or write the files for another machine with --root DIR"
    )]
    NoSystemd,
    #[error(
        "{} changed since lvsctl wrote it, or never written by it: nothing was changed. Move your \
         changes to a drop-in of the unit or to another file, remove this file, and try again",
        listed(.0)
    )]
    NotOurs(Vec<PathBuf>),
    #[error("the cluster is still up on this machine: run systemctl disable --now {unit} first")]
    StillUp { unit: String },
    #[error("no cluster {name} is installed; installed: {}", match installed.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    })]
    NotInstalled { name: String, installed: Vec<String> },
    #[error("no cluster is installed")]
    NothingInstalled,
    #[error("this machine has no interface {0}")]
    NoInterface(InterfaceName),
    #[error(
        "{error}\nlvsctl down NAME needs no file; set up on this machine: {}",
        names.join(", ")
    )]
    UnknownCluster { error: Box<Error>, names: Vec<String> },
    #[error("{} is not an lvsctl snapshot: {reason}", path.display())]
    Snapshot { path: PathBuf, reason: String },
    #[error(
        "{signal} ended the wait: real servers keep the weights that they have now, and the next run \
         goes on"
    )]
    WaitEnded { signal: &'static str },
    #[error("cannot listen on {address}: {}", reason(source))]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    NotReplaced(#[from] NotReplaced),
    #[error("cannot write to standard output: {}", reason(.0))]
    Output(#[from] io::Error),
    #[error("everything was done, and not all of it printed: cannot write to standard output: {}", reason(.0))]
    Unreported(io::Error),
}

/// Returns [`Error::Usage`] with a formatted message.
macro_rules! usage {
    ($($message:tt)+) => {
        return Err($crate::lvsctl::Error::Usage(format!($($message)+)))
    };
}
pub(super) use usage;

impl Error {
    /// Makes the error of a run whose changes, if any, are to be listed.
    pub(super) fn run(failure: Failure<Key, Value, machine::Error>) -> Self {
        Self::Run(FailedRun { failure: Box::new(failure), listed: false })
    }

    /// Makes the error of a failed action on a file.
    pub(super) fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}

const fn waiting_hint(error: &LockError) -> &'static str {
    match error {
        LockError::Held { .. } => ", or wait for it with --wait SECONDS",
        LockError::Interrupted | LockError::Io { .. } => "",
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let all: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let verb = if all.len() == 1 { "was" } else { "were" };
    format!("{} {verb}", all.join(" and "))
}
