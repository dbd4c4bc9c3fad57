//! What was changed, its previous values, and its owners.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::path::Path;

use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use super::entries::Entries;
use super::journal_file::{JournalError, JournalFile};
use super::{Change, Damage, Desired, Entry, OwnerId};

/// Entries by their number.
type Earlier<K, V, O> = HashMap<usize, Option<Entry<K, V, O>>>;

/// The entries of all changed keys, in the order of their first change.
///
/// Nothing is on disk before [`Journal::persist`]; a journal without a file never is.
#[derive(Clone, Debug)]
pub struct Journal<K, V, O> {
    file: Option<JournalFile>,
    entries: Entries<K, V, O>,
    /// Numbers of entries that differ from those in the file.
    pending: BTreeSet<usize>,
    /// Keys whose entry is still in the file.
    removed: Vec<K>,
    /// Within a run: the entries that it changed, as they were before; `None` where there was none.
    before: Option<Earlier<K, V, O>>,
}

impl<K: Clone + Eq + Hash, V: Clone + PartialEq, O: OwnerId> Journal<K, V, O> {
    /// A journal that [`Journal::persist`] writes to that file, which has these entries.
    pub(super) fn new(file: JournalFile, entries: Entries<K, V, O>) -> Self {
        Self { file: Some(file), ..Self::of(entries) }
    }

    /// The same entries, never to be written: for a dry run.
    pub(crate) fn dry_run(&self) -> Self {
        Self::of(self.entries.clone())
    }

    fn of(entries: Entries<K, V, O>) -> Self {
        Self { file: None, entries, pending: BTreeSet::new(), removed: Vec::new(), before: None }
    }

    /// What is wrong with its file.
    pub fn damage(&self) -> Option<&Damage> {
        self.file.as_ref()?.damage()
    }

    /// Its file, where that is of an earlier epoch: what it lists no longer exists.
    pub(crate) fn void(&self) -> Option<&Path> {
        self.file.as_ref().filter(|file| file.is_void()).map(JournalFile::path)
    }

    /// Whether the last run did not end: it was killed, could not write its end, or still runs.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.file.as_ref().is_some_and(JournalFile::is_unfinished)
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry<K, V, O>> {
        self.entries.iter()
    }

    pub(crate) fn entry(&self, key: &K) -> Option<&Entry<K, V, O>> {
        self.entries.get(self.entries.number(key)?)
    }

    /// Every owner, once, in the order of their first appearance.
    pub(crate) fn owners(&self) -> Vec<O> {
        let (mut owners, mut seen) = (Vec::new(), HashSet::new());
        for owner in self.entries().flat_map(|entry| entry.owners.iter()) {
            if seen.insert(owner) {
                owners.push(owner.clone());
            }
        }
        owners
    }

    /// Keeps the state of entries from here on, for [`Journal::roll_back`].
    pub(super) fn begin(&mut self) {
        self.before = Some(HashMap::new());
        if let Some(file) = &mut self.file {
            file.mark();
        }
    }

    /// Makes changes since [`Journal::begin`] permanent.
    pub(super) fn commit(&mut self) {
        self.before = None;
    }

    /// The entry of a key, to be changed.
    fn entry_mut(&mut self, key: &K) -> Option<&mut Entry<K, V, O>> {
        let number = self.entries.number(key)?;
        let entry = self.entries.get_mut(number)?;
        if let Some(before) = &mut self.before {
            before.entry(number).or_insert_with(|| Some(entry.clone()));
        }
        self.pending.insert(number);
        Some(entry)
    }

    fn push(&mut self, entry: Entry<K, V, O>) {
        let number = self.entries.put(entry);
        if let Some(before) = &mut self.before {
            before.entry(number).or_insert(None);
        }
        self.pending.insert(number);
    }

    fn remove(&mut self, number: usize) {
        if let Some(entry) = self.entries.remove(number) {
            self.pending.remove(&number);
            self.removed.push(entry.key);
        }
    }

    /// Adds the owner of an item to the entry of its key, if there is one. Returns whether it is new.
    pub(super) fn add_owner(&mut self, desired: &Desired<K, V, O>) -> bool {
        let held = |entry: &Entry<K, V, O>| entry.owners.contains(&desired.owner);
        if self.entry(&desired.key).is_none_or(held) {
            return false;
        }
        let Some(entry) = self.entry_mut(&desired.key) else { return false };
        if entry.owners.is_empty() {
            entry.acceptable.clone_from(&desired.acceptable);
        } else {
            let is_acceptable = |value: &V| {
                desired.value.as_ref() == Some(value) || desired.acceptable.contains(value)
            };
            entry.acceptable.retain(is_acceptable);
        }
        entry.owners.push(desired.owner.clone());
        true
    }

