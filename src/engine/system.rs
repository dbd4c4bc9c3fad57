//! What the engine works on: desired items, a system, and a system for dry runs.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use hashbrown::HashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Change;
use lvs::table::suffices;

/// A change of a system.
pub(super) type ChangeOf<W> = Change<<W as System>::Key, <W as System>::Value>;

/// The desired value of one key, and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired<K, V, O> {
    /// The key.
    pub key: K,
    /// The value that is written unless the actual one is acceptable; `None` where the key must have
    /// none.
    pub value: Option<V>,
    /// Other values that are left alone.
    pub acceptable: Vec<V>,
    /// A key may have several owners, each with an item of its own.
    pub owner: O,
}

impl<K, V, O> Desired<K, V, O> {
    /// No other value is acceptable.
    pub(crate) const fn new(key: K, value: Option<V>, owner: O) -> Self {
        Self { key, value, acceptable: Vec::new(), owner }
    }
}

impl<K, V: PartialEq, O> Desired<K, V, O> {
    /// Whether the actual value needs no change, by the rule of [`System::is_in_sync`].
    pub fn is_met_by(&self, actual: Option<&V>, is_in_sync: impl Fn(&V, &V) -> bool) -> bool {
        suffices(actual, self.value.as_ref(), is_in_sync)
            || actual.is_some_and(|actual| self.acceptable.contains(actual))
    }
}

/// Who requires an item. An owner is displayed to people and kept in the journal.
pub trait OwnerId: Clone + Debug + Display + Eq + Hash + Serialize + DeserializeOwned {}

impl<O: Clone + Debug + Display + Eq + Hash + Serialize + DeserializeOwned> OwnerId for O {}

/// A value that is reverted.
#[derive(Debug)]
pub struct Rebase<'a, V> {
    /// The value that we gave the key.
    pub ours: Option<&'a V>,
    /// The values that it has instead: as it was recorded, and where it is now.
    pub previous: &'a [V],
}

impl<V> Clone for Rebase<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Rebase<'_, V> {}

/// Follows a run of the engine: sees each change as it is made, and may interrupt the run.
pub trait Watcher<K, V> {
    /// These changes were made just now, and are not rolled back so far.
    fn made(&mut self, changes: &[Change<K, V>]);

    /// The signal that asks to end the run, if there is one.
    fn interruption(&self) -> Option<&'static str>;
}

/// A machine, or a part of one, as a map from keys to values. A test may have one in memory.
pub trait System {
    /// What can be changed. It is displayed to people and kept in the journal.
    type Key: Clone + Debug + Display + Eq + Hash + Serialize + DeserializeOwned;
    /// The state of a key.
    type Value: Clone + Debug + Display + PartialEq + Serialize + DeserializeOwned;
    /// Why a key cannot be read or changed.
    type Error: std::error::Error + 'static;

    /// Invalidates what was cached of the keys of these changes, before they are verified.
    fn invalidate(&mut self, changes: &[ChangeOf<Self>]) {
        let _ = changes;
    }

    /// Reads the actual value; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    fn read(&mut self, key: &Self::Key) -> Result<Option<Self::Value>, Self::Error>;

    /// Makes one change. `from` is what [`System::read`] just returned.
    ///
    /// # Errors
    ///
    /// Where the change was refused, or its outcome is not known.
    fn write(&mut self, change: &Change<Self::Key, Self::Value>) -> Result<(), Self::Error>;

    /// Whether an actual value is as desired. A desired one may leave something open.
    fn is_in_sync(actual: &Self::Value, desired: &Self::Value) -> bool {
        actual == desired
    }

    /// Whether changes of this key may be made many at a time, by [`System::write_all`].
    ///
    /// They are then read, journalled and written together, so that none may depend on another,
    /// nor have [`System::side_effects`].
    fn is_batched(key: &Self::Key) -> bool {
        let _ = key;
        false
    }

    /// Puts changes of one batch into an order in which every intermediate state is safe.
    fn order_batch(changes: &mut [ChangeOf<Self>]) {
        let _ = changes;
    }

    /// Makes many changes and returns the outcome of each, in their order. Where the connection
    /// breaks, the last outcome is its error, and nothing is known of the changes after it.
    fn write_all(&mut self, changes: &[ChangeOf<Self>]) -> Vec<Result<(), Self::Error>> {
        changes.iter().map(|change| self.write(change)).collect()
    }

    /// What the machine changes by itself along with this change, each from its actual to its new
    /// value. Undoing the change need not undo these, so that they are journalled with it.
    ///
    /// # Errors
    ///
    /// Where they cannot be read.
    fn side_effects(
        &mut self,
        change: &ChangeOf<Self>,
    ) -> Result<Vec<ChangeOf<Self>>, Self::Error> {
        let _ = change;
        Ok(Vec::new())
    }

