//! Up, down and status: from what is asked to what is said.

use crate::host::machine::{self, Key, Machine, Value};
use std::fmt::Display;
use std::io::Write;

use tracing::level_filters::LevelFilter;

use super::allowance::{self, Kind};
use super::arguments::{
    Arguments, Command, DirectorCommand, Options, RealServerCommand, SetupCommand,
};
use super::report::{self, Direction, FailedRun};
use super::{Error, Task, cluster_file, doctor, install, state, status};
use crate::engine::{DryRun, Engine, Journal, Report, System};
use crate::policy::{ActualState, DesiredItem, Owned, desired};
use crate::trace;

/// What is done with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Change(Direction),
    Status,
}

/// Runs a command and gives the exit code.
pub(super) fn run(arguments: Arguments, output: &mut dyn Write) -> Result<u8, Error> {
    let options = &arguments.options;
    match options.verbose {
        true => trace::start(LevelFilter::TRACE),
        false => trace::from_environment(),
    }
    let (verb, task) = match arguments.command {
        Command::Setup(command) => task_of(command)?,
        Command::File(command) => {
            enter(options)?;
            return cluster_file::run(&command, options, output);
        }
        // Neither has anything to do with a namespace.
        Command::Install(flags) => return install::install(&flags, options, output),
        Command::Uninstall(flags) => return install::uninstall(&flags, options, output),
        Command::Doctor(flags) => {
            enter(options)?;
            return doctor::run(&flags, options, output);
        }
        Command::Snapshot { file } => {
            enter(options)?;
            return doctor::snapshot(&file, options, output);
        }
    };
    enter(options)?;
    match verb {
        Verb::Change(direction) => change(&task, direction, options, output),
        Verb::Status => compare(&task, options, output),
    }
}

/// Before anything is opened: sockets and files under /proc belong to the namespace.
fn enter(options: &Options) -> Result<(), Error> {
    match &options.netns {
        Some(namespace) => Ok(namespace.enter()?),
        None => Ok(()),
    }
}

/// The verb and the task of a command, checked.
pub(super) fn task_of(command: SetupCommand) -> Result<(Verb, Task), Error> {
    let (up, down) = (Verb::Change(Direction::Up), Verb::Change(Direction::Down));
    Ok(match command {
        SetupCommand::Director(command) => match command {
            DirectorCommand::Up(flags) => (up, Task::of_director(flags)?.complete()?),
            DirectorCommand::Down(flags) => (down, Task::of_director(flags)?),
            DirectorCommand::Status(flags) => (Verb::Status, Task::of_director(flags)?),
        },
        SetupCommand::RealServer(command) => match command {
            RealServerCommand::Up(flags) => (up, Task::of_real_server(flags)?.complete()?),
            RealServerCommand::Down(flags) => (down, Task::of_real_server(flags)?),
            RealServerCommand::Status(flags) => (Verb::Status, Task::of_real_server(flags)?),
        },
    })
}

fn change(
    task: &Task,
    direction: Direction,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let report = run_here(
        options,
        direction,
        |owner| task.covers(owner),
        |machine, journal| {
            task.stays_one_end_of_nat(&journal.owners())?;
            wanted_of(machine, &task.duties(), journal)
        },
    )?;
    tell(options, output, task, direction, &report)?;
    Ok(0)
}

/// [`run_allowed`] with changes of every kind.
pub(super) fn run_here(
    options: &Options,
    direction: Direction,
    covers: impl Fn(&str) -> bool,
    desired: impl Fn(&mut Machine, &Journal<Key, Value>) -> Result<Vec<DesiredItem>, Error>,
) -> Result<Report<Key, Value>, Error> {
    run_allowed(options, direction, None, covers, desired)
}

/// Goes up or down, or only says how; where kinds of change are named, only if there is no other to
/// make. `covers` tells the owners that this is about; `desired` what there shall be, which the way
/// down has no need to know.
pub(super) fn run_allowed(
    options: &Options,
    direction: Direction,
    allowed: Option<&[Kind]>,
    covers: impl Fn(&str) -> bool,
    desired: impl Fn(&mut Machine, &Journal<Key, Value>) -> Result<Vec<DesiredItem>, Error>,
) -> Result<Report<Key, Value>, Error> {
    let desired = |machine: &mut Machine, journal: &Journal<Key, Value>| match direction {
        Direction::Up => desired(machine, journal),
        Direction::Down => Ok(Vec::new()),
    };
    let mut machine = Machine::new()?;
    if options.dry_run {
        machine = machine.read_only();
        let journal = state::journal(&options.state_dir)?;
        let desired = desired(&mut machine, &journal)?;
        let report = imagine(&mut machine, &journal, &covers, &desired, direction)?;
        if let Some(allowed) = allowed {
            allowance::check(&report.steps, allowed)?;
        }
        Ok(report)
    } else {
        let _lock = state::lock(options)?;
        let mut journal = state::journal(&options.state_dir)?;
        let desired = desired(&mut machine, &journal)?;
        if let Some(allowed) = allowed {
            let planned = imagine(&mut machine, &journal, &covers, &desired, direction)?;
            allowance::check(&planned.steps, allowed)?;
        }
        execute(&mut machine, &mut journal, &covers, &desired, direction)
    }
}

fn imagine(
    machine: &mut Machine,
    journal: &Journal<Key, Value>,
    covers: &impl Fn(&str) -> bool,
    desired: &[DesiredItem],
    direction: Direction,
) -> Result<Report<Key, Value>, Error> {
    let mut dry_run = DryRun::new(machine);
    execute(&mut dry_run, &mut journal.dry_run(), covers, desired, direction)
}

fn execute<W>(
    system: &mut W,
    journal: &mut Journal<Key, Value>,
    covers: &impl Fn(&str) -> bool,
    desired: &[DesiredItem],
    direction: Direction,
) -> Result<Report<Key, Value>, Error>
where
    W: System<Key = Key, Value = Value, Error = machine::Error>,
{
    let mut owners = journal.owners();
    owners.retain(|owner| covers(owner));
    let run = match direction {
        Direction::Up => Engine::new(system, journal).apply(&owners, desired),
        Direction::Down => Engine::new(system, journal).revert(&owners),
    };
    run.map_err(|failure| Error::Run(FailedRun(failure)))
}

/// What was done, in the form that was asked for.
pub(super) fn tell(
    options: &Options,
    output: &mut dyn Write,
    title: &dyn Display,
    direction: Direction,
    report: &Report<Key, Value>,
) -> Result<(), Error> {
    if options.json {
        report::write_json(output, report)?;
    } else if options.dry_run {
        if let Some(namespace) = &options.netns {
            writeln!(output, "# to be run in the network namespace {namespace}")?;
        }
        report::write_dry(output, report)?;
    } else {
        report::write(output, title, direction, report)?;
    }
    Ok(())
}

/// What the duties require of this machine.
pub(super) fn wanted_of(
    machine: &mut Machine,
    duties: &[Owned],
    journal: &Journal<Key, Value>,
) -> Result<Vec<DesiredItem>, Error> {
    let actual = ActualState::gather(machine, duties, journal)?;
    Ok(desired(duties, &actual)?)
}

fn compare(task: &Task, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?.read_only();
    let mut journal = state::journal(&options.state_dir)?;
    let mut desired = wanted_of(&mut machine, &task.duties(), &journal)?;
    desired.extend(status::journalled(|owner| task.covers(owner), &journal));
    let findings = Engine::new(&mut machine, &mut journal).status(&desired)?;
    Ok(status::tell(options, output, task, status::of_task(task), &findings)?)
}
