//! What a run did, and what a look actual.

use std::fmt;

use super::Change;

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<K, V> {
    /// The steps, in their order.
    pub steps: Vec<Change<K, V>>,
    /// What was meant to be given back and is not.
    pub notes: Vec<Note<K, V>>,
}

/// Something that was journalled and is not as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note<K, V> {
    /// Someone changed it after us, so it is left as it is.
    Changed {
        /// What.
        key: K,
        /// What it is.
        actual: V,
        /// What we had set it to; `None` where we had removed it.
        ours: Option<V>,
    },
    /// What it belongs to is gone, see [`System::is_orphaned`](super::System::is_orphaned).
    Orphaned {
        /// What.
        key: K,
        /// What it was before.
        previous: V,
    },
    /// We made it, and others put something into it that would go with it. It is given back by a
    /// run that finds none of that any more.
    InUse {
        /// What.
        key: K,
        /// What it is.
        actual: V,
        /// Something of others in it.
        child: K,
    },
    /// The undo was accepted, and did nothing.
    Remains {
        /// What.
        key: K,
        /// What it is.
        actual: V,
    },
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
                    "{key} ({actual}) stays: somebody else added {child}, which would go with it"
                )
            }
            Self::Remains { key, actual } => {
                write!(f, "{key} ({actual}) stays: it cannot be removed")
            }
        }
    }
}

/// One desired item beside what was actual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<K, V> {
    /// What was looked at.
    pub key: K,
    /// What it should be; `None` where there should be none.
    pub desired: Option<V>,
    /// What it is.
    pub actual: Option<V>,
    /// Whether that does.
    pub in_sync: bool,
    /// What it was before the first change; `None` where the journal has no entry for it.
    pub journalled: Option<Option<V>>,
}