    /// Whether what the key belongs to no longer exists, as the interface of an address may not: its
    /// previous value cannot be put back then, which is reported and is no failure.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    fn is_orphaned(
        &mut self,
        key: &Self::Key,
        previous: &Self::Value,
    ) -> Result<bool, Self::Error> {
        let _ = (key, previous);
        Ok(false)
    }

    /// A value of the journal as it would be written on the machine as it is now: the interface of a
    /// route may have another name, or have become a port of a bond.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    fn relocated(
        &mut self,
        key: &Self::Key,
        value: &Self::Value,
    ) -> Result<Self::Value, Self::Error> {
        let _ = key;
        Ok(value.clone())
    }

    /// The other keys of the journal under which the object of this one is recorded, too: what each
    /// would have recorded with one value of this key instead of another. `None` of other objects.
    fn rebased(
        key: &Self::Key,
        values: Rebase<'_, Self::Value>,
        other: &Self::Key,
        recorded: &Self::Value,
    ) -> Option<Option<Self::Value>> {
        let _ = (key, values, other, recorded);
        None
    }

    /// Whether the previous value is put back into an empty place too: the machine itself may have
    /// removed ours, as the default route of an interface that was down for a moment.
    fn is_refilled(key: &Self::Key) -> bool {
        let _ = key;
        false
    }

    /// The number of the object that the key belongs to, such as the index of an interface: names can
    /// change. It is journalled with the key.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    fn object(&mut self, key: &Self::Key) -> Result<Option<u32>, Self::Error> {
        let _ = key;
        Ok(None)
    }

    /// Tells which object a key of the journal belonged to, see [`System::object`].
    fn remember(&mut self, key: &Self::Key, object: u32) {
        let _ = (key, object);
    }

    /// Whether the key is reverted before all others, as an address that clients connect to is.
    fn is_reverted_first(key: &Self::Key) -> bool {
        let _ = key;
        false
    }

    /// The key with which this one would be removed, as a destination is with its service.
    fn parent(key: &Self::Key) -> Option<Self::Key> {
        let _ = key;
        None
    }

    /// The keys that exist now and would be removed with this one.
    ///
    /// # Errors
    ///
    /// Where they cannot be read.
    fn children(&mut self, key: &Self::Key) -> Result<Vec<Self::Key>, Self::Error> {
        let _ = key;
        Ok(Vec::new())
    }

    /// The change as a shell command.
    fn command(change: &Change<Self::Key, Self::Value>) -> String;
}

/// Reads the real system and keeps every change in memory: what a dry run works on.
#[derive(Debug)]
pub(crate) struct DryRun<'a, W: System> {
    real: &'a mut W,
    written: HashMap<W::Key, Option<W::Value>>,
}

impl<'a, W: System> DryRun<'a, W> {
    pub(crate) fn new(real: &'a mut W) -> Self {
        Self { real, written: HashMap::new() }
    }
}

impl<W: System> System for DryRun<'_, W> {
    type Key = W::Key;
    type Value = W::Value;
    type Error = W::Error;

    fn read(&mut self, key: &W::Key) -> Result<Option<W::Value>, W::Error> {
        match self.written.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.real.read(key),
        }
    }

    fn write(&mut self, change: &Change<W::Key, W::Value>) -> Result<(), W::Error> {
        for change in self.side_effects(change)? {
            self.written.insert(change.key, change.to);
        }
        self.written.insert(change.key.clone(), change.to.clone());
        Ok(())
    }

    fn side_effects(&mut self, change: &ChangeOf<W>) -> Result<Vec<ChangeOf<W>>, W::Error> {
        self.real.side_effects(change)
    }

    fn is_orphaned(&mut self, key: &W::Key, previous: &W::Value) -> Result<bool, W::Error> {
        self.real.is_orphaned(key, previous)
    }

    fn relocated(&mut self, key: &W::Key, value: &W::Value) -> Result<W::Value, W::Error> {
        self.real.relocated(key, value)
    }

    fn rebased(
        key: &W::Key,
        values: Rebase<'_, W::Value>,
        other: &W::Key,
        recorded: &W::Value,
    ) -> Option<Option<W::Value>> {
        W::rebased(key, values, other, recorded)
    }

    fn is_refilled(key: &W::Key) -> bool {
        W::is_refilled(key)
    }

    fn remember(&mut self, key: &W::Key, object: u32) {
        self.real.remember(key, object);
    }

    fn is_reverted_first(key: &W::Key) -> bool {
        W::is_reverted_first(key)
    }

    fn parent(key: &W::Key) -> Option<W::Key> {
        W::parent(key)
    }

    fn children(&mut self, key: &W::Key) -> Result<Vec<W::Key>, W::Error> {
        let mut children = self.real.children(key)?;
        children.retain(|child| self.written.get(child).is_none_or(Option::is_some));
        Ok(children)
    }

    fn is_in_sync(actual: &W::Value, desired: &W::Value) -> bool {
        W::is_in_sync(actual, desired)
    }

    fn is_batched(key: &W::Key) -> bool {
        W::is_batched(key)
    }

    fn order_batch(changes: &mut [ChangeOf<W>]) {
        W::order_batch(changes);
    }

    fn command(change: &Change<W::Key, W::Value>) -> String {
        W::command(change)
    }
}
