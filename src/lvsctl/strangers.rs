//! `--exclusive`: what of the table a file does not name shall not be there.

use crate::host::machine::{Key, Machine, Value};
use hashbrown::HashSet;

use super::Error;
use crate::engine::{Desired, Entry, Journal};
use crate::policy::DesiredItem;

/// That every stranger shall be gone, for the sake of `owner`; `desired` is what the file names.
///
/// What an earlier run removed is desired gone again, or it would be given back now. What a run that
/// was killed was about to remove is in the journal and in the table, and told once.
pub(super) fn desired(
    desired: &[DesiredItem],
    machine: &mut Machine,
    journal: &Journal<Key, Value>,
    owner: &str,
) -> Result<Vec<DesiredItem>, Error> {
    let named: HashSet<&Key> = desired.iter().map(|item| &item.key).collect();
    let is_stranger = |key: &Key| {
        let is_ours = journal.entry(key).is_some_and(|entry| !is_removal(entry));
        !named.contains(key) && !is_ours
    };
    let mut strangers = machine.unmanaged(|key| !is_stranger(key))?;
    let there: HashSet<Key> = strangers.iter().cloned().collect();
    let removed = journal.entries().filter(|entry| is_removal(entry)).map(|entry| &entry.key);
    let removed = removed.filter(|key| is_stranger(key) && !there.contains(*key));
    strangers.extend(removed.cloned());
    let gone = |key| Desired { key, value: None, acceptable: Vec::new(), owner: owner.to_owned() };
    Ok(strangers.into_iter().map(gone).collect())
}

/// Whether it tells of an entry of the table that was removed.
fn is_removal(entry: &Entry<Key, Value>) -> bool {
    entry.ours.is_none() && matches!(entry.key, Key::Table(_))
}
