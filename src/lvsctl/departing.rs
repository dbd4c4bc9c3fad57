//! Real servers that a run would delete while clients are connected to them.

use std::collections::HashSet;

use super::Error;
use super::connections::{self, Connections};
use crate::engine::{Desired, System};
use crate::host::machine::{Key, Machine, Value};
use crate::host::{self, Sysctl};
use crate::policy::{DesiredItem, MachineJournal, Owner};
use lvs::table;

/// With this parameter the kernel resets the connections of a deleted destination.
pub(super) const EXPIRE: &str = "expire_nodest_conn";

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
            let (value, owner) = (Some(value), owner.clone());
            kept.push(Desired { key, value, acceptable: Vec::new(), owner });
        }
    };
    for Departing { key, owner, .. } in departing {
        let Some(service) = key.service() else { continue };
        let of_service = Key::Table(table::Key::Service(service));
        if let Some(Value::Table(value)) = machine.read(&of_service)? {
            if matches!(&value, table::Value::Service(service) if service.is_persistent()) {
                // Otherwise clients that come back go on getting the real server.
                let parameter = Sysctl::of_ipvs("expire_quiescent_template");
                let parameter = Key::Host(host::Key::Sysctl(parameter));
                keep(parameter, Value::Host("1".to_owned()), owner);
            }
            keep(of_service, Value::Table(value), owner);
        }
        let key = Key::Table(*key);
        if let Some(Value::Table(table::Value::Destination(found))) = machine.read(&key)? {
            let quiesced = table::Value::Destination(found.with_weight(0));
            keep(key, Value::Table(quiesced), owner);
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
