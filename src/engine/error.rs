//! What can go wrong with the journal, the lock and a run.

use std::io;
use std::path::PathBuf;

use super::Change;

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refuses.
    #[error("journal {}: cannot {action} it: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not a journal, or not a whole one.
    #[error(
        "journal {} is damaged: {reason}; nothing was touched. Compare it with the machine, take \
         back by hand what it still lists, then remove the file",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another release of this program wrote it.
    #[error(
        "journal {} has format version {found}, this program knows {known}; nothing was touched. \
         Use the release that wrote it, or take back by hand what it lists and remove the file",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version that this program reads and writes.
        known: u64,
    },
}

/// The lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run is at work.
    #[error(
        "another run is at work here (process {holder} holds {}); try again when it has ended",
        path.display()
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process number written in it.
        holder: String,
    },
    /// The file system refuses.
    #[error("cannot {action} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run it as root, or choose another state directory",
        _ => "",
    }
}

/// Why a step, or a whole run, failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause<E> {
    /// The machine refused.
    #[error(transparent)]
    System(E),
    /// The journal could not be written, so the step was not made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key cannot have two values.
    #[error(
        "{key} is to be {desired} for \"{owner}\", but \"{holder}\" needs it to be {held}: give both \
         the same value, or take the other down first"
    )]
    Conflict {
        /// What two want to be different.
        key: String,
        /// What this run asks for.
        desired: String,
        /// On whose behalf.
        owner: String,
        /// What it is for the other.
        held: String,
        /// Who the other is.
        holder: String,
    },
    /// A change was accepted, and is not there.
    #[error("{key} is {found} after it was set to {desired}: does another program manage it?")]
    NotAsDesired {
        /// What was changed.
        key: String,
        /// What was read.
        found: String,
        /// What was written.
        desired: String,
    },
    /// Some of what was to be given back could not be; the journal still has it.
    #[error("not everything could be taken back; run the command again once the cause is mended")]
    Incomplete,
}

/// A run that failed, and what it left.
#[derive(Debug)]
pub struct Failure<K, V, E> {
    /// Why.
    pub cause: Cause<E>,
    /// The steps that were made, oldest first.
    pub done: Vec<Change<K, V>>,
    /// The step that failed.
    pub failed: Option<Change<K, V>>,
    /// The steps that took the others back, in the order in which they were made.
    pub rolled_back: Vec<Change<K, V>>,
    /// What could not be taken back, and stays in the journal.
    pub stuck: Vec<(K, Cause<E>)>,
}

impl<K, V, E> Failure<K, V, E> {
    /// A failure before the first step.
    pub(super) const fn before_any_step(cause: Cause<E>) -> Self {
        Self { cause, done: Vec::new(), failed: None, rolled_back: Vec::new(), stuck: Vec::new() }
    }
}
