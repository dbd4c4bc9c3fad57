//! Up, down and status: from what is asked to what is said.

use std::io::Write;

use super::arguments::{Arguments, Command, DirectorCommand, Options, RealServerCommand};
use super::report::{self, Direction, FailedRun};
use super::wanted::{Want, claims, reverse_path_filter_of_all, wanted};
use super::{Error, Key, Machine, Task, Value, machine, state, status};
use crate::plan::{Engine, Imagined, Journal, Lock, Report, World};

/// What is done with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Change(Direction),
    Status,
}

/// Runs a command and gives the exit code.
pub(super) fn run(arguments: Arguments, output: &mut dyn Write) -> Result<u8, Error> {
    let (verb, task) = task_of(arguments.command)?;
    if let Some(namespace) = &arguments.options.netns {
        // Before anything is opened: sockets and files under /proc belong to the namespace.
        namespace.enter()?;
    }
    match verb {
        Verb::Change(direction) => change(&task, direction, &arguments.options, output),
        Verb::Status => compare(&task, &arguments.options, output),
    }
}

/// The verb and the task of a command, checked.
pub(super) fn task_of(command: Command) -> Result<(Verb, Task), Error> {
    let (up, down) = (Verb::Change(Direction::Up), Verb::Change(Direction::Down));
    Ok(match command {
        Command::Director(command) => match command {
            DirectorCommand::Up(flags) => (up, Task::of_director(flags)?.complete()?),
            DirectorCommand::Down(flags) => (down, Task::of_director(flags)?),
            DirectorCommand::Status(flags) => (Verb::Status, Task::of_director(flags)?),
        },
        Command::RealServer(command) => match command {
            RealServerCommand::Up(flags) => (up, Task::of_real_server(flags)?),
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
        execute(&mut Imagined::new(&mut machine), &mut journal, task, direction)?
    } else {
        let _lock = Lock::take(&options.state_dir)?;
        let mut journal = state::journal(&options.state_dir)?;
        execute(&mut machine, &mut journal, task, direction)?
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
    direction: Direction,
) -> Result<Report<Key, Value>, Error>
where
    W: World<Key = Key, Value = Value, Error = machine::Error>,
{
    let run = match direction {
        Direction::Up => {
            let wanted = wanted_here(world, task)?;
            Engine::new(world, journal).up(&claims(task), &wanted)
        }
        Direction::Down => {
            let mut claims = journal.claims();
            claims.retain(|claim| task.covers(claim));
            Engine::new(world, journal).down(&claims)
        }
    };
    run.map_err(|failure| Error::Run(FailedRun(failure)))
}

/// What the task wants on this machine.
fn wanted_here<W>(world: &mut W, task: &Task) -> Result<Vec<Want>, Error>
where
    W: World<Key = Key, Value = Value, Error = machine::Error>,
{
    let of_all = world.read(&reverse_path_filter_of_all())?;
    let of_all = of_all.map(|value| value.to_string());
    Ok(wanted(task, of_all.as_deref()))
}

fn compare(task: &Task, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?.only_looking();
    let mut journal = state::journal(&options.state_dir)?;
    let mut wanted = wanted_here(&mut machine, task)?;
    wanted.extend(status::journalled(task, &journal));
    let findings = Engine::new(&mut machine, &mut journal).status(&wanted)?;
    if options.json {
        status::write_json(output, task, &findings)?;
    } else {
        status::write(output, task, &findings)?;
    }
    Ok(if findings.iter().all(|finding| finding.met) { 0 } else { 2 })
}
