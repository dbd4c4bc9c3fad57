//! What stands in something else, as destinations do in their service, and goes with it.

use std::hash::Hash;

use hashbrown::{HashMap, HashSet};

use super::{Engine, EntryOf};
use crate::engine::System;

/// What is put back on the way down, since it was there before.
pub(super) struct Returning<K> {
    keys: HashSet<K>,
    /// One of those that are put back into a key, by that key.
    parts: HashMap<K, K>,
}

impl<K: Clone + Eq + Hash> Returning<K> {
    pub(super) fn of<W: System<Key = K>>(entries: &[EntryOf<W>]) -> Self {
        let keys = entries.iter().filter(|entry| entry.previous.is_some());
        let keys: HashSet<K> = keys.map(|entry| entry.key.clone()).collect();
        let parts = keys.iter().filter_map(|key| Some((W::parent(key)?, key.clone()))).collect();
        Self { keys, parts }
    }
}

impl<W: System> Engine<'_, W> {
    /// Something that others put into what we made, and that would go with it.
    pub(super) fn foreign_part(
        &mut self,
        key: &W::Key,
        returning: &Returning<W::Key>,
    ) -> Result<Option<W::Key>, W::Error> {
        if let Some(part) = returning.parts.get(key) {
            return Ok(Some(part.clone()));
        }
        let made_by_us =
            |part: &W::Key| self.journal.entry(part).is_some_and(|entry| entry.previous.is_none());
        Ok(self.system.children(key)?.into_iter().find(|part| !made_by_us(part)))
    }

    /// Whether there is nothing any more that the key could be put back into.
    pub(super) fn is_orphaned(
        &mut self,
        key: &W::Key,
        returning: &Returning<W::Key>,
    ) -> Result<bool, W::Error> {
        match W::parent(key) {
            Some(whole) => {
                Ok(!returning.keys.contains(&whole) && self.system.read(&whole)?.is_none())
            }
            None => self.system.is_orphaned(key),
        }
    }
}
