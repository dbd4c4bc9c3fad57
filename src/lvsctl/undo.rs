//! `lvsctl undo`: reverts the last `apply` to the state before it.
//!
//! Before its first change, `apply` writes beside the journal what its owners had then: the journalled
//! values, and the actual ones of what it is about to change. `undo` makes that the desired state of
//! these owners; what they have changed since for the first time gets its previous value from the
//! journal, as with `down`. Where `apply` was killed, the next one keeps that state: nobody wants to go
//! back to the half of a run.

use std::cell::Cell;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::arguments::Options;
use super::error::{Error, usage};
use super::input::Owners;
use super::journal_place::JournalPlace;
use super::remark::Remark;
use super::report::{self, counted};
use super::{confirm, departing};
use crate::engine::private::{create_new, open, remove};
use crate::engine::{Desired, Entry, System, suffices};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{DesiredItem, MachineJournal, Owner};

const VERSION: u32 = 1;

/// Undoes the last `apply`.
pub(super) fn run(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut session = confirm::settled(options)?;
    let place = Place::new(&options.state_dir)?;
    let Some(earlier) = place.load()? else {
        usage!(
            "there is nothing to undo: no apply has changed this machine, or it was reverted already"
        );
    };
    let owners = earlier.owners();
    let covers = |owner: &Owner| owners.covers(owner);
    let (mut departing, after_kill) = (Vec::new(), session.after_kill);
    let report = session.apply(Some(&mut *output), None, covers, |machine, journal| {
        let mut desired = earlier.desired(machine, journal, (options.change.force, after_kill))?;
        departing = departing::spare(&mut desired, machine, journal, covers)?;
        Ok(desired)
    })?;
    if !session.is_dry() && departing.is_empty() {
        place.forget()?;
    }
    let remarks: Vec<Remark> = departing.into_iter().map(Remark::Quiesced).collect();
    let steps = counted(report.steps.len(), "step");
    let summary = format!("{owners}: the last apply is undone, {steps}");
    report::print(options, output, &report, &remarks, &summary)?;
    session.finish().map(|()| 0)
}

/// Forgets the last apply of these owners, which were reverted.
pub(super) fn forget(options: &Options, owners: &Owners) -> Result<(), Error> {
    let place = Place::new(&options.state_dir)?;
    match place.load() {
        Ok(Some(earlier)) if earlier.owners() == *owners => place.forget(),
        _ => Ok(()),
    }
}

/// Of one command that applies a file: the state before its first run.
#[derive(Default)]
pub(super) struct Before {
    /// Whether this command wrote it. Otherwise it is that of a run that was killed.
    written: Cell<bool>,
}

impl Before {
    /// Writes the state of the owners, unless that was done. `desired` is what the run makes of it.
    pub(super) fn keep(
        &self,
        options: &Options,
        owners: &Owners,
        (machine, journal): (&mut Machine, &MachineJournal),
        desired: &[DesiredItem],
    ) -> Result<(), Error> {
        let place = Place::new(&options.state_dir)?;
        match load(&place.pending, &place.epoch) {
            Ok(Some(earlier)) if earlier.owners() == *owners => return Ok(()),
            Ok(Some(_)) => place.settle()?,
            _ => {}
        }
        let earlier = Earlier::gather(&place.epoch, owners, machine, journal, desired)?;
        self.written.set(true);
        place.write(&earlier)
    }

    /// The command ended: the last apply is the one that changed something.
    pub(super) fn settle(&self, options: &Options) -> Result<(), Error> {
        if options.dry_run {
            return Ok(());
        }
        let place = Place::new(&options.state_dir)?;
        match options.run.has_changed() || !self.written.get() {
            true => place.settle(),
            false => attempt("remove", &place.pending, remove(&place.pending)),
        }
    }
}

/// The state before a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Earlier {
    version: u32,
    epoch: String,
    /// The name of the cluster; none for a ruleset.
    cluster: Option<String>,
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    key: Key,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acceptable: Vec<Value>,
    owners: Vec<Owner>,
    /// The run did not change it.
    stays: bool,
}

impl Earlier {
    fn gather(
        epoch: &str,
        owners: &Owners,
        machine: &mut Machine,
        journal: &MachineJournal,
        desired: &[DesiredItem],
    ) -> Result<Self, Error> {
        let desired: HashMap<&Key, &DesiredItem> =
            desired.iter().map(|item| (&item.key, item)).collect();
        let mut items = Vec::new();
        for entry in journal.entries() {
            let covered = entry.owners.iter().filter(|owner| owners.covers(owner));
            let covered: Vec<Owner> = covered.cloned().collect();
            if covered.is_empty() {
                continue;
            }
            let actual = machine.read(&entry.key)?;
            let stays = desired
                .get(&entry.key)
                .is_some_and(|item| item.is_met_by(actual.as_ref(), Machine::is_in_sync));
            items.push(Item {
                key: entry.key.clone(),
                value: if stays { entry.ours.clone() } else { actual },
                acceptable: entry.acceptable.clone(),
                owners: covered,
                stays,
            });
        }
        let cluster = match owners {
            Owners::Cluster(name) => Some(name.clone()),
            Owners::Rules => None,
        };
        Ok(Self { version: VERSION, epoch: epoch.to_owned(), cluster, items })
    }

