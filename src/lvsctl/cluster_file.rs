//! The commands that take a file: `apply`, `diff`, `down` and `status`.

use crate::host::machine::{Key, Machine, Value};
use crate::policy::Role;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::arguments::{FileCommand, FileFlags, Options};
use super::asked::{Asked, Meant};
use super::commands::{run_allowed, run_here, tell};
use super::report::{self, Direction};
use super::{Error, state, status, strangers};
use crate::engine::{Engine, Journal, Report, System};
use crate::policy::DesiredItem;
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
    let asked = Asked::load(&flags.file, flags.role)?;
    let report = up(&asked, flags, options)?;
    tell(options, output, &asked, Direction::Up, &report)?;
    Ok(0)
}

fn diff(flags: &FileFlags, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let asked = Asked::load(&flags.file, flags.role)?;
    let looking = Options { dry_run: true, ..options.clone() };
    let report = up(&asked, flags, &looking)?;
    if options.json {
        report::write_json(output, &report)?;
    } else {
        report::write_steps(output, &report)?;
    }
    Ok(if report.steps.is_empty() { 0 } else { 2 })
}

fn down(file: &Path, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let meant = Meant::load(file)?;
    let report =
        run_here(options, Direction::Down, |owner| meant.covers(owner), |_, _| Ok(Vec::new()))?;
    tell(options, output, &meant, Direction::Down, &report)?;
    Ok(0)
}

fn status(
    file: &Path,
    role: Option<Role>,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let asked = Asked::load(file, role)?;
    let mut machine = Machine::new()?.read_only();
    let mut journal = state::journal(&options.state_dir)?;
    let desired = asked.desired(&mut machine, &journal)?;
    let findings = Engine::new(&mut machine, &mut journal).status(&desired)?;
    Ok(status::tell(options, output, &asked, asked.json(), &findings)?)
}

/// What the journal holds is what there should be, and what is due should be as it was.
fn status_of_all(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?.read_only();
    let mut journal = state::journal(&options.state_dir)?;
    let mut desired = status::journalled(|_| true, &journal);
    desired.extend(status::due(&journal));
    let findings = Engine::new(&mut machine, &mut journal).status(&desired)?;
    if findings.is_empty() && !options.json {
        writeln!(output, "lvsctl has set nothing on this machine")?;
        return Ok(0);
    }
    Ok(status::tell(options, output, &"what lvsctl set", json!({"schema": 1}), &findings)?)
}

/// Makes this machine what the file says, or only says how.
fn up(asked: &Asked, flags: &FileFlags, options: &Options) -> Result<Report<Key, Value>, Error> {
    let meant = asked.meant();
    run_allowed(
        options,
        Direction::Up,
        flags.allow.as_deref(),
        |owner| meant.covers(owner),
        |machine, journal| desired(asked, flags, machine, journal),
    )
}

fn desired(
    asked: &Asked,
    flags: &FileFlags,
    machine: &mut Machine,
    journal: &Journal<Key, Value>,
) -> Result<Vec<DesiredItem>, Error> {
    let mut desired = asked.desired(machine, journal)?;
    if flags.keep_weights {
        keep_weights(&mut desired, machine)?;
    }
    if flags.exclusive
        && let Some(owner) = asked.claim_of_table()
    {
        let strangers = strangers::desired(&desired, machine, journal, &owner)?;
        desired.extend(strangers);
    }
    Ok(desired)
}

/// Whoever changed a weight since had a reason for it.
fn keep_weights(desired: &mut [DesiredItem], machine: &mut Machine) -> Result<(), Error> {
    for item in desired {
        if let Some(Value::Table(table::Value::Destination(destination))) = &mut item.value
            && let Some(Value::Table(table::Value::Destination(found))) = machine.read(&item.key)?
        {
            destination.weight = found.weight;
        }
    }
    Ok(())
}
