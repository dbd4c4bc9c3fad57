//! The command line as clap knows it, built from the rows of options.
//!
//! clap decides whether a line can be read, and how. What it refuses, the [scanner](Scanner) reads
//! once more for the reference's error text. On every line that clap accepts the two agree, which
//! the tests check.
//!
//! [Scanner]: lvs::ruleset::syntax::Scanner

use std::borrow::Cow;

use clap::builder::Resettable;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};

use lvs::ruleset::syntax::{Argument, Event, Row};

use crate::ipvsadm::options::OPTIONS;

/// Stands for an argument that is not there. No argument of a program can be this text.
const ABSENT: &str = "\0";

const OPERANDS: &str = "operands";

/// The whole command line of `ipvsadm`, without help texts: for checks of the manual page.
///
/// # Examples
///
/// ```
/// let command = programs::ipvsadm::command_line();
/// assert!(command.get_arguments().any(|it| it.get_long() == Some("add-service")));
/// ```
#[must_use]
pub fn command_line() -> Command {
    build(OPTIONS.rows(), false)
}

fn build(rows: impl Iterator<Item = &'static Row> + Clone, posixly_correct: bool) -> Command {
    let commands = rows.clone().filter(|row| row.verb().is_some());
    Command::new("ipvsadm")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(rows.map(argument))
        .arg(
            Arg::new(OPERANDS)
                .num_args(0..)
                .action(ArgAction::Append)
                .trailing_var_arg(posixly_correct),
        )
        .group(ArgGroup::new("command").args(commands.map(|row| row.long)))
}

fn argument(row: &Row) -> Arg {
    let mut shorts = row.shorts.chars();
    let arg = Arg::new(row.long)
        .long(row.long)
        .short(Resettable::from(shorts.next()))
        .visible_short_aliases(shorts)
        .action(match (row.place, row.verb()) {
            (None, None) => ArgAction::Append,
            // Given twice, it is refused.
            _ => ArgAction::Set,
        });
    match row.argument {
        Argument::None => arg.num_args(0).default_missing_value(ABSENT),
        Argument::Optional => {
            arg.num_args(0..=1).default_missing_value(ABSENT).value_parser(more_than_a_dash)
        }
        Argument::Required => arg.allow_hyphen_values(true),
    }
}

/// A lone `-` is an operand to popt and the value of a preceding `-p` to clap. No value is written
/// like that, so the line is left to the scanner.
fn more_than_a_dash(value: &str) -> Result<String, &'static str> {
    match value {
        "-" => Err("not a value"),
        _ => Ok(value.to_owned()),
    }
}

/// The events of a line in its order; `None` where clap refuses it.
pub(super) fn events(elements: &[String], posixly_correct: bool) -> Option<Vec<Event<'static>>> {
    // To build all of the table for clap takes longer than to ask the kernel.
    let rows = OPTIONS.rows().filter(|row| may_be_in(elements, row));
    let matches = build(rows.clone(), posixly_correct).try_get_matches_from(elements).ok()?;
    let mut events: Vec<(usize, Event<'_>)> = Vec::new();
    for row in rows {
        for (index, value) in occurrences(&matches, row.long) {
            let value = Some(value).filter(|value| value != ABSENT).map(Cow::Owned);
            events.push((index, Event::Option { row, value }));
        }
    }
    for (index, operand) in occurrences(&matches, OPERANDS) {
        events.push((index, Event::Operand(operand.into())));
    }
    events.sort_by_key(|&(index, _)| index);
    Some(events.into_iter().map(|(_, event)| event).collect())
}

/// False only where no element can be that option.
fn may_be_in(elements: &[String], row: &Row) -> bool {
    elements.iter().filter_map(|element| element.strip_prefix('-')).any(|text| {
        row.shorts.contains(|short| text.contains(short))
            || text.strip_prefix('-').is_some_and(|text| text.starts_with(row.long))
    })
}

fn occurrences<'a>(
    matches: &'a ArgMatches,
    id: &'a str,
) -> impl Iterator<Item = (usize, String)> + 'a {
    let indices = matches.indices_of(id).into_iter().flatten();
    let values = matches.get_many::<String>(id).into_iter().flatten();
    indices.zip(values.cloned())
}
