//! One change of one key, as plain data.

/// One step: the value of one key goes from one state to another. `None` is absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<K, V> {
    /// What is changed.
    pub key: K,
    /// What was found.
    pub from: Option<V>,
    /// What it shall be.
    pub to: Option<V>,
}

impl<K, V> Change<K, V> {
    /// The step that takes this one back.
    ///
    /// # Examples
    ///
    /// ```
    /// use lvs::table::Change;
    ///
    /// let change = Change { key: "rp_filter", from: Some(1), to: Some(2) };
    /// assert_eq!(change.clone().inverse().inverse(), change);
    /// ```
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { key: self.key, from: self.to, to: self.from }
    }
}

/// Whether what was found does as what is wanted, where either may be nothing; `satisfies` says so of
/// two values.
pub fn suffices<V>(
    found: Option<&V>,
    wanted: Option<&V>,
    satisfies: impl Fn(&V, &V) -> bool,
) -> bool {
    match (found, wanted) {
        (Some(found), Some(wanted)) => satisfies(found, wanted),
        (found, wanted) => found.is_none() && wanted.is_none(),
    }
}
