//! Real servers that leave service: those that `lvsctl drain` has drained, and those that a run would
//! delete while clients are connected to them.

use std::collections::{HashMap, HashSet};

use super::Error;
use super::connections::{self, Connections};
use crate::engine::{Desired, System};
use crate::host::machine::{self, Key, Machine, Value};
use crate::policy::{self, DesiredItem, MachineJournal, Owner};
use lvs::table;

/// With this parameter the kernel resets the connections of a deleted destination.
pub(super) const EXPIRE: &str = "expire_nodest_conn";

/// With this parameter clients of a persistent service leave a real server with weight 0.
pub(super) const QUIESCENT: &str = "expire_quiescent_template";

/// A destination that is to go, and its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Departing {
    pub(super) key: table::Key,
    pub(super) connections: Connections,
    owner: Owner,
}

/// The destinations with open connections that the run would delete: those of its owners that are no
/// longer desired, and those whose removal is desired. `fallback` owns what has no owner any more.
pub(super) fn find(
    desired: &[DesiredItem],
    machine: &mut Machine,
    journal: &MachineJournal,
    covers: impl Fn(&Owner) -> bool,
    fallback: Option<&Owner>,
) -> Result<Vec<Departing>, Error> {
    let stay = desired.iter().filter(|item| item.value.is_some());
    let staying: HashSet<&Key> = stay.map(|item| &item.key).collect();
    let released = journal.entries().filter_map(|entry| {
        let goes = entry.previous.is_none() && entry.ours.is_some();
        let goes = goes && entry.owners.iter().all(&covers);
        let owner = entry.owners.first().or(fallback)?;
        goes.then_some((&entry.key, owner))
    });
    let removed = desired.iter().filter(|item| item.value.is_none());
    let removed = removed.map(|item| (&item.key, &item.owner));
    let going: Vec<(table::Key, &Owner)> = released
        .chain(removed)
        .filter(|(key, _)| !staying.contains(key))
        .filter_map(|(key, owner)| match key {
            Key::Table(key @ table::Key::Destination { .. }) => Some((*key, owner)),
            _ => None,
        })
        .collect();
    let keys: Vec<table::Key> = going.iter().map(|(key, _)| *key).collect();
    let counted = connections::of_destinations(machine, &keys)?;
    let departing = going.into_iter().filter_map(|(key, owner)| {
        let (_, connections) = *counted.get(&key).filter(|(_, it)| it.are_open())?;
        Some(Departing { key, connections, owner: owner.clone() })
    });
    Ok(departing.collect())
}

/// Makes the departing stay with weight 0 instead, and their services with them: they keep their
/// connections and get no new ones.
pub(super) fn keep(
    departing: &[Departing],
    desired: &mut Vec<DesiredItem>,
    machine: &mut Machine,
) -> Result<(), Error> {
    let mut kept: Vec<DesiredItem> = Vec::new();
    let mut keep = |key: Key, value: Value, owner: &Owner| {
        if !kept.iter().any(|item| item.key == key) {
            kept.push(Desired::new(key, Some(value), owner.clone()));
        }
    };
    for Departing { key, owner, .. } in departing {
        let Some(service) = key.service() else { continue };
        let of_service = Key::Table(table::Key::Service(service));
        if let Some(Value::Table(value)) = machine.read(&of_service)? {
            if matches!(&value, table::Value::Service(service) if service.is_persistent()) {
                // Otherwise clients that come back go on getting the real server.
                keep(Key::ipvs_parameter(QUIESCENT), Value::Host("1".to_owned()), owner);
            }
            keep(of_service, Value::Table(value), owner);
        }
        let key = Key::Table(*key);
        if let Some(found) = machine.read(&key)?.as_ref().and_then(Value::destination) {
            keep(key, found.clone().with_weight(0).into(), owner);
        }
    }
    let mut known: HashSet<Key> = kept.iter().map(|item| item.key.clone()).collect();
    desired.retain(|item| item.value.is_some() || !known.contains(&item.key));
    for item in &*desired {
        known.remove(&item.key);
    }
    desired.extend(kept.into_iter().filter(|item| known.contains(&item.key)));
    Ok(())
}

/// Makes desired what spares clients: drained real servers stay drained, and those that are to go, and
/// have connections, stay with weight 0.
pub(super) fn spare(
    desired: &mut Vec<DesiredItem>,
    machine: &mut Machine,
    journal: &MachineJournal,
    covers: impl Fn(&Owner) -> bool,
) -> Result<Vec<Departing>, Error> {
    overlay(desired, journal);
    let departing = find(desired, machine, journal, covers, None)?;
    keep(&departing, desired, machine)?;
    Ok(departing)
}

/// What lvsctl has set, with what is drained.
pub(super) fn journalled(journal: &MachineJournal) -> Vec<DesiredItem> {
    let mut desired = policy::journalled(|_| true, journal);
    overlay(&mut desired, journal);
    desired
}

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
            (Some(Some(ours)), Some(Value::Table(table::Value::Destination(wanted)))) => {
                wanted.weight = ours.destination().map_or(wanted.weight, |ours| ours.weight);
            }
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