    /// Records a change that is about to be made, and its side effects. Previous values from an earlier
    /// run that was killed stay: they are those from before the first change.
    pub(super) fn record(
        &mut self,
        desired: &Desired<K, V, O>,
        actual: Option<V>,
        side_effects: Vec<Change<K, V>>,
        object: Option<u32>,
    ) {
        self.add_owner(desired);
        if let Some(entry) = self.entry_mut(&desired.key) {
            entry.ours.clone_from(&desired.value);
            if let [_] = *entry.owners {
                entry.acceptable.clone_from(&desired.acceptable);
            }
            return;
        }
        self.push(Entry {
            key: desired.key.clone(),
            previous: actual,
            ours: desired.value.clone(),
            acceptable: desired.acceptable.clone(),
            side_effects: side_effects
                .into_iter()
                .filter_map(|change| Some((change.key, change.from?)))
                .collect(),
            object,
            owners: vec![desired.owner.clone()].into(),
        });
    }

    /// Removes the owners from every entry, except where `keep` says otherwise.
    pub(super) fn release(&mut self, owners: &[O], keep: impl Fn(&K, &O) -> bool) {
        let owners: HashSet<&O> = owners.iter().collect();
        for (number, Entry { key, owners: held, .. }) in self.entries.iter_mut() {
            if held.retain(|owner| !owners.contains(owner) || keep(key, owner)) {
                self.pending.insert(number);
            }
        }
    }

    /// Replaces the values for which `rebased` has another one.
    pub(super) fn rebase(&mut self, rebased: impl Fn(&K, &V) -> Option<Option<V>>) {
        for (number, Entry { key, previous, ours, .. }) in self.entries.iter_mut() {
            for value in [previous, ours] {
                if let Some(other) = value.as_ref().and_then(|value| rebased(key, value)) {
                    *value = other;
                    self.pending.insert(number);
                }
            }
        }
    }

    /// Entries without an owner, newest first: the order in which they are reverted.
    pub(super) fn without_owner(&self) -> Vec<Entry<K, V, O>> {
        self.entries().rev().filter(|entry| entry.owners.is_empty()).cloned().collect()
    }

    /// Removes the entries of keys.
    pub(super) fn forget<'a>(&mut self, keys: impl IntoIterator<Item = &'a K>)
    where
        K: 'a,
    {
        for key in keys {
            if let Some(number) = self.entries.number(key) {
                self.remove(number);
            }
        }
    }

    /// Restores the entries as they were at [`Journal::begin`], except for the keys given.
    pub(super) fn roll_back(&mut self, keep: &HashSet<&K>) {
        for (number, earlier) in self.before.take().unwrap_or_default() {
            let Some(entry) = self.entries.get_mut(number) else { continue };
            if keep.contains(&entry.key) {
                continue;
            }
            match earlier {
                Some(earlier) => {
                    *entry = earlier;
                    self.pending.insert(number);
                }
                None => self.remove(number),
            }
        }
    }
}

impl<K: Serialize, V: Serialize, O: OwnerId> Journal<K, V, O> {
    /// Writes what is not in its file yet, if it has one. Returns once it is on the disk.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written; its former content stays.
    pub fn persist(&mut self) -> Result<(), JournalError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let pending = self.pending.iter().filter_map(|number| self.entries.get(*number));
        file.save(&self.entries, pending, &self.removed)?;
        self.pending.clear();
        self.removed.clear();
        Ok(())
    }

    /// Keeps a damaged file under another name; [`Journal::persist`] then writes what could be read of
    /// it. Returns what is wrong with it.
    ///
    /// # Errors
    ///
    /// Where that fails; the file stays.
    pub(crate) fn keep_damaged(&mut self) -> Result<Option<Damage>, JournalError> {
        self.file.as_mut().map_or(Ok(None), JournalFile::keep_damaged)
    }

    /// Brings the file to the state of [`Journal::begin`], after [`Journal::roll_back`] of all entries.
    /// Returns whether it could.
    pub(super) fn rewind(&mut self) -> bool {
        let is_rewound = self.file.as_mut().is_some_and(JournalFile::rewind);
        if is_rewound {
            self.pending.clear();
            self.removed.clear();
        }
        is_rewound
    }

    /// Marks the file as that of a run that ended.
    ///
    /// # Errors
    ///
    /// Where it cannot be written. The next run notices that the end is missing.
    pub(crate) fn end(&mut self) -> Result<(), JournalError> {
        self.file.as_mut().map_or(Ok(()), JournalFile::end)
    }
}
