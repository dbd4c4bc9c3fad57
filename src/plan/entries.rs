//! The entries of a journal, by their number and by their key.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Deref;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// One key that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<K, V> {
    /// What was changed.
    pub key: K,
    /// Its value before the first change; `None` where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<V>,
    /// The value that it was given; `None` where it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<V>,
    /// Other values that do as well for everyone who claims it.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub tolerated: Vec<V>,
    /// What changed along with it (see [`World::consequences`](super::World::consequences)), and
    /// what that was before.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<(K, V)>,
    /// Who wants it. An entry that nobody claims is due to be given back.
    pub claims: Claims,
}

/// Who wants an entry. The many entries of one large table share one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Claims(Rc<[String]>);

impl Claims {
    /// Adds one.
    pub(super) fn push(&mut self, claim: String) {
        self.0 = self.iter().cloned().chain([claim]).collect();
    }

    /// Keeps some. Says whether any went.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) -> bool {
        let some_go = !self.iter().all(|claim| keep(claim));
        if some_go {
            self.0 = self.iter().filter(|claim| keep(claim)).cloned().collect();
        }
        some_go
    }
}

impl From<Vec<String>> for Claims {
    fn from(claims: Vec<String>) -> Self {
        Self(claims.into())
    }
}

impl From<Claims> for Vec<String> {
    fn from(claims: Claims) -> Self {
        claims.to_vec()
    }
}

impl Deref for Claims {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

/// Entries in the order in which their keys were first changed. A number stands for its entry as long
/// as the journal is in memory; what is removed leaves a gap.
#[derive(Clone, Debug)]
pub(super) struct Entries<K, V> {
    by_number: Vec<Option<Entry<K, V>>>,
    numbers: HashMap<K, usize>,
}

impl<K: Clone + Eq + Hash, V> Entries<K, V> {
    pub(super) fn new() -> Self {
        Self { by_number: Vec::new(), numbers: HashMap::new() }
    }

    pub(super) fn number(&self, key: &K) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Entry<K, V>> {
        self.by_number.get_mut(number)?.as_mut()
    }

    /// Puts an entry in the place of that of its key, or behind all others.
    pub(super) fn put(&mut self, mut entry: Entry<K, V>) -> usize {
        if let Some(Some(last)) = self.by_number.last()
            && last.claims == entry.claims
        {
            entry.claims = last.claims.clone();
        }
        let behind = self.by_number.len();
        let number = *self.numbers.entry(entry.key.clone()).or_insert(behind);
        match self.by_number.get_mut(number) {
            Some(place) => *place = Some(entry),
            None => self.by_number.push(Some(entry)),
        }
        number
    }

    pub(super) fn remove(&mut self, number: usize) -> Option<Entry<K, V>> {
        let entry = self.by_number.get_mut(number)?.take()?;
        self.numbers.remove(&entry.key);
        Some(entry)
    }
}

impl<K, V> Entries<K, V> {
    pub(super) fn get(&self, number: usize) -> Option<&Entry<K, V>> {
        self.by_number.get(number)?.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry<K, V>> {
        self.by_number.iter().flatten()
    }

    /// The same with their numbers, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Entry<K, V>)> {
        let numbered = self.by_number.iter_mut().enumerate();
        numbered.filter_map(|(number, entry)| Some((number, entry.as_mut()?)))
    }
}
