//! Up, down and status: from what is asked to what is said.

use std::io::Write;

use super::arguments::{
    Arguments, Command, DirectorCommand, Options, RealServerCommand, SetupCommand,
};
use super::report::{self, Direction, FailedRun};
use super::wanted::{Found, Want, claims, reverse_path_filter_of_all, wanted};
use super::{Error, Key, Machine, Task, Value, doctor, machine, state, status};
use crate::plan::{Engine, Imagined, Journal, Lock, Report, World};

/// What is done with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Change(Direction),
    Status,
}

/// Runs a command and gives the exit code.
pub(super) fn run(arguments: Arguments, output: &mut dyn Write) -> Result<u8, Error> {
    let options = &arguments.options;
    let (verb, task) = match arguments.command {
        Command::Setup(command) => task_of(command)?,
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
    let mut machine = Machine::new()?;
    let report = if options.dry_run {
        machine = machine.only_looking();
        let mut journal = state::journal(&options.state_dir)?.imagined();
        let wanted = wanted_here(&mut machine, task, direction)?;
        execute(&mut Imagined::new(&mut machine), &mut journal, task, &wanted, direction)?
    } else {
        let _lock = Lock::take(&options.state_dir)?;
        let mut journal = state::journal(&options.state_dir)?;
        let wanted = wanted_here(&mut machine, task, direction)?;
        execute(&mut machine, &mut journal, task, &wanted, direction)?
    };
    if options.json {
        report::write_json(output, &report)?;
    } else if options.dry_run {
        if let Some(namespace) = &options.netns {
            writeln!(output, "# to be run in the network namespace {namespace}")?;
        }
        report::write_dry(output, &report)?;
    } else {
        report::write(output, task, direction, &report)?;
    }
    Ok(0)
}

fn execute<W>(
    world: &mut W,
    journal: &mut Journal<Key, Value>,
    task: &Task,
    wanted: &[Want],
    direction: Direction,
) -> Result<Report<Key, Value>, Error>
where
    W: World<Key = Key, Value = Value, Error = machine::Error>,
{
    let run = match direction {
        Direction::Up => Engine::new(world, journal).up(&claims(task), wanted),
        Direction::Down => {
            let mut claims = journal.claims();
            claims.retain(|claim| task.covers(claim));
            Engine::new(world, journal).down(&claims)
        }
    };
    run.map_err(|failure| Error::Run(FailedRun(failure)))
}

/// What the task wants on this machine; the way down needs the journal alone.
fn wanted_here(
    machine: &mut Machine,
    task: &Task,
    direction: Direction,
) -> Result<Vec<Want>, Error> {
    if direction == Direction::Down {
        return Ok(Vec::new());
    }
    let reverse_path_filter = machine.read(&reverse_path_filter_of_all())?;
    let found = Found {
        surroundings: machine.surroundings()?,
        reverse_path_filter: reverse_path_filter.map(|value| value.to_string()),
    };
    wanted(task, &found)
}

fn compare(task: &Task, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?.only_looking();
    let mut journal = state::journal(&options.state_dir)?;
    let mut wanted = wanted_here(&mut machine, task, Direction::Up)?;
    wanted.extend(status::journalled(task, &journal));
    let findings = Engine::new(&mut machine, &mut journal).status(&wanted)?;
    if options.json {
        status::write_json(output, task, &findings)?;
    } else {
        status::write(output, task, &findings)?;
    }
    Ok(if findings.iter().all(|finding| finding.met) { 0 } else { 2 })
}
