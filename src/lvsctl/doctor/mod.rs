//! `lvsctl doctor` and `lvsctl snapshot`.

mod fix;
mod report;

pub(super) use report::in_namespace;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use super::Error;
use super::arguments::{DoctorFlags, Options, STATE_DIRECTORY};
use super::input::Input;
use super::journal_place::{self, refuse_damage};
use super::log::Run;
use crate::doctor::{
    DesiredEntry, DesiredState, Diagnosis, Expectation, Facts, JournalEntry, Step, Unread, examine,
    moved,
};
use crate::engine::{Change, Entry, System};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{ActualState, DesiredItem, Owner, desired};
use lvs::table::quoted;

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
        return fix::run(&|| source.examine(), flags.yes, options, output);
    }
    let diagnosis = source.examine()?.diagnosis;
    report::write(output, &diagnosis, flags.symptom, options)?;
    Ok(diagnosis.exit_code())
}

/// The findings on this machine, compared with a file if there is one.
pub(super) fn diagnose(file: Option<&Path>, options: &Options) -> Result<Diagnosis, Error> {
    let flags = DoctorFlags { file: file.map(Path::to_owned), ..DoctorFlags::default() };
    Ok(Source { flags: &flags, options }.examine()?.diagnosis)
}

/// Writes the facts of this machine to a file. The exit code is 3 if something could not be read.
pub(super) fn snapshot(
    path: &Path,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let facts = facts(options);
    if options.dry_run {
        writeln!(output, "# not written: {}", quoted(&path.display().to_string()))?;
        report::unread(output, &facts.unread)?;
        return Ok(0);
    }
    let failed = Error::file("write", path);
    let mut text = serde_json::to_vec_pretty(&facts).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    if path == Path::new("-") {
        // What could not be read is in it.
        output.write_all(&text)?;
        return Ok(if facts.unread.is_empty() { 0 } else { 3 });
    }
    File::create(path).and_then(|mut file| file.write_all(&text)).map_err(failed)?;
    report::unread(output, &facts.unread)?;
    Ok(if facts.unread.is_empty() { 0 } else { 3 })
}

pub(super) fn facts(options: &Options) -> Facts {
    let mut journalled = Vec::new();
    let journal = journal_place::journal(&options.state_dir).and_then(|journal| {
        journalled = journal.entries().map(journalled_fact).collect();
        refuse_damage(&journal)
    });
    let mut facts = Facts::gather(journalled);
    if let Err(error) = journal {
        let unread = Unread { what: "lvsctl's journal".to_owned(), why: error.to_string() };
        facts.unread.push(unread);
    }
    facts
}

fn journalled_fact(entry: &Entry<Key, Value, Owner>) -> JournalEntry {
    let owners = entry.owners.to_vec();
    let mut fact = JournalEntry { owners, key: None, value: None, entry: None, found: None };
    match (&entry.key, &entry.ours) {
        (Key::Host(key), value) => {
            fact.key = Some(key.clone());
            fact.value = value.clone().and_then(host);
        }
        (Key::Table(key), Some(Value::Table(value))) => fact.entry = Some((*key, value.clone())),
        (Key::Table(_) | Key::Drained(_), _) => {}
    }
    fact
}

/// The longest snapshot that is read, in bytes.
const MAX_SNAPSHOT: u64 = 256 << 20;

pub(super) fn read_snapshot(path: &Path) -> Result<Facts, Error> {
    let mut text = Vec::new();
    let read = match path == Path::new("-") {
        true => io::stdin().take(MAX_SNAPSHOT).read_to_end(&mut text),
        false => File::open(path).and_then(|file| file.take(MAX_SNAPSHOT).read_to_end(&mut text)),
    };
    read.map_err(Error::file("read", path))?;
    let invalid = |reason: String| Error::Snapshot { path: path.to_owned(), reason };
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
    // The version comes first, since the types of another release can differ.
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(1 | 2) => serde_json::from_value(value).map_err(|error| invalid(error.to_string())),
        Some(other) => Err(invalid(format!(
            "it has format version {other}, this program knows 1 and 2: use the release that wrote it"
        ))),
        None => Err(invalid("it has no format version".to_owned())),
    }
}

/// Where the checks look: at this machine or at a snapshot, and at the desired state.
struct Source<'a> {
    flags: &'a DoctorFlags,
    options: &'a Options,
}

/// What is known of a machine, what it should be, and what is wrong.
struct Examined {
    facts: Facts,
    expectation: Expectation,
    diagnosis: Diagnosis,
}

