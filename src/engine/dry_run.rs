//! A system in which changes are only dry_run: what a dry run works on.

use hashbrown::HashMap;

use super::system::ChangeOf;
use super::{Change, System};

/// Reads the real system, keeps every change to itself.
#[derive(Debug)]
pub struct DryRun<'a, W: System> {
    real: &'a mut W,
    written: HashMap<W::Key, Option<W::Value>>,
}

impl<'a, W: System> DryRun<'a, W> {
    /// The system as it is, before the first dry_run change.
    pub fn new(real: &'a mut W) -> Self {
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

    fn is_orphaned(&mut self, key: &W::Key) -> Result<bool, W::Error> {
        self.real.is_orphaned(key)
    }

    fn parent(key: &W::Key) -> Option<W::Key> {
        W::parent(key)
    }

    fn children(&mut self, key: &W::Key) -> Result<Vec<W::Key>, W::Error> {
        let mut parts = self.real.children(key)?;
        parts.retain(|part| self.written.get(part).is_none_or(Option::is_some));
        Ok(parts)
    }

    fn is_in_sync(found: &W::Value, desired: &W::Value) -> bool {
        W::is_in_sync(found, desired)
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
