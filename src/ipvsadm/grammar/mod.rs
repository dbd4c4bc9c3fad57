//! The grammar of the command line: from the elements of a line to its [`Command`].
//!
//! [`options`] is the one table of what can be written. A line becomes [`event`]s, from argv by the
//! clap [`front_end`], from a restore by the [`scanner`]. [`mod@interpret`] takes them one by one into a
//! [`mod@line`], on which each has its [`effect`], and [`mod@complete`] checks the whole against [`legality`]
//! and turns it into a command.

mod complete;
mod effect;
mod error;
mod event;
mod front_end;
mod interpret;
mod legality;
mod line;
mod options;
mod request;
mod scanner;
#[cfg(test)]
mod tests;
mod value;

use super::{Command, Format, Listing, Manner, Names, Subject};
use interpret::interpret;
use line::Surroundings;
use scanner::Scanner;

pub use error::UsageError;
pub use front_end::command_line;

/// Reads the arguments of a program that was called as `program`.
///
/// No arguments at all list the whole table, with names. `posixly_correct` says whether the
/// environment has POSIXLY_CORRECT, with which the first operand ends the options. Names are looked
/// up while the line is read.
///
/// # Errors
///
/// The first thing that is wrong, in the order in which ipvsadm 1.31 looks.
pub fn parse(
    program: &str,
    arguments: &[String],
    names: &dyn Names,
    posixly_correct: bool,
) -> Result<(Command, Manner), UsageError> {
    if arguments.is_empty() {
        let listing = Listing {
            subject: Subject::Table,
            format: Format::Default,
            numeric: false,
            exact: false,
            sorted: true,
            json: false,
        };
        return Ok((Command::List(listing), Manner::default()));
    }
    let surroundings = Surroundings { program, names, restore: false };
    match front_end::events(arguments, posixly_correct) {
        Some(events) => interpret(events.into_iter().map(Ok), surroundings),
        None => interpret(Scanner::new(arguments, posixly_correct), surroundings),
    }
}

/// Reads one line of a restore, split into its elements.
///
/// Like [`parse`], but a mark of 2^31 and more may be written as the negative number that ipvsadm
/// 1.31 saves it as, and a restore inside the restore is refused, as are options of the whole run. A line without elements is none:
/// the caller skips it.
///
/// # Errors
///
/// The first thing that is wrong, in the order in which ipvsadm 1.31 looks.
pub fn parse_restore_line(
    program: &str,
    elements: &[impl AsRef<str>],
    names: &dyn Names,
    posixly_correct: bool,
) -> Result<Command, UsageError> {
    let surroundings = Surroundings { program, names, restore: true };
    let scanner = Scanner::new(elements, posixly_correct);
    interpret(scanner, surroundings).map(|(command, _)| command)
}