impl Source<'_> {
    fn examine(&self) -> Result<Examined, Error> {
        let mut facts = match &self.flags.from {
            Some(path) => read_snapshot(path)?,
            None => facts(self.options),
        };
        let expectation = self.expectation(&mut facts)?;
        if self.flags.probe {
            facts.probe(&expectation);
        }
        let diagnosis = examine(&facts, &expectation, self.flags.symptom);
        Ok(Examined { facts, expectation, diagnosis })
    }

    fn expectation(&self, facts: &mut Facts) -> Result<Expectation, Error> {
        let expectation = Expectation::evident(facts);
        let Some(file) = &self.flags.file else {
            return Ok(expectation);
        };
        let addresses = facts.network.addresses.iter();
        let own = addresses.map(|state| state.address).collect();
        let input = Input::of(file, self.flags.role, &Run::default(), || Ok(own))?;
        let entries = match self.flags.from {
            Some(_) => compare_with_snapshot(&input, facts),
            None => self.compare_with_machine(&input),
        };
        let entries = match entries {
            // The machine has lost what the file builds on.
            Err(Error::Policy(error)) => {
                let what = "what the file desires of this machine".to_owned();
                facts.unread.push(Unread { what, why: error.to_string() });
                Vec::new()
            }
            entries => entries?,
        };
        let served = input.served()?;
        let owners = input.owners();
        let mut journalled = facts.journal.iter().flat_map(|entry| &entry.owners);
        let is_up = journalled.any(|owner| owners.covers(owner));
        // Units are installed for the machine, not for a namespace.
        let install = input.cluster().filter(|_| self.options.netns.is_none());
        let desired = DesiredState {
            apply: self.command("apply", file),
            revert: (!is_up).then(|| self.command("down", file)),
            install: install.map(|name| (name.to_owned(), self.command("install", file))),
            directors: input.directors(),
            covers_host: matches!(input, Input::Cluster { .. }),
            entries,
        };
        Ok(expectation.with(desired, input.owner_of_table().is_some(), served))
    }

    fn compare_with_machine(&self, input: &Input) -> Result<Vec<DesiredEntry>, Error> {
        let mut machine = Machine::new()?.read_only();
        let journal = journal_place::journal(&self.options.state_dir)?;
        let mut entries = Vec::new();
        for item in input.desired(&mut machine, &journal)? {
            let actual = machine.read(&item.key)?;
            entries.push(compared(item, actual));
        }
        Ok(entries)
    }

    /// A command for the file: `apply`, `install` or `down`, which needs no role.
    fn command(&self, verb: &str, file: &Path) -> String {
        let mut words = vec!["lvsctl".to_owned()];
        if let Some(namespace) = &self.options.netns {
            words.extend(["--netns".to_owned(), quoted(&namespace.word()).into_owned()]);
        }
        if self.options.state_dir != Path::new(STATE_DIRECTORY) {
            let directory = self.options.state_dir.display().to_string();
            words.extend(["--state-dir".to_owned(), quoted(&directory).into_owned()]);
        }
        let file = file.display().to_string();
        words.extend([verb.to_owned(), quoted(&file).into_owned()]);
        if let Some(role) = self.flags.role.filter(|_| verb != "down") {
            words.extend(["--role".to_owned(), role.name().to_owned()]);
        }
        words.join(" ")
    }
}

/// Adds what the snapshot does not contain to the unread facts.
fn compare_with_snapshot(input: &Input, facts: &mut Facts) -> Result<Vec<DesiredEntry>, Error> {
    let value = |key: &Key| match key {
        Key::Host(key) => facts.network.value(key).map(|value| value.map(Value::Host)),
        Key::Table(key) | Key::Drained(key) => Some(facts.value(key).map(Value::Table)),
    };
    let actual = ActualState::of_state(&facts.network);
    let (mut entries, mut unknown) = (Vec::new(), Vec::new());
    for item in input.desired_by(|duties| Ok(desired(duties, &actual)?))? {
        match value(&item.key) {
            Some(actual) => entries.push(compared(item, actual)),
            None => unknown.push(item.key.to_string()),
        }
    }
    if !unknown.is_empty() {
        let why =
            "not contained in a snapshot: run the doctor with the cluster file on the machine";
        facts.unread.push(Unread { what: unknown.join(", "), why: why.to_owned() });
    }
    Ok(entries)
}

fn host(value: Value) -> Option<String> {
    match value {
        Value::Host(text) => Some(text),
        Value::Table(_) => None,
    }
}

fn table(value: Value) -> Option<lvs::table::Value> {
    match value {
        Value::Table(entry) => Some(entry),
        Value::Host(_) => None,
    }
}

fn compared(item: DesiredItem, actual: Option<Value>) -> DesiredEntry {
    let in_sync = item.is_met_by(actual.as_ref(), Machine::is_in_sync);
    let step = match item.key {
        Key::Host(key) => {
            Step::Host(Change { key, from: actual.and_then(host), to: item.value.and_then(host) })
        }
        Key::Table(key) | Key::Drained(key) => {
            let (from, to) = (actual.and_then(table), item.value.and_then(table));
            Step::Table(Change { key, from, to })
        }
    };
    let acceptable = item.acceptable.into_iter().filter_map(host).collect();
    DesiredEntry { step, acceptable, owner: item.owner, in_sync }
}
