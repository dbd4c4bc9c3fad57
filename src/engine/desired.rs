//! A wish, as plain data.

use lvs::table::suffices;

/// The state that one key shall have, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired<K, V> {
    /// What it is about.
    pub key: K,
    /// The value that is written where the one found does not do; `None` where there shall be none.
    pub value: Option<V>,
    /// Other values that do as well, and are left alone.
    pub acceptable: Vec<V>,
    /// Who wants it. A key may be desired by several, each by an item of its own.
    pub owner: String,
}

impl<K, V: PartialEq> Desired<K, V> {
    /// Whether what was found needs no change, where `satisfies` says whether a value found does as
    /// one that is desired.
    pub fn is_met_by(&self, found: Option<&V>, satisfies: impl Fn(&V, &V) -> bool) -> bool {
        suffices(found, self.value.as_ref(), satisfies)
            || found.is_some_and(|found| self.acceptable.contains(found))
    }
}
