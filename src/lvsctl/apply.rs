//! The commands on a file: `apply`, `diff`, `down` and `status`.

use std::io::Write;
use std::path::Path;

use hashbrown::HashSet;
use serde_json::json;

use super::arguments::{FileCommand, FileFlags, Options};
use super::input::{Input, Owners};
use super::remark::Remark;
use super::report::{self, Direction};
use super::runner::Session;
use super::{Error, order, runner, status};
use crate::engine::{Desired, Engine, Entry, Report, System};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{DesiredItem, MachineJournal, Owner, Role};
use lvs::table;

pub(super) fn run(
    command: &FileCommand,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    match command {
        FileCommand::Apply(flags) => apply(flags, options, output),
        FileCommand::Diff(flags) => diff(flags, options, output),
        FileCommand::Down { file } => down(file, options, output),
        FileCommand::Status { file: Some(file), role } => status(file, *role, options, output),
        FileCommand::Status { file: None, .. } => status_of_all(options, output),
    }
}

fn apply(flags: &FileFlags, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let input = Input::load(&flags.file, flags.role)?;
    let (report, remarks) = up(&input, flags, options)?;
    report::print(options, output, &input, Direction::Up, &report, &remarks)?;
    Ok(0)
}

fn diff(flags: &FileFlags, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let input = Input::load(&flags.file, flags.role)?;
    let (report, remarks) = up(&input, flags, &Options { dry_run: true, ..options.clone() })?;
    if options.json {
        report::write_json(output, &report, &remarks)?;
    } else {
        report::write_steps(output, &report, &remarks)?;
    }
    let differs = !report.steps.is_empty() || remarks.iter().any(Remark::is_difference);
    Ok(if differs { 2 } else { 0 })
}

fn down(file: &Path, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let owners = Owners::load(file)?;
    let report = runner::run(
        options,
        Direction::Down,
        None,
        |owner| owners.covers(owner),
        |_, _| Ok(Vec::new()),
    )?;
    report::print(options, output, &owners, Direction::Down, &report, &[])?;
    Ok(0)
}

fn status(
    file: &Path,
    role: Option<Role>,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let input = Input::load(file, role)?;
    let mut machine = Machine::new()?.read_only();
    let mut journal = runner::journal(&options.state_dir)?;
    let desired = input.desired(&mut machine, &journal)?;
    let findings = Engine::new(&mut machine, &mut journal).status(&desired)?;
    let misordered = order::compare(&mut machine, &input.duties()?)?;
    let remarks: Vec<Remark> = misordered.into_iter().map(Remark::Order).collect();
    Ok(status::print(options, output, &input, input.json(), &findings, &remarks)?)
}

fn status_of_all(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?.read_only();
    let mut journal = runner::journal(&options.state_dir)?;
    let mut desired = status::journalled(|_| true, &journal);
    desired.extend(status::due(&journal));
    let findings = Engine::new(&mut machine, &mut journal).status(&desired)?;
    if findings.is_empty() && !options.json {
        writeln!(output, "lvsctl has set nothing on this machine")?;
        return Ok(0);
    }
    let title = "the state set by lvsctl";
    Ok(status::print(options, output, &title, json!({"schema": 1}), &findings, &[])?)
}

fn up(
    input: &Input,
    flags: &FileFlags,
    options: &Options,
) -> Result<(Report<Key, Value>, Vec<Remark>), Error> {
    let (owners, duties) = (input.owners(), input.duties()?);
    let mut session = Session::open(options)?;
    let mut report = session.run(
        Direction::Up,
        flags.allow.as_deref(),
        |owner| owners.covers(owner),
        |machine, journal| desired(input, flags, machine, journal),
    )?;
    let misordered = order::compare(&mut session.machine, &duties)?;
    if !flags.reorder || misordered.is_empty() {
        return Ok((report, misordered.into_iter().map(Remark::Order).collect()));
    }
    report.steps.extend(order::put_right(&mut session, &misordered)?);
    Ok((report, misordered.into_iter().map(Remark::Reordered).collect()))
}

fn desired(
    input: &Input,
    flags: &FileFlags,
    machine: &mut Machine,
    journal: &MachineJournal,
) -> Result<Vec<DesiredItem>, Error> {
    let mut desired = input.desired(machine, journal)?;
    if flags.keep_weights {
        keep_weights(&mut desired, machine)?;
    }
    if let Some(owner) = input.owner_of_table().filter(|_| flags.exclusive) {
        let unmanaged = unmanaged(&desired, machine, journal, &owner)?;
        desired.extend(unmanaged);
    }
    Ok(desired)
}

/// `--keep-weights`: a health checker manages the weights.
fn keep_weights(desired: &mut [DesiredItem], machine: &mut Machine) -> Result<(), Error> {
    for item in desired {
        let Some(Value::Table(table::Value::Destination(destination))) = &mut item.value else {
            continue;
        };
        if let Some(Value::Table(table::Value::Destination(found))) = machine.read(&item.key)? {
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
    let gone = |key| Desired { key, value: None, acceptable: Vec::new(), owner: owner.clone() };
    Ok(entries.into_iter().map(gone).collect())
}

fn is_removal(entry: &Entry<Key, Value, Owner>) -> bool {
    entry.ours.is_none() && matches!(entry.key, Key::Table(_))
}
