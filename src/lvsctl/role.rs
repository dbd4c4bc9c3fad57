//! `director` and `real-server`: `up`, `down` and `status` of one role.

use std::io::Write;
use std::net::IpAddr;

use super::arguments::{AddressFlags, DirectorCommand, Options, RealServerCommand, SetupCommand};
use super::error::usage;
use super::input::{Labels, desired_of};
use super::remark::Remark;
use super::report::{self, Direction};
use super::runner::look;
use super::status::Beside;
use super::{Error, Task, confirm, departing, journal_place, order, status, values};
use crate::host::machine::Machine;
use crate::policy::{self, MachineJournal, Mode, Owner, Role};

/// What a command does with its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Change(Direction),
    Status,
}

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

pub(super) fn run(
    command: SetupCommand,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let mut command = command;
    if let Some((role, addresses)) = without_mode(&mut command) {
        match modes(role, &addresses.vips, &journal_place::journal(&options.state_dir)?).as_slice()
        {
            [mode] => addresses.mode = Some(*mode),
            [] => {
                let vips: Vec<String> = addresses.vips.iter().map(ToString::to_string).collect();
                let role = values::role_words(role);
                usage!(
                    "no {role} for {} was set up by a command: give --mode, or for a cluster its \
                     file",
                    vips.join(", ")
                )
            }
            modes => {
                let modes: Vec<&str> = modes.iter().map(|mode| mode.name()).collect();
                usage!("it is set up in several modes: choose one by --mode: {}", modes.join(", "))
            }
        }
    }
    let (verb, task) = task_of(command)?;
    match verb {
        Verb::Change(direction) => change(&task, direction, &options.with(&task.change), output),
        Verb::Status => compare(&task, options, output),
    }
}

/// The role and the addresses of `down` or `status` where the mode was not given.
fn without_mode(command: &mut SetupCommand) -> Option<(Role, &mut AddressFlags)> {
    let (role, addresses) = match command {
        SetupCommand::Director(DirectorCommand::Down(flags) | DirectorCommand::Status(flags)) => {
            (Role::Director, &mut flags.addresses)
        }
        SetupCommand::RealServer(
            RealServerCommand::Down(flags) | RealServerCommand::Status(flags),
        ) => (Role::RealServer, &mut flags.addresses),
        _ => return None,
    };
    addresses.mode.is_none().then_some((role, addresses))
}

/// The modes in which a role was set up for one of the addresses, other than by a cluster file.
fn modes(role: Role, vips: &[IpAddr], journal: &MachineJournal) -> Vec<Mode> {
    let owners = journal.owners();
    let is_set_up = |mode: &Mode| {
        owners.iter().filter_map(Owner::address).any(|it| {
            it.cluster.is_none() && (it.role, it.mode) == (role, *mode) && vips.contains(&it.vip)
        })
    };
    Mode::ALL.into_iter().filter(is_set_up).collect()
}

fn change(
    task: &Task,
    direction: Direction,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let duties = task.duties();
    let mut session = confirm::settled(options)?;
    let mut departing = Vec::new();
    let covers = |owner: &Owner| task.covers(owner);
    let report = match direction {
        Direction::Down => session.revert(Some(&mut *output), covers)?,
        Direction::Up => session.apply(Some(&mut *output), None, covers, |machine, journal| {
            task.check_other_end_of_nat(&journal.owners())?;
            let mut desired = desired_of(machine, &duties, journal)?;
            departing = departing::spare(&mut desired, machine, journal, covers)?;
            Ok(desired)
        })?,
    };
    let mut remarks: Vec<Remark> = departing.into_iter().map(Remark::Quiesced).collect();
    if direction == Direction::Up {
        remarks.extend(self::remarks(&mut session.machine, task)?);
    }
    let summary = report::summary(task, direction, &report);
    report::print(options, output, &report, &remarks, &summary)?;
    session.finish().map(|()| 0)
}

fn remarks(machine: &mut Machine, task: &Task) -> Result<Vec<Remark>, Error> {
    Ok(order::compare(machine, &task.duties())?.into_iter().map(Remark::Order).collect())
}

fn compare(task: &Task, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let (mut machine, mut journal) = look(options)?;
    let mut desired = desired_of(&mut machine, &task.duties(), &journal)?;
    desired.extend(policy::journalled(|owner| task.covers(owner), &journal));
    departing::overlay(&mut desired, &journal);
    let remarks = remarks(&mut machine, task)?;
    let beside = Beside { remarks, labels: Labels::new() };
    let actual = (&mut machine, &mut journal);
    status::report(options, output, task, status::of_task(task), actual, &desired, &beside)
}
