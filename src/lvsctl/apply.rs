//! The commands on a file: `apply`, `diff`, `down` and `status`.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::arguments::{FileCommand, FileFlags, Options};
use super::input::{self, Input, Owners};
use super::remark::Remark;
use super::report::{self, Direction};
use super::runner::look;
use super::status::Beside;
use super::undo::{self, Before};
use super::up::{Outcome, Up, not_in_file};
use super::wait::Wait;
use super::{Error, confirm, connections, departing, journal_place, order, status};
use crate::host::machine::Machine;
use crate::policy::{self, Role};
use lvs::table;

pub(super) fn run(
    command: &FileCommand,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    match command {
        FileCommand::Apply { flags, change } => apply(flags, &options.with(change), output),
        FileCommand::Diff(flags) => diff(flags, options, output),
        FileCommand::Down { cluster, change } => down(cluster, &options.with(change), output),
        FileCommand::Status { file: Some(file), role } => status(file, *role, options, output),
        FileCommand::Status { file: None, .. } => status_of_all(options, output),
    }
}

fn apply(flags: &FileFlags, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let input = Input::load(&flags.file, flags.role, &options.run)?;
    let before = Before::default();
    let up = Up { input: &input, flags, options, before, lists_unmanaged: false };
    let outcome = run_up(&up, output);
    let settled = up.before.settle(options);
    let outcome = outcome?;
    settled?;
    let Outcome { report, remarks, .. } = &outcome;
    report::print(
        options,
        output,
        report,
        remarks,
        &report::summary(&input, Direction::Up, report),
    )?;
    Ok(0)
}

fn run_up(up: &Up<'_>, output: &mut dyn Write) -> Result<Outcome, Error> {
    let patience = up.flags.drain.or(up.input.drain()).filter(|_| !up.options.dry_run);
    let outcome = up.run(up.flags.cut && patience.is_none(), output)?;
    match patience {
        Some(patience) => drained(up, outcome, patience, output),
        None => Ok(outcome),
    }
}

/// Waits until the connections of what is to go have ended, and deletes it then, or in the end.
fn drained(
    up: &Up<'_>,
    mut outcome: Outcome,
    patience: Duration,
    output: &mut dyn Write,
) -> Result<Outcome, Error> {
    let mut wait = Wait::new(patience);
    while !outcome.departing.is_empty() {
        let keys: Vec<table::Key> = outcome.departing.iter().map(|it| it.key).collect();
        let counted = connections::of_destinations(&mut Machine::new()?, &keys)?;
        let left = counted.values().filter(|(_, it)| it.are_open());
        if left.clone().count() == keys.len() && !wait.is_over() {
            let lines = keys.iter().filter_map(|key| Some((key, counted.get(key)?.1)));
            if !up.options.json {
                wait.report(output, lines)?;
            }
            wait.pause()?;
            continue;
        }
        let over = wait.is_over();
        let mut next = up.run(over && up.flags.cut, output)?;
        let mut steps = std::mem::take(&mut outcome.report.steps);
        steps.append(&mut next.report.steps);
        next.report.steps = steps;
        outcome = next;
        if over {
            break;
        }
    }
    Ok(outcome)
}

fn diff(flags: &FileFlags, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let input = Input::load(&flags.file, flags.role, &options.run)?;
    let options = Options { dry_run: true, ..options.clone() };
    let (options, before, lists_unmanaged) = (&options, Before::default(), !flags.exclusive);
    let up = Up { input: &input, flags, options, before, lists_unmanaged };
    let Outcome { report, mut remarks, unmanaged, .. } = up.run(flags.cut, output)?;
    remarks.extend(unmanaged);
    if options.json {
        report::write_json(output, &report, &remarks)?;
    } else {
        report::write_steps(output, &report, &remarks, &input.labels())?;
    }
    let differs = !report.steps.is_empty() || remarks.iter().any(Remark::is_difference);
    Ok(if differs { 2 } else { 0 })
}

fn down(file: &Path, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let journal = journal_place::journal(&options.state_dir)?;
    let (owners, names) = (Owners::named(file, &journal, &options.run)?, input::clusters(&journal));
    let mut session = confirm::settled(options)?;
    let report = session.revert(Some(&mut *output), |owner| owners.covers(owner))?;
    if !session.is_dry() {
        undo::forget(options, &owners)?;
    }
    report::print(
        options,
        output,
        &report,
        &[],
        &report::summary(&owners, Direction::Down, &report),
    )?;
    if !options.json && !names.is_empty() && owners.is_unknown(&names) {
        writeln!(output, "note: set up on this machine: {}", names.join(", "))?;
    }
    session.finish().map(|()| 0)
}

fn status(
    file: &Path,
    role: Option<Role>,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let input = Input::load(file, role, &options.run)?;
    let (mut machine, mut journal) = look(options)?;
    let desired = input.desired(&mut machine, &journal)?;
    let misordered = order::compare(&mut machine, &input.duties()?)?;
    let mut remarks: Vec<Remark> = misordered.into_iter().map(Remark::Order).collect();
    remarks.extend(not_in_file(&input, &desired, &mut machine, &journal)?);
    let beside = Beside { remarks, labels: input.labels() };
    let actual = (&mut machine, &mut journal);
    status::report(options, output, &input, input.json(), actual, &desired, &beside)
}

fn status_of_all(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let (mut machine, mut journal) = look(options)?;
    let mut desired = departing::journalled(&journal);
    desired.extend(policy::due(&journal));
    let title = &"the state set by lvsctl";
    let actual = (&mut machine, &mut journal);
    status::report(
        options,
        output,
        title,
        json!({"schema": 1}),
        actual,
        &desired,
        &Beside::default(),
    )
}
