//! `lvsctl doctor` and `lvsctl snapshot`.

mod fix;
mod report;

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::arguments::{DoctorFlags, Options, STATE_DIRECTORY};
use super::input::Input;
use super::{Error, runner};
use crate::doctor::{
    DesiredEntry, DesiredState, Diagnosis, Expectation, Facts, JournalEntry, Step, Unread, examine,
    moved,
};
use crate::engine::{Change, Entry, System};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{ActualState, DesiredItem, Duty, Owned, Role, desired};
use lvs::ipvs::Forwarding;
use report::quoted;

/// Runs `lvsctl doctor` and returns its exit code.
pub(super) fn run(
    flags: &DoctorFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    if flags.undo {
        return fix::undo(options, output);
    }
    if let Some(seconds) = flags.watch {
        let before = facts(options);
        std::thread::sleep(Duration::from_secs(seconds));
        let movements = moved(&before, &facts(options));
        report::movements(output, &movements, seconds, options.json)?;
        return Ok(if before.unread.is_empty() { 0 } else { 3 });
    }
    let source = Source { flags, options };
    if flags.fix {
        return fix::run(&|| source.diagnose(), flags.yes, options, output);
    }
    let (diagnosis, _) = source.diagnose()?;
    report::write(output, &diagnosis, flags.symptom, options)?;
    Ok(diagnosis.exit_code())
}

/// Writes the facts of this machine to a file: 0, or 3 if something could not be read.
pub(super) fn snapshot(
    path: &Path,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let facts = facts(options);
    let failed = |error| failed(path, "write", error);
    let mut text = serde_json::to_vec_pretty(&facts).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    File::create(path).and_then(|mut file| file.write_all(&text)).map_err(failed)?;
    report::unread(output, &facts.unread)?;
    Ok(if facts.unread.is_empty() { 0 } else { 3 })
}

/// The facts of this machine. A journal that cannot be read is noted.
fn facts(options: &Options) -> Facts {
    let mut journalled = Vec::new();
    let journal = runner::journal(&options.state_dir).map(|journal| {
        journalled = journal.entries().map(journalled_fact).collect();
    });
    let mut facts = Facts::gather(journalled);
    if let Err(error) = journal {
        let unread = Unread { what: "lvsctl's journal".to_owned(), why: error.to_string() };
        facts.unread.push(unread);
    }
    facts
}

fn journalled_fact(entry: &Entry<Key, Value>) -> JournalEntry {
    let owners = entry.owners.to_vec();
    let nothing = JournalEntry { owners, key: None, value: None, entry: None, found: None };
    match (&entry.key, &entry.ours) {
        (Key::Host(key), Some(Value::Host(value))) => {
            JournalEntry { key: Some(key.clone()), value: Some(value.clone()), ..nothing }
        }
        (Key::Host(key), _) => JournalEntry { key: Some(key.clone()), ..nothing },
        (Key::Table(key), Some(Value::Table(value))) => {
            JournalEntry { entry: Some((*key, value.clone())), ..nothing }
        }
        (Key::Table(_), _) => nothing,
    }
}

/// No machine has so many facts.
const MAX_SNAPSHOT: u64 = 256 << 20;

fn read_snapshot(path: &Path) -> Result<Facts, Error> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SNAPSHOT).read_to_end(&mut text));
    read.map_err(|error| failed(path, "read", error))?;
    let invalid = |reason: String| Error::Snapshot { path: path.to_owned(), reason };
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
    // The version comes first: our types need not fit what another release writes.
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(1) => serde_json::from_value(value).map_err(|error| invalid(error.to_string())),
        Some(other) => Err(invalid(format!(
            "it has format version {other}, this program knows 1: use the release that wrote it"
        ))),
        None => Err(invalid("it has no format version".to_owned())),
    }
}

fn failed(path: &Path, action: &'static str, source: io::Error) -> Error {
    Error::File { action, path: path.to_owned(), source }
}

/// Where the checks look: this machine or a snapshot, with the desired state.
struct Source<'a> {
    flags: &'a DoctorFlags,
    options: &'a Options,
}

