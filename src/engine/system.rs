//! What the engine works on, so that a test can play a machine.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Change;

/// A step in a system.
pub(super) type ChangeOf<W> = Change<<W as System>::Key, <W as System>::Value>;

/// A machine, or a part of one, as a map from keys to values.
pub trait System {
    /// What can be changed. It is displayed to people and kept in the journal.
    type Key: Clone + Debug + Display + Eq + Hash + Serialize + DeserializeOwned;
    /// What it can be.
    type Value: Clone + Debug + Display + PartialEq + Serialize + DeserializeOwned;
    /// What can go wrong.
    type Error: std::error::Error + 'static;

    /// Forgets what was read earlier of what these changes touched. Called before it is verified.
    fn invalidate(&mut self, changes: &[ChangeOf<Self>]) {
        let _ = changes;
    }

    /// The present value; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be told.
    fn read(&mut self, key: &Self::Key) -> Result<Option<Self::Value>, Self::Error>;

    /// Makes one change. `from` is what [`System::read`] said a moment ago.
    ///
    /// # Errors
    ///
    /// Where the change was refused, or its outcome is not known.
    fn write(&mut self, change: &Change<Self::Key, Self::Value>) -> Result<(), Self::Error>;

    /// Whether a value found does as one that is desired, which may leave something open.
    fn is_in_sync(found: &Self::Value, desired: &Self::Value) -> bool {
        found == desired
    }

    /// Whether changes of this key may be made many at a time, by [`System::write_all`].
    ///
    /// They are then read, journalled and written together, so that none may depend on another,
    /// nor have [`System::side_effects`].
    fn is_batched(key: &Self::Key) -> bool {
        let _ = key;
        false
    }

    /// Puts changes of one batch into an order in which every state between is safe.
    fn order_batch(changes: &mut [ChangeOf<Self>]) {
        let _ = changes;
    }

    /// Makes many changes and tells the outcome of each, in their order. Where the conversation
    /// breaks, the last outcome is its error, and nothing is known of the changes behind it.
    fn write_all(&mut self, changes: &[ChangeOf<Self>]) -> Vec<Result<(), Self::Error>> {
        changes.iter().map(|change| self.write(change)).collect()
    }

    /// What the machine changes by itself along with this change, each as it is and as it will be.
    /// Undoing the change need not undo these, so that they are journalled with it.
    ///
    /// # Errors
    ///
    /// Where it cannot be told.
    fn side_effects(
        &mut self,
        change: &ChangeOf<Self>,
    ) -> Result<Vec<ChangeOf<Self>>, Self::Error> {
        let _ = change;
        Ok(Vec::new())
    }

    /// Whether what the key belongs to is gone for good, as the interface of an address may be: what
    /// was taken from it cannot be given back then, which is told and stops nothing.
    ///
    /// # Errors
    ///
    /// Where it cannot be told.
    fn is_orphaned(&mut self, key: &Self::Key) -> Result<bool, Self::Error> {
        let _ = key;
        Ok(false)
    }

    /// The key with which this one would be removed, as a destination is with its service.
    fn parent(key: &Self::Key) -> Option<Self::Key> {
        let _ = key;
        None
    }

    /// What there is now that would be removed with the key.
    ///
    /// # Errors
    ///
    /// Where it cannot be told.
    fn children(&mut self, key: &Self::Key) -> Result<Vec<Self::Key>, Self::Error> {
        let _ = key;
        Ok(Vec::new())
    }

    /// The change as the command that a person would type in a shell.
    fn command(change: &Change<Self::Key, Self::Value>) -> String;
}
