//! Real servers that `lvsctl drain` has drained, in the journal.

use std::collections::HashMap;

use crate::engine::System;
use crate::host::machine::{self, Key, Machine, Value};
use crate::policy::{self, DesiredItem, MachineJournal, Owner};
use lvs::table;

/// What `drain` gave each destination: with weight 0, or deleted.
fn drained(journal: &MachineJournal) -> HashMap<table::Key, Option<&Value>> {
    let entries = journal.entries().filter(|entry| !entry.owners.is_empty());
    let drained = entries.filter_map(|entry| match &entry.key {
        Key::Drained(key) => Some((*key, entry.ours.as_ref())),
        _ => None,
    });
    drained.collect()
}

/// Makes drained destinations desired as `drain` left them: only `resume` gives them connections again.
pub(super) fn overlay(desired: &mut [DesiredItem], journal: &MachineJournal) {
    let drained = drained(journal);
    if drained.is_empty() {
        return;
    }
    for item in desired {
        let Key::Table(key) = &item.key else { continue };
        match (drained.get(key), &mut item.value) {
            (Some(None), value) => *value = None,
            (
                Some(Some(Value::Table(table::Value::Destination(ours)))),
                Some(Value::Table(table::Value::Destination(wanted))),
            ) => wanted.weight = ours.weight,
            _ => {}
        }
    }
}

/// The drained destinations that another program or another run deleted, with what stays drained of
/// the same owners: nothing is put back for them. No owners if there are none.
pub(super) fn orphaned(
    machine: &mut Machine,
    journal: &MachineJournal,
) -> Result<(Vec<Owner>, Vec<DesiredItem>), machine::Error> {
    let (mut owners, mut orphaned) = (Vec::new(), Vec::new());
    for entry in journal.entries() {
        let is_drained = matches!(entry.key, Key::Drained(_)) && entry.ours.is_some();
        if is_drained && machine.read(&entry.key)?.is_none() {
            owners.extend(entry.owners.iter().cloned());
            orphaned.push(entry.key.clone());
        }
    }
    if owners.is_empty() {
        return Ok((owners, Vec::new()));
    }
    let mut rest = policy::journalled(|owner| owners.contains(owner), journal);
    rest.retain(|item| !orphaned.contains(&item.key));
    // A parameter of the kernel goes with the last destination of its owner.
    let drained = rest.iter().filter(|item| matches!(item.key, Key::Drained(_)));
    let staying: Vec<Owner> = drained.map(|item| item.owner.clone()).collect();
    rest.retain(|item| staying.contains(&item.owner));
    Ok((owners, rest))
}
