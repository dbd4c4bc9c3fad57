//! Who follows a run: it sees each change as it is made, and may interrupt the run.

use super::Change;

/// Follows a run of the engine.
pub trait Watcher<K, V> {
    /// These changes were made just now, and are not rolled back so far.
    fn made(&mut self, changes: &[Change<K, V>]);

    /// The signal that asks to end the run, if there is one.
    fn interruption(&self) -> Option<&'static str>;
}
