//! The network of a host as the engine sees it, in the test's own process.

use std::panic::resume_unwind;

use lvs::node::{self, Key};
use lvs::plan::{Change, World};

/// A machine that can die before and after each write, and between the two halves of one.
pub struct Machine {
    pub host: node::Host,
    moments: usize,
    pub dies_at: Option<usize>,
}

pub struct Death;

impl Machine {
    pub fn new() -> Self {
        Self { host: node::Host::new().unwrap(), moments: 0, dies_at: None }
    }

    fn live(&mut self) {
        if self.dies_at == Some(self.moments) {
            resume_unwind(Box::new(Death));
        }
        self.moments += 1;
    }
}

impl World for Machine {
    type Key = Key;
    type Value = String;
    type Error = node::Error;

    fn read(&mut self, key: &Key) -> Result<Option<String>, node::Error> {
        self.host.read(key)
    }

    fn write(&mut self, change: &Change<Key, String>) -> Result<(), node::Error> {
        self.live();
        if let (Key::Port(port), Some(_)) = (&change.key, &change.to) {
            let key = Key::LinkUp(port.clone());
            let (from, to) = (self.host.read(&key)?, Some(node::DOWN.to_owned()));
            self.host.write(&Change { key, from, to })?;
            self.live();
        }
        self.host.write(change)?;
        self.live();
        Ok(())
    }

    fn consequences(
        &mut self,
        change: &Change<Key, String>,
    ) -> Result<Vec<Change<Key, String>>, node::Error> {
        self.host.consequences(change)
    }

    fn is_lost(&mut self, key: &Key) -> Result<bool, node::Error> {
        self.host.is_lost(key)
    }

    fn command(change: &Change<Key, String>) -> String {
        Key::command(change)
    }
}
