//! What was changed, what it was before, and who still wants it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::{Change, JournalError, JournalFile, Wanted};

/// One key that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<K, V> {
    /// What was changed.
    pub key: K,
    /// Its value before the first change; `None` where there was none.
    pub previous: Option<V>,
    /// The value that it was given; `None` where it was removed.
    pub ours: Option<V>,
    /// What changed along with it (see [`World::consequences`](super::World::consequences)), and
    /// what that was before.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<(K, V)>,
    /// Who wants it. An entry that nobody claims is due to be given back.
    pub claims: Vec<String>,
}

/// All that was changed, in the order in which it was.
///
/// Nothing is on disk before [`Journal::persist`]; a journal without a file never is.
#[derive(Clone, Debug)]
pub struct Journal<K, V> {
    file: Option<JournalFile>,
    entries: Vec<Entry<K, V>>,
    /// Where in `entries` a key is.
    places: HashMap<K, usize>,
}

impl<K: Clone + Eq + Hash, V: Clone + PartialEq> Journal<K, V> {
    /// A journal that [`Journal::persist`] writes to that file.
    #[must_use]
    pub fn new(file: JournalFile, entries: Vec<Entry<K, V>>) -> Self {
        let places = places(&entries);
        Self { file: Some(file), entries, places }
    }

    /// The same entries, never to be written: for a dry run.
    #[must_use]
    pub fn imagined(&self) -> Self {
        Self { file: None, entries: self.entries.clone(), places: self.places.clone() }
    }

    /// All entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry<K, V>] {
        &self.entries
    }

    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &K) -> Option<&Entry<K, V>> {
        self.places.get(key).and_then(|place| self.entries.get(*place))
    }

    /// Every claim, once, in the order of their first appearance.
    #[must_use]
    pub fn claims(&self) -> Vec<String> {
        let (mut claims, mut seen) = (Vec::new(), HashSet::new());
        for claim in self.entries.iter().flat_map(|entry| &entry.claims) {
            if seen.insert(claim) {
                claims.push(claim.clone());
            }
        }
        claims
    }

    fn entry_mut(&mut self, key: &K) -> Option<&mut Entry<K, V>> {
        self.places.get(key).and_then(|place| self.entries.get_mut(*place))
    }

    /// Adds a claim to the entry of a key, if there is one. Says whether that was new.
    pub(super) fn claim(&mut self, key: &K, claim: &str) -> bool {
        let entry = self.entry_mut(key);
        let Some(entry) = entry.filter(|entry| !entry.claims.iter().any(|held| held == claim))
        else {
            return false;
        };
        entry.claims.push(claim.to_owned());
        true
    }

    /// Notes a change that is about to be made, and its consequences. The previous values of an
    /// earlier run that was killed stay: they are those from before the first change.
    pub(super) fn record(
        &mut self,
        wanted: &Wanted<K, V>,
        found: Option<V>,
        consequences: Vec<Change<K, V>>,
    ) {
        self.claim(&wanted.key, &wanted.claim);
        if let Some(entry) = self.entry_mut(&wanted.key) {
            entry.ours = wanted.value.clone();
            return;
        }
        self.places.insert(wanted.key.clone(), self.entries.len());
        self.entries.push(Entry {
            key: wanted.key.clone(),
            previous: found,
            ours: wanted.value.clone(),
            along: consequences
                .into_iter()
                .filter_map(|change| Some((change.key, change.from?)))
                .collect(),
            claims: vec![wanted.claim.clone()],
        });
    }

    /// Takes the claims off every entry, except where `keep` says otherwise. Says whether any was.
    pub(super) fn release(&mut self, claims: &[String], keep: impl Fn(&K, &str) -> bool) -> bool {
        let claims: HashSet<&str> = claims.iter().map(String::as_str).collect();
        let mut released = false;
        for Entry { key, claims: held, .. } in &mut self.entries {
            let before = held.len();
            held.retain(|claim| !claims.contains(claim.as_str()) || keep(key, claim));
            released |= held.len() < before;
        }
        released
    }

    /// Entries that nobody claims, newest first: the order in which they are given back.
    pub(super) fn unclaimed(&self) -> Vec<Entry<K, V>> {
        let unclaimed = self.entries.iter().rev().filter(|entry| entry.claims.is_empty());
        unclaimed.cloned().collect()
    }

    /// Forgets keys.
    pub(super) fn forget(&mut self, keys: &HashSet<&K>) {
        self.entries.retain(|entry| !keys.contains(&entry.key));
        self.places = places(&self.entries);
    }

    /// Goes back to earlier entries, but keeps the present ones of the keys given.
    pub(super) fn revert(&mut self, earlier: Vec<Entry<K, V>>, keep: &HashSet<&K>) {
        let present = std::mem::replace(&mut self.entries, earlier);
        self.places = places(&self.entries);
        for entry in present.into_iter().filter(|entry| keep.contains(&entry.key)) {
            match self.entry_mut(&entry.key) {
                Some(earlier) => *earlier = entry,
                None => {
                    self.places.insert(entry.key.clone(), self.entries.len());
                    self.entries.push(entry);
                }
            }
        }
    }
}

fn places<K: Clone + Eq + Hash, V>(entries: &[Entry<K, V>]) -> HashMap<K, usize> {
    entries.iter().enumerate().map(|(place, entry)| (entry.key.clone(), place)).collect()
}

impl<K: Serialize, V: Serialize> Journal<K, V> {
    /// Writes the journal to its file, if it has one. Returns once it is on the disk.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written; the one before is then still whole.
    pub fn persist(&mut self) -> Result<(), JournalError> {
        match &mut self.file {
            Some(file) => file.save(&self.entries),
            None => Ok(()),
        }
    }
}
