//! The network of a host as the engine sees it, within the test process.

use std::panic::resume_unwind;

use programs::engine::{Change, System};
use programs::host::{self, Key};

/// A machine that can die before and after each write, and between the two parts of one.
pub struct Machine {
    pub host: host::Host,
    moments: usize,
    pub dies_at: Option<usize>,
}

pub struct Death;

impl Machine {
    pub fn new() -> Self {
        Self { host: host::Host::new().unwrap(), moments: 0, dies_at: None }
    }

    fn live(&mut self) {
        if self.dies_at == Some(self.moments) {
            resume_unwind(Box::new(Death));
        }
        self.moments += 1;
    }
}

impl System for Machine {
    type Key = Key;
    type Value = String;
    type Error = host::Error;

    fn invalidate(&mut self, _: &[Change<Key, String>]) {
        self.host.invalidate();
    }

    fn read(&mut self, key: &Key) -> Result<Option<String>, host::Error> {
        self.host.read(key)
    }

    fn write(&mut self, change: &Change<Key, String>) -> Result<(), host::Error> {
        self.live();
        if let (Key::Port(port), Some(_)) = (&change.key, &change.to) {
            let key = Key::LinkUp(port.clone());
            let (from, to) = (self.host.read(&key)?, Some(host::DOWN.to_owned()));
            self.host.write(&Change { key, from, to })?;
            self.live();
        }
        self.host.write(change)?;
        self.live();
        Ok(())
    }

    fn side_effects(
        &mut self,
        change: &Change<Key, String>,
    ) -> Result<Vec<Change<Key, String>>, host::Error> {
        self.host.side_effects(change)
    }

    fn is_orphaned(&mut self, key: &Key, previous: &String) -> Result<bool, host::Error> {
        self.host.is_orphaned(key, previous)
    }

    fn command(change: &Change<Key, String>) -> String {
        Key::command(change)
    }
}
