//! A wish, before anyone owners it.

use super::Key;

/// A key and the value that it shall have; `None` where there shall be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// What it is about.
    pub key: Key,
    /// What is written.
    pub value: Option<String>,
    /// Values that do as well.
    pub acceptable: Vec<String>,
}

impl Want {
    pub(super) fn new(key: Key, value: &str) -> Self {
        Self { key, value: Some(value.to_owned()), acceptable: Vec::new() }
    }

    pub(super) const fn absent(key: Key) -> Self {
        Self { key, value: None, acceptable: Vec::new() }
    }
}
