//! A step and a wish, both plain data.

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
    /// use lvs::plan::Change;
    ///
    /// let change = Change { key: "rp_filter", from: Some(1), to: Some(2) };
    /// assert_eq!(change.clone().inverse().inverse(), change);
    /// ```
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { key: self.key, from: self.to, to: self.from }
    }
}

/// The state that one key shall have, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<K, V> {
    /// What it is about.
    pub key: K,
    /// The value that is written where the one found does not do; `None` where there shall be none.
    pub value: Option<V>,
    /// Other values that do as well, and are left alone.
    pub tolerated: Vec<V>,
    /// Who wants it. A key may be wanted by several, each by an item of its own.
    pub claim: String,
}

impl<K, V: PartialEq> Wanted<K, V> {
    /// Whether what was found needs no change, where `satisfies` says whether a value found does as
    /// one that is wanted.
    pub fn is_met_by(&self, found: Option<&V>, satisfies: impl Fn(&V, &V) -> bool) -> bool {
        suffices(found, self.value.as_ref(), satisfies)
            || found.is_some_and(|found| self.tolerated.contains(found))
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
