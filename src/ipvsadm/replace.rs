//! `-R --replace`: the table becomes exactly what standard input says, by the changes that it takes.
//!
//! What is as the input says is not touched, so that its connections and counters stay. What is not
//! in the input goes, last of all, and only after two readings of the table agreed.

use crate::engine::{Change, suffices};
use lvs::netlink::Transport;
use lvs::table::{self, LineChange, Ruleset, Snapshot, Value, request, stop_before};

use super::applying::Applying;
use super::command::Command;
use super::console::Console;
use super::error::Error;
use super::refusal::Operation;
use super::restore::ParseLine;
use super::rules;
use super::session::Session;

/// The commands of a plan, each with its line.
type Commands = Vec<(Option<usize>, Command)>;

/// Parses standard input and makes the table what it says. Gives the status of the first line that
/// failed, or 0.
pub(super) fn replace<T: Transport>(
    session: &mut Session<'_, T>,
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> u8 {
    let wanted = match rules::read(parse, console) {
        Ok(wanted) => wanted,
        Err(status) => return status,
    };
    let mut snapshot = Snapshot::default();
    let planned = planned(session, &wanted, &mut snapshot);
    let (changes, commands) = match planned {
        Ok(planned) => planned,
        Err(error) => return console.report(&error, || None),
    };
    match Applying::new(session, console).apply(commands) {
        0 => match verify(session, &changes, &mut snapshot) {
            Ok(()) => 0,
            Err(error) => console.report(&error, || None),
        },
        status => status,
    }
}

fn planned<T: Transport>(
    session: &mut Session<'_, T>,
    wanted: &Ruleset,
    snapshot: &mut Snapshot,
) -> Result<(Vec<LineChange>, Commands), Error> {
    let changes = wanted.changes(snapshot, session.client()?).map_err(unread)?;
    let mut commands = Vec::with_capacity(changes.len());
    for (line, change) in &changes {
        let requests = stop_before(change).into_iter().chain([request(change)?]);
        commands.extend(requests.map(|request| (*line, Command::Change(request))));
    }
    Ok((changes, commands))
}

/// Reads again what was changed.
fn verify<T: Transport>(
    session: &mut Session<'_, T>,
    changes: &[LineChange],
    snapshot: &mut Snapshot,
) -> Result<(), Error> {
    for (_, change) in changes {
        snapshot.invalidate(&change.key);
    }
    for (_, Change { key, to, .. }) in changes {
        let found = snapshot.read(session.client()?, key).map_err(unread)?;
        if !suffices(found.as_ref(), to.as_ref(), Value::satisfies) {
            return Err(Error::NotAsWanted(key.to_string()));
        }
    }
    Ok(())
}

fn unread(error: table::Error) -> Error {
    match error {
        table::Error::List { source } => Error::listing(Operation::ListServices)(source),
        error => error.into(),
    }
}
