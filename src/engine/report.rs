//! What a run did or why it failed, and how the actual state compares with the desired one.

use std::fmt;
use std::path::PathBuf;

use super::{Change, JournalError};

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<K, V> {
    /// The changes, in their order.
    pub steps: Vec<Change<K, V>>,
    /// What should have been reverted and was not.
    pub notes: Vec<Note<K, V>>,
}

/// A journalled key that did not get its previous value back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note<K, V> {
    /// Someone changed it after us, so it is left alone.
    Changed { key: K, actual: V, ours: Option<V> },
    /// What it belongs to is gone, see [`System::is_orphaned`](super::System::is_orphaned).
    Orphaned { key: K, previous: V },
    /// We made it, and it has a child that is unmanaged. It is reverted by a run that finds it
    /// without one.
    InUse { key: K, actual: V, child: K },
    /// The undo was accepted, and had no effect.
    Remains { key: K, actual: V },
    /// A journal in whose place this one is was void.
    VoidJournal { path: PathBuf },
}

impl<K: fmt::Display, V: fmt::Display> fmt::Display for Note<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { key, actual, ours: Some(ours) } => {
                write!(f, "{key} was set to {ours} and is {actual} now: left alone")
            }
            Self::Changed { key, actual, ours: None } => {
                write!(f, "{key} was removed and is {actual} now: left alone")
            }
            Self::Orphaned { key, previous } => {
                write!(f, "{key} was {previous} and cannot be put back: what had it is gone")
            }
            Self::InUse { key, actual, child } => {
                write!(
                    f,
                    "{key} ({actual}) stays: removing it would remove {child}, which is unmanaged"
                )
            }
            Self::VoidJournal { path } => write!(
                f,
                "journal {} is of an earlier boot, or of another network namespace: what it lists \
                 was left alone",
                path.display()
            ),
            Self::Remains { key, actual } => {
                write!(f, "{key} ({actual}) stays: it cannot be removed")
            }
        }
    }
}

/// Desired and actual state of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status<K, V> {
    pub(crate) key: K,
    /// `None` where the key must have none.
    pub(crate) desired: Option<V>,
    pub(crate) actual: Option<V>,
    /// Whether the actual value is acceptable.
    pub(crate) in_sync: bool,
    /// Its value before the first change; `None` where the journal has no entry for it.
    pub(crate) journalled: Option<Option<V>>,
}

/// Why a change, or a run, failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause<E> {
    #[error(transparent)]
    System(E),
    /// The journal could not be written, so the change was not made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key cannot have two values.
    #[error(
        "{key} is to be {desired} for \"{owner}\", but \"{holder}\" needs it to be {held}: give both \
         the same value, or take the other down first"
    )]
    Conflict { key: String, desired: String, owner: String, held: String, holder: String },
    /// A change was accepted, and had no effect.
    #[error("{key} is {actual} after it was set to {desired}: does another program manage it?")]
    NotAsDesired { key: String, actual: String, desired: String },
    /// The run was rolled back.
    #[error("interrupted by {signal}")]
    Interrupted { signal: &'static str },
    /// The journal still has what was not reverted.
    #[error("interrupted by {signal}; run the command again to revert the rest")]
    InterruptedRevert { signal: &'static str },
    /// The journal still has what could not be reverted.
    #[error("not everything could be reverted; run the command again once the cause is removed")]
    Incomplete,
}

/// A run that failed, and what it left.
#[derive(Debug)]
pub struct Failure<K, V, E> {
    /// Why.
    pub cause: Cause<E>,
    /// The changes that were made, oldest first.
    pub done: Vec<Change<K, V>>,
    /// The change that failed.
    pub failed: Option<Change<K, V>>,
    /// The changes that rolled the others back, in their order.
    pub rolled_back: Vec<Change<K, V>>,
    /// What could not be undone, and stays in the journal.
    pub stuck: Vec<(K, Cause<E>)>,
}

impl<K, V, E> Failure<K, V, E> {
    /// A failure before anything was changed.
    pub(crate) const fn before_any_step(cause: Cause<E>) -> Self {
        Self { cause, done: Vec::new(), failed: None, rolled_back: Vec::new(), stuck: Vec::new() }
    }
}
