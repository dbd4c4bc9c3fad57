//! A world in which changes are only imagined: what a dry run works on.

use hashbrown::HashMap;

use super::world::ChangeOf;
use super::{Change, World};

/// Reads the real world, keeps every change to itself.
#[derive(Debug)]
pub struct Imagined<'a, W: World> {
    real: &'a mut W,
    written: HashMap<W::Key, Option<W::Value>>,
}

impl<'a, W: World> Imagined<'a, W> {
    /// The world as it is, before the first imagined change.
    pub fn new(real: &'a mut W) -> Self {
        Self { real, written: HashMap::new() }
    }
}

impl<W: World> World for Imagined<'_, W> {
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
        for change in self.consequences(change)? {
            self.written.insert(change.key, change.to);
        }
        self.written.insert(change.key.clone(), change.to.clone());
        Ok(())
    }

    fn consequences(&mut self, change: &ChangeOf<W>) -> Result<Vec<ChangeOf<W>>, W::Error> {
        self.real.consequences(change)
    }

    fn is_lost(&mut self, key: &W::Key) -> Result<bool, W::Error> {
        self.real.is_lost(key)
    }

    fn whole(key: &W::Key) -> Option<W::Key> {
        W::whole(key)
    }

    fn parts(&mut self, key: &W::Key) -> Result<Vec<W::Key>, W::Error> {
        let mut parts = self.real.parts(key)?;
        parts.retain(|part| self.written.get(part).is_none_or(Option::is_some));
        Ok(parts)
    }

    fn satisfies(found: &W::Value, wanted: &W::Value) -> bool {
        W::satisfies(found, wanted)
    }

    fn in_batches(key: &W::Key) -> bool {
        W::in_batches(key)
    }

    fn arrange(changes: &mut [ChangeOf<W>]) {
        W::arrange(changes);
    }

    fn command(change: &Change<W::Key, W::Value>) -> String {
        W::command(change)
    }
}
