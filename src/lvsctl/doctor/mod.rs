//! `lvsctl doctor` and `lvsctl snapshot`: from the machine, or a file, to what is said of it.

mod fix;
mod patient;
mod report;
mod shell;
mod snapshot;

use crate::host::machine::{Key, Value};
use crate::policy::Role;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::arguments::Options;
use super::{Error, state, values};
use crate::doctor::{Facts, Journalled, Symptom, Unread, moved};
use patient::Patient;

pub(super) use snapshot::write as snapshot;

#[derive(Debug, Args)]
pub(super) struct DoctorFlags {
    /// Cluster file, or a table as `ipvsadm -S` writes it: what this machine is to be.
    #[arg(conflicts_with_all = ["undo", "watch"])]
    file: Option<PathBuf>,
    /// What this machine is; by default its own addresses tell.
    #[arg(long, requires = "file", value_parser = values::role())]
    role: Option<Role>,
    /// Make the repairs that lvsctl can make itself, after showing them.
    #[arg(long)]
    fix: bool,
    /// Do not ask before the repairs are made.
    #[arg(long, requires = "fix")]
    yes: bool,
    /// Take back every repair that --fix made.
    #[arg(long, conflicts_with = "fix")]
    undo: bool,
    /// What is seen; the checks that explain it come first.
    #[arg(long)]
    symptom: Option<Symptom>,
    /// Read the counters twice, so many seconds apart, and show those that moved.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["fix", "undo", "symptom"],
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    watch: Option<u64>,
    /// Send a few packets, to see who else has a virtual address, and whether large packets reach
    /// the real servers of tunnelling.
    #[arg(long, conflicts_with_all = ["from", "undo", "watch"])]
    probe: bool,
    /// Read what `lvsctl snapshot` wrote, here or on another machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fix", "undo", "watch"])]
    from: Option<PathBuf>,
}

/// Runs `lvsctl doctor` and gives its exit code.
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
    let patient = Patient { flags, options };
    if flags.fix {
        return fix::run(&patient, flags.yes, options, output);
    }
    let (found, _) = patient.diagnose()?;
    report::write(output, &found, flags.symptom, options)?;
    Ok(found.exit_code())
}

/// The facts of this machine. A journal that cannot be read is one more thing that is not known.
fn facts(options: &Options) -> Facts {
    let mut journalled = Vec::new();
    let journal = state::journal(&options.state_dir).map(|journal| {
        journalled = journal.entries().map(entry).collect();
    });
    let mut facts = Facts::gather(journalled);
    if let Err(error) = journal {
        let unread = Unread { what: "lvsctl's journal".to_owned(), why: error.to_string() };
        facts.unread.push(unread);
    }
    facts
}

fn entry(entry: &crate::engine::Entry<Key, Value>) -> Journalled {
    let owners = entry.owners.to_vec();
    let nothing = Journalled { owners, key: None, value: None, entry: None, found: None };
    match (&entry.key, &entry.ours) {
        // What it is compared with has the kernel's message behind its words, too.
        (Key::Host(key), Some(Value::Host(value))) => {
            Journalled { key: Some(key.clone()), value: Some(value.clone()), ..nothing }
        }
        (Key::Host(key), _) => Journalled { key: Some(key.clone()), ..nothing },
        (Key::Table(key), Some(Value::Table(value))) => {
            Journalled { entry: Some((*key, value.clone())), ..nothing }
        }
        (Key::Table(_), _) => nothing,
    }
}
