//! One run of `apply` or `diff`: the desired state, what goes, and the order of destinations.

use std::io::Write;

use hashbrown::HashSet;

use super::arguments::{FileFlags, Options};
use super::departing::{self, Departing};
use super::input::Input;
use super::remark::Remark;
use super::runner::{is_quiesced, is_taken, temporary};
use super::{Error, confirm, connections, order, undo};
use crate::engine::{Desired, Entry, Report, System};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{DesiredItem, MachineJournal, Owner};
use lvs::table;

/// What a run of [`Up`] did.
pub(super) struct Outcome {
    pub(super) report: Report<Key, Value>,
    pub(super) remarks: Vec<Remark>,
    /// What stays with weight 0, since it has connections.
    pub(super) departing: Vec<Departing>,
    /// With `lists_unmanaged`: what is in the table, and not in the file.
    pub(super) unmanaged: Option<Remark>,
}

/// A file and how to apply it.
pub(super) struct Up<'a> {
    pub(super) input: &'a Input,
    pub(super) flags: &'a FileFlags,
    pub(super) options: &'a Options,
    pub(super) before: undo::Before,
    pub(super) lists_unmanaged: bool,
}

impl Up<'_> {
    /// Applies the file, or plans that in a dry run. What is to go and has connections stays with
    /// weight 0, or is deleted and its connections are reset with `cut`.
    pub(super) fn run(&self, cut: bool, output: &mut dyn Write) -> Result<Outcome, Error> {
        let (owners, duties) = (self.input.owners(), self.input.duties()?);
        let covers = |owner: &Owner| owners.covers(owner);
        let mut session = confirm::settled(self.options)?;
        let (mut departing, mut unmanaged) = (Vec::new(), None);
        let mut report = session.apply(
            Some(&mut *output),
            self.flags.allow.as_deref(),
            covers,
            |machine, journal| {
                let mut desired = self.desired(machine, journal)?;
                if self.lists_unmanaged {
                    unmanaged = not_in_file(self.input, &desired, machine, journal)?;
                }
                let fallback = self.input.owner_of_table();
                departing = departing::find(&desired, machine, journal, covers, fallback.as_ref())?;
                match (cut, departing.is_empty()) {
                    (_, true) => {}
                    (true, false) => {
                        if !is_taken(journal, departing::EXPIRE) {
                            desired.insert(0, temporary(departing::EXPIRE, "1"));
                        }
                    }
                    (false, false) => departing::keep(&departing, &mut desired, machine)?,
                }
                if !self.options.dry_run {
                    self.before.keep(self.options, &owners, (machine, journal), &desired)?;
                }
                Ok(desired)
            },
        )?;
        let mut remarks = Vec::new();
        if cut && !departing.is_empty() {
            let departing = std::mem::take(&mut departing);
            let keys: Vec<table::Key> = departing.iter().map(|it| it.key).collect();
            let mut left = 0;
            if !session.is_dry() {
                left = connections::wait_until_expired(&keys);
                let reverted = session.set_temporarily(Some(&mut *output), &[])?;
                report.steps.extend(reverted.steps);
            }
            remarks.extend(departing.into_iter().map(Remark::Cut));
            remarks.extend((left > 0).then_some(Remark::Left(left)));
        }
        remarks.extend(departing.iter().cloned().map(Remark::Quiesced));
        let misordered = order::compare(&mut session.machine, &duties)?;
        if self.flags.reorder && !misordered.is_empty() {
            let changes = order::put_right(&mut session, &misordered)?;
            session.show(output, &changes)?;
            report.steps.extend(changes);
            remarks.extend(misordered.into_iter().map(Remark::Reordered));
        } else {
            remarks.extend(misordered.into_iter().map(Remark::Order));
        }
        Ok(Outcome { report, remarks, departing, unmanaged })
    }

    fn desired(
        &self,
        machine: &mut Machine,
        journal: &MachineJournal,
    ) -> Result<Vec<DesiredItem>, Error> {
        let mut desired = self.input.desired(machine, journal)?;
        if self.flags.keep_weights {
            keep_weights(&mut desired, machine)?;
        }
        if let Some(owner) = self.input.owner_of_table().filter(|_| self.flags.exclusive) {
            let unmanaged = unmanaged(&desired, machine, journal, &owner)?;
            desired.extend(unmanaged);
        }
        Ok(desired)
    }
}

/// `--keep-weights`: a health checker manages the weights.
fn keep_weights(desired: &mut [DesiredItem], machine: &mut Machine) -> Result<(), Error> {
    for item in desired {
        let Some(Value::Table(table::Value::Destination(destination))) = &mut item.value else {
            continue;
        };
        if let Some(found) = machine.read(&item.key)?.as_ref().and_then(Value::destination) {
            destination.weight = found.weight;
        }
    }
    Ok(())
}

/// `--exclusive`: `owner` owns the removal of each unmanaged entry of the table. `desired` is what the
/// file names.
///
/// A removal by an earlier run stays desired, or it would be reverted now. An entry that a killed run
/// was about to remove is in the journal and in the table; it is listed once.
fn unmanaged(
    desired: &[DesiredItem],
    machine: &mut Machine,
    journal: &MachineJournal,
    owner: &Owner,
) -> Result<Vec<DesiredItem>, Error> {
    let named: HashSet<&Key> = desired.iter().map(|item| &item.key).collect();
    let is_unmanaged = |key: &Key| {
        let is_owned = journal.entry(key).is_some_and(|entry| !is_removal(entry));
        !named.contains(key) && !is_owned
    };
    let mut entries = machine.unmanaged(|key| !is_unmanaged(key))?;
    let there: HashSet<Key> = entries.iter().cloned().collect();
    let removed = journal.entries().filter(|entry| is_removal(entry)).map(|entry| &entry.key);
    let removed = removed.filter(|key| is_unmanaged(key) && !there.contains(*key));
    entries.extend(removed.cloned());
    Ok(entries.into_iter().map(|key| Desired::new(key, None, owner.clone())).collect())
}

/// What is in the table, and neither in the file nor in the journal.
pub(super) fn not_in_file(
    input: &Input,
    desired: &[DesiredItem],
    machine: &mut Machine,
    journal: &MachineJournal,
) -> Result<Option<Remark>, Error> {
    if input.owner_of_table().is_none() {
        return Ok(None);
    }
    let named: HashSet<&Key> = desired.iter().map(|item| &item.key).collect();
    let is_known = |key: &Key| named.contains(key) || journal.entry(key).is_some();
    let keys: Vec<table::Key> = machine
        .unmanaged(is_known)?
        .into_iter()
        .filter_map(|key| match key {
            Key::Table(key) => Some(key),
            _ => None,
        })
        .collect();
    Ok((!keys.is_empty()).then_some(Remark::NotInFile(keys)))
}

/// Also of a destination that was there before, and stays with weight 0 until its connections end.
fn is_removal(entry: &Entry<Key, Value, Owner>) -> bool {
    let quiesced = || match (&entry.previous, &entry.ours) {
        (Some(previous), Some(ours)) => is_quiesced(previous, ours),
        _ => false,
    };
    matches!(entry.key, Key::Table(_)) && (entry.ours.is_none() || quiesced())
}
