//! The commands that take a file: `apply`, `diff`, `down` and `status`.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::arguments::{FileCommand, FileFlags, Options};
use super::asked::{Asked, Meant};
use super::commands::{run_allowed, run_here, tell};
use super::report::{self, Direction};
use super::wanted::Want;
use super::{Error, Key, Machine, Value, state, status, strangers};
use crate::cluster::Role;
use crate::plan::{Engine, Journal, Report, World};
use crate::table;

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
        run_here(options, Direction::Down, |claim| meant.covers(claim), |_, _| Ok(Vec::new()))?;
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
    let mut machine = Machine::new()?.only_looking();
    let mut journal = state::journal(&options.state_dir)?;
    let wanted = asked.wanted(&mut machine, &journal)?;
    let findings = Engine::new(&mut machine, &mut journal).status(&wanted)?;
    Ok(status::tell(options, output, &asked, asked.json(), &findings)?)
}

/// What the journal holds is what there should be, and what is due should be as it was.
fn status_of_all(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?.only_looking();
    let mut journal = state::journal(&options.state_dir)?;
    let mut wanted = status::journalled(|_| true, &journal);
    wanted.extend(status::due(&journal));
    let findings = Engine::new(&mut machine, &mut journal).status(&wanted)?;
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
        |claim| meant.covers(claim),
        |machine, journal| wanted(asked, flags, machine, journal),
    )
}

fn wanted(
    asked: &Asked,
    flags: &FileFlags,
    machine: &mut Machine,
    journal: &Journal<Key, Value>,
) -> Result<Vec<Want>, Error> {
    let mut wanted = asked.wanted(machine, journal)?;
    if flags.keep_weights {
        keep_weights(&mut wanted, machine)?;
    }
    if flags.exclusive
        && let Some(claim) = asked.claim_of_table()
    {
        let strangers = strangers::wanted(&wanted, machine, journal, &claim)?;
        wanted.extend(strangers);
    }
    Ok(wanted)
}

/// Whoever changed a weight since had a reason for it.
fn keep_weights(wanted: &mut [Want], machine: &mut Machine) -> Result<(), Error> {
    for item in wanted {
        if let Some(Value::Table(table::Value::Destination(destination))) = &mut item.value
            && let Some(Value::Table(table::Value::Destination(found))) = machine.read(&item.key)?
        {
            destination.weight = found.weight;
        }
    }
    Ok(())
}
