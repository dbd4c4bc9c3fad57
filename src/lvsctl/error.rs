//! Errors of the commands.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config;
use crate::engine::{Failure, JournalError, LockError, Report, System};
use crate::host::machine::{self, Key, Machine, Value};
use crate::host::{Hardware, InterfaceName, Sysctl};
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
    #[error(
        "what the last apply set was changed since:{0}\nNothing was changed. undo --force undoes the \
         rest, and keeps this"
    )]
    ChangedSince(String),
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
    #[error(
        "this kernel has no parameter {sysctl} in this network namespace: Linux {since} and later have \
         it. Nothing was changed"
    )]
    NoParameter { sysctl: Sysctl, since: &'static str },
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
        _ => "",
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let all: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let verb = if all.len() == 1 { "was" } else { "were" };
    format!("{} {verb}", all.join(" and "))
}

/// What a run of the engine did, or why it failed.
pub(super) type Outcome = Result<Report<Key, Value>, Box<Failure<Key, Value, machine::Error>>>;

/// A failed run: the changes made, rolled back, and not rolled back.
#[derive(Debug)]
pub(crate) struct FailedRun {
    pub(super) failure: Box<Failure<Key, Value, machine::Error>>,
    /// Whether the changes made were printed as they happened.
    pub(super) listed: bool,
}

impl fmt::Display for FailedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { cause, done, rolled_back, stuck, .. } = &*self.failure;
        write!(f, "{cause}")?;
        let unlisted: &[_] = if self.listed { &[] } else { done };
        for (title, steps) in [("Changes made", unlisted), ("Rolled back", rolled_back)] {
            if !steps.is_empty() {
                write!(f, "\n{title}:")?;
            }
            for step in steps {
                write!(f, "\n  + {}", Machine::command(step))?;
            }
        }
        if !stuck.is_empty() {
            write!(f, "\nCould not be rolled back:")?;
        }
        for (key, cause) in stuck {
            write!(f, "\n  {key}: {cause}")?;
        }
        if done.is_empty() && rolled_back.is_empty() && stuck.is_empty() {
            write!(f, "\nNothing was changed.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::{Cause, Change};
    use crate::host;

    pub(in crate::lvsctl) fn up(text: &str) -> Change<Key, Value> {
        Change {
            key: Key::Host(host::Key::LinkUp(host::InterfaceName::tunl0())),
            from: None,
            to: Some(Value::Host(text.to_owned())),
        }
    }

    #[test]
    fn failed_run_lists_changes_and_rollback() {
        let cause = || Cause::System(machine::Error::Mismatch("x".to_owned()));
        let failure = Failure {
            cause: cause(),
            done: Vec::new(),
            failed: None,
            rolled_back: Vec::new(),
            stuck: Vec::new(),
        };
        let text = FailedRun { failure: Box::new(failure), listed: false }.to_string();
        assert_eq!(text, "x cannot have that value\nNothing was changed.");
        let failure = Failure {
            cause: cause(),
            done: vec![up("up")],
            failed: None,
            rolled_back: vec![up("down")],
            stuck: vec![(up("up").key, cause())],
        };
        assert_eq!(
            FailedRun { failure: Box::new(failure), listed: false }.to_string(),
            "x cannot have that value\nChanges made:\n  + ip link set tunl0 up\n\
             Rolled back:\n  + ip link set tunl0 down\n\
             Could not be rolled back:\n  state of tunl0: x cannot have that value"
        );
    }
}
