//! The entries of a journal, by number and by key.

use std::hash::{BuildHasher, Hash};
use std::ops::Deref;
use std::rc::Rc;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

/// One key that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(
    serialize = "K: Serialize, V: Serialize, O: Serialize + Clone",
    deserialize = "K: Deserialize<'de>, V: Deserialize<'de>, O: Deserialize<'de>"
))]
pub struct Entry<K, V, O> {
    /// What was changed.
    pub key: K,
    /// Its value before the first change; `None` where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<V>,
    /// The value that we gave it; `None` where we removed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<V>,
    /// Other values that are acceptable to every owner.
    #[serde(rename = "tolerated", default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub acceptable: Vec<V>,
    /// Keys that changed along with it, see [`System::side_effects`](super::System::side_effects), and
    /// their previous values.
    #[serde(rename = "along", default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub side_effects: Vec<(K, V)>,
    /// See [`System::object`](super::System::object); journals of releases before 0.3 lack it.
    #[serde(rename = "interface", default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// An entry without an owner is to be reverted.
    #[serde(rename = "claims")]
    pub owners: Owners<O>,
}

/// The owners of an entry. The many entries of one large table share one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "Vec<O>",
    into = "Vec<O>",
    bound(serialize = "O: Serialize + Clone", deserialize = "O: Deserialize<'de>")
)]
pub struct Owners<O>(Rc<[O]>);

impl<O: Clone> Owners<O> {
    pub(super) fn push(&mut self, owner: O) {
        self.0 = self.iter().cloned().chain([owner]).collect();
    }

    /// Returns whether any was removed.
    pub(super) fn retain(&mut self, keep: impl Fn(&O) -> bool) -> bool {
        let some_go = !self.iter().all(&keep);
        if some_go {
            self.0 = self.iter().filter(|owner| keep(owner)).cloned().collect();
        }
        some_go
    }
}

impl<O> From<Vec<O>> for Owners<O> {
    fn from(owners: Vec<O>) -> Self {
        Self(owners.into())
    }
}

impl<O: Clone> From<Owners<O>> for Vec<O> {
    fn from(owners: Owners<O>) -> Self {
        owners.to_vec()
    }
}

impl<O> Deref for Owners<O> {
    type Target = [O];

    fn deref(&self) -> &[O] {
        &self.0
    }
}

/// Entries in the order in which their keys were first changed. An entry keeps its number as long as
/// the journal is in memory; a removed one leaves a gap.
#[derive(Clone, Debug)]
pub(super) struct Entries<K, V, O> {
    by_number: Vec<Option<Entry<K, V, O>>>,
    /// Found by the hash of the key, which the entry alone holds.
    numbers: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl<K: Eq + Hash, V, O: Clone + PartialEq> Entries<K, V, O> {
    pub(super) fn new() -> Self {
        let hasher = DefaultHashBuilder::default();
        Self { by_number: Vec::new(), numbers: HashTable::new(), hasher }
    }

    pub(super) fn number(&self, key: &K) -> Option<usize> {
        let is_of_key = |number: &usize| self.get(*number).is_some_and(|it| it.key == *key);
        self.numbers.find(self.hasher.hash_one(Some(key)), is_of_key).copied()
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Entry<K, V, O>> {
        self.by_number.get_mut(number)?.as_mut()
    }

    /// Replaces the entry of its key, or adds it after all others.
    pub(super) fn put(&mut self, mut entry: Entry<K, V, O>) -> usize {
        match self.by_number.last() {
            Some(Some(last)) if last.owners == entry.owners => entry.owners = last.owners.clone(),
            _ => {}
        }
        let (behind, key) = (self.by_number.len(), Some(&entry.key));
        let key_of = |number: &usize| Some(&self.by_number.get(*number)?.as_ref()?.key);
        let numbered = self.numbers.entry(
            self.hasher.hash_one(key),
            |number| key_of(number) == key,
            |number| self.hasher.hash_one(key_of(number)),
        );
        let number = *numbered.or_insert(behind).get();
        match self.by_number.get_mut(number) {
            Some(place) => *place = Some(entry),
            None => self.by_number.push(Some(entry)),
        }
        number
    }

    pub(super) fn remove(&mut self, number: usize) -> Option<Entry<K, V, O>> {
        let entry = self.by_number.get_mut(number)?.take()?;
        let hash = self.hasher.hash_one(Some(&entry.key));
        if let Ok(found) = self.numbers.find_entry(hash, |candidate| *candidate == number) {
            found.remove();
        }
        Some(entry)
    }
}

impl<K, V, O> Entries<K, V, O> {
    pub(super) fn get(&self, number: usize) -> Option<&Entry<K, V, O>> {
        self.by_number.get(number)?.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry<K, V, O>> {
        self.by_number.iter().flatten()
    }

    /// The same with their numbers, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Entry<K, V, O>)> {
        let numbered = self.by_number.iter_mut().enumerate();
        numbered.filter_map(|(number, entry)| Some((number, entry.as_mut()?)))
    }
}