    fn owners(&self) -> Owners {
        self.cluster.clone().map_or(Owners::Rules, Owners::Cluster)
    }

    /// The earlier state, in which what others changed since stays, if that is permitted. After a kill,
    /// what was about to be changed may have its previous value.
    fn desired(
        &self,
        machine: &mut Machine,
        journal: &MachineJournal,
        (may_differ, after_kill): (bool, bool),
    ) -> Result<Vec<DesiredItem>, Error> {
        let mut theirs = Vec::new();
        let mut desired = Vec::new();
        for item in &self.items {
            let actual = machine.read(&item.key)?;
            let now = journal.entry(&item.key);
            let mut acceptable = item.acceptable.clone();
            if item.stays && now.is_some_and(|now| now.ours == item.value) {
                acceptable.extend(actual);
            } else if is(actual.as_ref(), item.value.as_ref())
                || is(actual.as_ref(), now.and_then(|now| now.ours.as_ref()))
                || after_kill && is(actual.as_ref(), now.and_then(|now| now.previous.as_ref()))
            {
                // It is as the run left it, or as it was.
            } else {
                theirs.push(changed(&item.key, actual.as_ref()));
                match actual {
                    Some(actual) => acceptable.push(actual),
                    None => continue,
                }
            }
            desired.extend(item.owners.iter().map(|owner| Desired {
                key: item.key.clone(),
                value: item.value.clone(),
                acceptable: acceptable.clone(),
                owner: owner.clone(),
            }));
        }
        let known: HashSet<&Key> = self.items.iter().map(|item| &item.key).collect();
        let owners = self.owners();
        for entry in journal.entries() {
            let is_new =
                !known.contains(&entry.key) && entry.owners.iter().all(|it| owners.covers(it));
            if is_new && is_theirs(entry, machine.read(&entry.key)?.as_ref()) {
                theirs.push(changed(&entry.key, machine.read(&entry.key)?.as_ref()));
            }
        }
        match theirs.is_empty() || may_differ {
            true => Ok(desired),
            false => Err(Error::ChangedSince(theirs.concat())),
        }
    }
}

/// Whether others gave another value to what the run changed for the first time. A real server that
/// the run added goes whatever its weight is, which a health checker may change at any time.
fn is_theirs(entry: &Entry<Key, Value, Owner>, actual: Option<&Value>) -> bool {
    let destination = |value: Option<&Value>| value.and_then(Value::destination).cloned();
    let same_but_weight = || match (destination(actual), destination(entry.ours.as_ref())) {
        (Some(actual), Some(ours)) => {
            entry.previous.is_none() && actual.with_weight(ours.weight) == ours
        }
        _ => false,
    };
    // What is gone needs no undo.
    actual.is_some()
        && !is(actual, entry.ours.as_ref())
        && !is(actual, entry.previous.as_ref())
        && !same_but_weight()
}

fn is(actual: Option<&Value>, value: Option<&Value>) -> bool {
    suffices(actual, value, Machine::is_in_sync)
}

fn changed(key: &Key, actual: Option<&Value>) -> String {
    match actual {
        Some(actual) => format!("\n  {key} is {actual} now"),
        None => format!("\n  {key} is gone"),
    }
}

/// Where the state before the last `apply` is kept, and before one that has not ended.
struct Place {
    last: PathBuf,
    pending: PathBuf,
    epoch: String,
}

impl Place {
    fn new(directory: &Path) -> Result<Self, Error> {
        let JournalPlace { path, epoch } = JournalPlace::new(directory)?;
        let last = path.with_extension("undo");
        Ok(Self { last, pending: path.with_extension("undo-pending"), epoch })
    }

    fn load(&self) -> Result<Option<Earlier>, Error> {
        match load(&self.pending, &self.epoch)? {
            Some(earlier) => Ok(Some(earlier)),
            None => load(&self.last, &self.epoch),
        }
    }

    fn write(&self, earlier: &Earlier) -> Result<(), Error> {
        let new = self.last.with_extension("undo-new");
        let written = remove(&new).and_then(|()| {
            let mut file = BufWriter::new(create_new(&new)?);
            serde_json::to_writer(&mut file, earlier)?;
            file.into_inner()?;
            // Not synced: it is void after a boot.
            fs::rename(&new, &self.pending)
        });
        attempt("write", &self.pending, written)
    }

    /// The run that has not ended is the last one.
    fn settle(&self) -> Result<(), Error> {
        match fs::rename(&self.pending, &self.last) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => attempt("write", &self.last, renamed),
        }
    }

    fn forget(&self) -> Result<(), Error> {
        [&self.last, &self.pending]
            .into_iter()
            .try_for_each(|path| attempt("remove", path, remove(path)))
    }
}

/// None where there is no file, or one of an earlier boot or namespace.
fn load(path: &Path, epoch: &str) -> Result<Option<Earlier>, Error> {
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::file("read", path))?,
    };
    let earlier = io::read_to_string(file).and_then(|text| Ok(serde_json::from_str(&text)?));
    let earlier: Earlier = earlier.map_err(Error::file("read", path))?;
    Ok(Some(earlier).filter(|it| it.epoch == epoch && it.version == VERSION))
}

fn attempt(action: &'static str, path: &Path, result: io::Result<()>) -> Result<(), Error> {
    result.map_err(Error::file(action, path))
}
