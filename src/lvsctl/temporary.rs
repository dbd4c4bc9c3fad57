//! Kernel parameters that have another value for the time of a step. Every run reverts what one that
//! was killed has left.

use super::Error;
use super::runner::Session;
use crate::engine::Desired;
use crate::host::machine::{Key, Value};
use crate::host::{self, Sysctl};
use crate::policy::{DesiredItem, MachineJournal, Owner};

/// Such a parameter of IPVS as a desired item.
pub(super) fn item(parameter: &'static str, value: &str) -> DesiredItem {
    Desired {
        key: Key::Host(host::Key::Sysctl(Sysctl::of_ipvs(parameter))),
        value: Some(Value::Host(value.to_owned())),
        acceptable: Vec::new(),
        owner: Owner::Temporary,
    }
}

/// Whether somebody else gave the parameter its value, as a cluster file can: then it stays.
pub(super) fn is_taken(journal: &MachineJournal, parameter: &'static str) -> bool {
    let key = Key::Host(host::Key::Sysctl(Sysctl::of_ipvs(parameter)));
    let entry = journal.entry(&key);
    entry.is_some_and(|entry| entry.owners.iter().any(|owner| *owner != Owner::Temporary))
}

/// Sets a parameter of IPVS, works, and reverts it, also where the work fails.
pub(super) fn set<T>(
    session: &mut Session,
    parameter: &'static str,
    value: &str,
    work: impl FnOnce(&mut Session) -> Result<T, Error>,
) -> Result<T, Error> {
    let free = !is_taken(&session.journal, parameter);
    let items: Vec<DesiredItem> = free.then(|| item(parameter, value)).into_iter().collect();
    session.set_temporarily(None, &items)?;
    let worked = work(session);
    let reverted = session.set_temporarily(None, &[]);
    let worked = worked?;
    reverted?;
    Ok(worked)
}
