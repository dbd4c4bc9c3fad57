//! From the events of a line to its command. Everything that can be wrong is looked for in the
//! order of the reference, and the first thing found wins.

use super::complete::complete;
use super::error::UsageError;
use super::event::Event;
use super::line::{Line, Surroundings};
use super::options::{OptionId, Verb};
use crate::ipvsadm::{Command, Manner};

/// The command that a line asks for, and the manner of its run.
///
/// # Errors
///
/// What is wrong with it, first in the order in which the reference looks.
pub(super) fn interpret<'a>(
    events: impl IntoIterator<Item = Result<Event<'a>, UsageError>>,
    surroundings: Surroundings<'_>,
) -> Result<(Command, Manner), UsageError> {
    let no_command = || UsageError::NoCommand { program: surroundings.program.to_owned() };
    let mut events = events.into_iter();
    let mut operands = Vec::new();
    let (command, value) = loop {
        match events.next() {
            Some(Ok(Event::Operand(operand))) => operands.push(operand.into_owned()),
            Some(Ok(Event::Option { option, value })) => break (option, value),
            Some(Err(_)) | None => return Err(no_command()),
        }
    };
    let verb = command.verb().ok_or_else(no_command)?;
    match verb {
        // These two act at once, whatever follows.
        Verb::Help => return Ok((Command::Help, Manner::default())),
        Verb::Version => return Ok((Command::Version, Manner::default())),
        _ => {}
    }

    let mut line = Line::new(surroundings, command, verb, operands);
    line.take_command(value.as_deref())?;
    for event in events {
        match event? {
            Event::Operand(operand) => line.operands.push(operand.into_owned()),
            Event::Option { option, value } => line.take(option, value.as_deref())?,
        }
    }
    match complete(&line)? {
        // A restore inside a restore, found out this late by the reference too.
        Command::Restore | Command::Replace if surroundings.restore => Err(no_command()),
        command => Ok((command, manner(line)?)),
    }
}

/// What the line says of the whole run.
fn manner(line: Line<'_>) -> Result<Manner, UsageError> {
    let of_the_run = [OptionId::NoLoad, OptionId::NetworkNamespace, OptionId::Explain];
    let first = line.given.iter().find(|row| of_the_run.contains(&row.id));
    match first.and_then(|row| row.name) {
        Some(name) if line.surroundings.restore => Err(UsageError::NotInRestore(name)),
        _ => Ok(Manner {
            no_load: line.has(OptionId::NoLoad),
            explain: line.has(OptionId::Explain),
            namespace: line.namespace,
        }),
    }
}