impl Source<'_> {
    fn diagnose(&self) -> Result<(Diagnosis, Expectation), Error> {
        let mut facts = match &self.flags.from {
            Some(path) => read_snapshot(path)?,
            None => facts(self.options),
        };
        let expectation = self.expectation(&mut facts)?;
        if self.flags.probe {
            facts.probe(&expectation);
        }
        Ok((examine(&facts, &expectation, self.flags.symptom), expectation))
    }

    fn expectation(&self, facts: &mut Facts) -> Result<Expectation, Error> {
        let expectation = Expectation::evident(facts);
        let Some(file) = &self.flags.file else {
            return Ok(expectation);
        };
        let addresses = facts.network.addresses.iter();
        let own = addresses.map(|state| state.assigned.address).collect();
        let asked = Input::of(file, self.flags.role, || Ok(own))?;
        let entries = match self.flags.from {
            Some(_) => compare_with_snapshot(&asked, facts)?,
            None => self.compare_with_machine(&asked)?,
        };
        let served: Vec<_> = asked.duties()?.iter().filter_map(served).collect();
        // Units are installed for the machine, not for a namespace.
        let install = asked.cluster().filter(|_| self.options.netns.is_none());
        let desired = DesiredState {
            apply: self.command("apply", file),
            install: install.map(|name| (name.to_owned(), self.command("install", file))),
            covers_host: matches!(asked, Input::Cluster { .. }),
            entries,
        };
        Ok(expectation.with(desired, asked.owner_of_table().is_some(), &served))
    }

    fn compare_with_machine(&self, asked: &Input) -> Result<Vec<DesiredEntry>, Error> {
        let mut machine = Machine::new()?.read_only();
        let journal = runner::journal(&self.options.state_dir)?;
        let mut entries = Vec::new();
        for want in asked.desired(&mut machine, &journal)? {
            let actual = machine.read(&want.key)?;
            entries.push(compared(want, actual));
        }
        Ok(entries)
    }

    /// The command that applies the file, now or at every boot.
    fn command(&self, verb: &str, file: &Path) -> String {
        let mut words = vec!["lvsctl".to_owned()];
        if let Some(namespace) = &self.options.netns {
            words.extend(["--netns".to_owned(), quoted(&namespace.word())]);
        }
        if self.options.state_dir != Path::new(STATE_DIRECTORY) {
            let directory = quoted(&self.options.state_dir.display().to_string());
            words.extend(["--state-dir".to_owned(), directory]);
        }
        words.extend([verb.to_owned(), quoted(&file.display().to_string())]);
        if let Some(role) = self.flags.role {
            words.extend(["--role".to_owned(), role.name().to_owned()]);
        }
        words.join(" ")
    }
}

/// Notes what the snapshot does not hold.
fn compare_with_snapshot(asked: &Input, facts: &mut Facts) -> Result<Vec<DesiredEntry>, Error> {
    let value = |key: &Key| match key {
        Key::Host(key) => facts.network.value(key).map(|value| value.map(Value::Host)),
        Key::Table(key) => Some(facts.value(key).map(Value::Table)),
    };
    let actual = ActualState::of_inventory(&facts.network);
    let (mut entries, mut unknown) = (Vec::new(), Vec::new());
    for want in asked.desired_by(|duties| Ok(desired(duties, &actual)?))? {
        match value(&want.key) {
            Some(actual) => entries.push(compared(want, actual)),
            None => unknown.push(want.key.to_string()),
        }
    }
    if !unknown.is_empty() {
        let why =
            "not contained in a snapshot: run the doctor with the cluster file on the machine";
        facts.unread.push(Unread { what: unknown.join(", "), why: why.to_owned() });
    }
    Ok(entries)
}

fn compared(want: DesiredItem, actual: Option<Value>) -> DesiredEntry {
    let in_sync = want.is_met_by(actual.as_ref(), Machine::is_in_sync);
    let text = |value| match value {
        Value::Host(text) => Some(text),
        Value::Table(_) => None,
    };
    let entry = |value| match value {
        Value::Table(entry) => Some(entry),
        Value::Host(_) => None,
    };
    let step = match want.key {
        Key::Host(key) => {
            Step::Host(Change { key, from: actual.and_then(text), to: want.value.and_then(text) })
        }
        Key::Table(key) => {
            let (from, to) = (actual.and_then(entry), want.value.and_then(entry));
            Step::Table(Change { key, from, to })
        }
    };
    let acceptable = want.acceptable.into_iter().filter_map(text).collect();
    DesiredEntry { step, acceptable, owner: want.owner, in_sync }
}

/// The virtual address that a duty gives to a real server.
fn served(owned: &Owned) -> Option<(IpAddr, Forwarding)> {
    match &owned.duty {
        Duty::Address(duty) if duty.role == Role::RealServer => {
            Some((duty.vip, duty.mode.forwarding()))
        }
        _ => None,
    }
}
