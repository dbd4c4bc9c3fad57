//! `-R --replace`: the table becomes exactly what standard input says, with as few changes as
//! possible, so that services and destinations that stay keep their connections and counters.

use lvs::netlink::Transport;
use lvs::table::{Change, Key, Ruleset, Value};

use super::applying::Failures;
use super::command::Command;
use super::console::Console;
use super::error::Error;
use super::restore::ParseLine;
use super::rules;
use super::session::Session;

/// Parses standard input and makes the table what it says. Returns the status of the first line that
/// failed, or 0.
pub(super) fn replace<T: Transport>(
    session: &mut Session<'_, T>,
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> u8 {
    let replaced = rules::read(parse, console).map(|ruleset| make(session, &ruleset, console));
    match replaced {
        Ok(Ok(status)) | Err(status) => status,
        Ok(Err(error)) => console.report(&error, || None),
    }
}

fn make<T: Transport>(
    session: &mut Session<'_, T>,
    ruleset: &Ruleset,
    console: &mut Console<'_>,
) -> Result<u8, Error> {
    let plan = session.tables()?.plan(ruleset)?;
    let (lines, changes): (Vec<Option<usize>>, Vec<Change<Key, Value>>) = plan.into_iter().unzip();
    let outcomes = session.tables()?.write_all(&changes);
    let mut failures = Failures::default();
    for ((line, change), outcome) in lines.into_iter().zip(&changes).zip(outcomes) {
        if let Err(error) = outcome {
            let command = Command::Change(change.request()?);
            failures.report(session, console, line, &command, &error.into());
        }
    }
    if failures.status == 0 {
        session.tables()?.verify(&changes)?;
    }
    Ok(failures.status)
}
