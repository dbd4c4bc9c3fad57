//! `-R` and `ipvsadm-restore`: commands from standard input, one per line.
//!
//! All lines are parsed before the first is applied, so a mistake changes nothing. What the kernel refuses
//! is reported, and the rest goes on; so does, as in the reference, a line with an unknown option.

use std::env;

use lvs::ipvs::Request;
use lvs::netlink::Transport;
use lvs::proc::read_line;

use super::command::Command;
use super::error::Error;
use super::names::SystemNames;
use super::session::{Console, Session};
use super::{bytes, explain, parse};

/// Parses the words of a line, without a leading `ipvsadm`.
pub(crate) type ParseLine<'a> = dyn FnMut(&[&str]) -> Result<Command, Error> + 'a;

/// Commands that are kept at most, which takes some 500 MB.
const MAX_COMMANDS: usize = 2_000_000;

/// Initial capacity for commands. Unused memory costs nothing, while growing moves pages.
const CAPACITY: usize = 1 << 16;

/// Changes that are sent at once.
const BATCH: usize = 1024;

/// Failures that are explained, each of which may read the whole table.
const MAX_EXPLAINED: usize = 20;

/// Parses lines with the names of the system and the environment of this process.
pub(super) fn parse_line(program: &str) -> impl FnMut(&[&str]) -> Result<Command, Error> {
    let posixly_correct = posixly_correct();
    move |line| {
        parse::parse_restore_line(program, line, &SystemNames, posixly_correct).map_err(Error::from)
    }
}

pub(super) fn posixly_correct() -> bool {
    env::var_os("POSIXLY_CORRECT").is_some()
}

/// Parses standard input and applies it, to a table that is cleared before if `clear` is set. Returns the
/// status of the first line that failed, or 0.
pub(super) fn restore<T: Transport>(
    session: &mut Session<'_, T>,
    clear: bool,
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> u8 {
    let (commands, skipped) = match parsed(parse, console) {
        Ok(parsed) => parsed,
        Err(status) => return status,
    };
    let flush = Command::Change(Request::Flush);
    if clear {
        if let Err(error) = session.execute(&flush, console) {
            return console.report(&error, || session.explain(&flush, &error));
        }
    }
    match (skipped, apply(session, commands, console)) {
        (0, status) | (status, _) => status,
    }
}

/// Consecutive changes go to the kernel in batches.
fn apply<T: Transport>(
    session: &mut Session<'_, T>,
    commands: Vec<(usize, Command)>,
    console: &mut Console<'_>,
) -> u8 {
    let mut failures = Failures::default();
    let (mut lines, mut requests) = (Vec::new(), Vec::new());
    let mut commands = commands.into_iter().peekable();
    while let Some((line, command)) = commands.next() {
        let Command::Change(request) = command else {
            if let Err(error) = session.execute(&command, console) {
                failures.report(session, console, Some(line), &command, &error);
            }
            continue;
        };
        lines.push(line);
        requests.push(request);
        let more = matches!(commands.peek(), Some((_, Command::Change(_))));
        if requests.len() < BATCH && more {
            continue;
        }
        let (results, known) = match session.execute_all(&requests) {
            Ok(results) => (results, true),
            // Nothing is known of the batch, so that the error is that of its first line.
            Err(error) => (vec![Err(error)], false),
        };
        for ((line, request), result) in lines.drain(..).zip(requests.drain(..)).zip(results) {
            if let Err(source) = result {
                let error = Error::change(&request, source);
                failures.report(session, console, Some(line), &Command::Change(request), &error);
            }
        }
        if !known {
            break;
        }
    }
    failures.status
}

/// The failed commands of a run. The status is that of the first one, or 0.
#[derive(Default)]
pub(super) struct Failures {
    count: usize,
    pub(super) status: u8,
}

impl Failures {
    pub(super) fn report<T: Transport>(
        &mut self,
        session: &mut Session<'_, T>,
        console: &mut Console<'_>,
        line: Option<usize>,
        command: &Command,
        error: &Error,
    ) {
        self.count += 1;
        let explained = self.count <= MAX_EXPLAINED;
        let explain = || explained.then(|| session.explain(command, error)).flatten();
        let status = match line {
            Some(line) => console.report_line(line, error, explain),
            None => console.report(error, explain),
        };
        if self.status == 0 {
            self.status = status;
        }
    }
}

/// The commands of standard input, each with the number of its line, and the status of the first line
/// that was skipped, or 0.
fn parsed(
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> Result<(Vec<(usize, Command)>, u8), u8> {
    let mut commands = Vec::with_capacity(CAPACITY);
    let skipped = read(parse, true, console, |number, command| {
        commands.push((number, command));
        Ok(())
    })?;
    Ok((commands, skipped))
}

/// Calls `take` with each command and the number of its line, from 1. Every line that cannot be parsed or
/// taken is reported; the error is the status of the first. If `skips` is set, lines with an unknown
/// option or a missing argument are only reported; the status of the first is returned.
pub(super) fn read(
    parse: &mut ParseLine<'_>,
    skips: bool,
    console: &mut Console<'_>,
    mut take: impl FnMut(usize, Command) -> Result<(), Error>,
) -> Result<u8, u8> {
    let mut failed = None;
    let mut skipped = 0;
    let mut all_parsed = true;
    let mut commands = 0;
    let mut line = Vec::new();
    for number in 1.. {
        match read_line(&mut console.input, &mut line) {
            Ok(true) => {}
            Ok(false) => break,
            Err(source) => {
                let path = "standard input";
                return Err(console.report(&Error::CannotRead { path, source }, || None));
            }
        }
        let text = bytes::text(&line);
        // Capacity for most lines: to grow step by step takes longer than to split.
        let mut words = Vec::with_capacity(16);
        words.extend(lvs::ruleset::words(&text));
        if words.is_empty() {
            continue;
        }
        commands += 1;
        if commands > MAX_COMMANDS {
            return Err(console.report(&Error::TooManyCommands(MAX_COMMANDS), || None));
        }
        let parsed = parse(&words);
        let is_skipped = skips && matches!(&parsed, Err(Error::Usage(it)) if it.is_option_error());
        all_parsed &= parsed.is_ok() || is_skipped;
        // These end the program, so nothing after them is read.
        let is_last = matches!(parsed, Ok(Command::Help | Command::Version));
        let taken = match parsed {
            // The rest is only checked.
            Ok(_) if !all_parsed => Ok(()),
            parsed => parsed.and_then(|command| take(number, command)),
        };
        if let Err(source) = taken {
            let error = Error::Line { number, source: Box::new(source) };
            let status = console.report(&error, || explain::of_usage(&error, &words));
            if !is_skipped {
                failed.get_or_insert(status);
            } else if skipped == 0 {
                skipped = status;
            }
        }
        if is_last {
            break;
        }
    }
    failed.map_or(Ok(skipped), Err)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::ipvsadm::UsageError;

    /// Knows three words and refuses any other.
    fn parse(words: &[&str]) -> Result<Command, Error> {
        match words.join(" ").as_str() {
            "clear" => Ok(Command::Change(Request::Flush)),
            "version" => Ok(Command::Version),
            "save" => Ok(Command::Save { numeric: true }),
            "--new" => Err(UsageError::UnknownOption("--new".to_owned()).into()),
            other => Err(UsageError::UnexpectedArgument(other.to_owned()).into()),
        }
    }

    /// The commands with their lines and the status of skipped ones, and what is reported.
    type Read = (Result<(Vec<(usize, Command)>, u8), u8>, String);

    fn read_from(mut input: &[u8]) -> Read {
        let mut errors = Vec::new();
        let mut console = Console {
            input: &mut input,
            output: &mut io::sink(),
            errors: &mut errors,
            explains: false,
        };
        let commands = parsed(&mut parse, &mut console);
        (commands, String::from_utf8(errors).unwrap())
    }

    #[test]
    fn command_has_the_number_of_its_line() {
        let (commands, errors) = read_from(b"# table\n\nclear\n  \nipvsadm save");
        let expected =
            vec![(3, Command::Change(Request::Flush)), (5, Command::Save { numeric: true })];
        assert_eq!((commands, errors.as_str()), (Ok((expected, 0)), ""));
    }

    #[test]
    fn every_wrong_line_is_reported_and_nothing_is_applied() {
        let (commands, errors) = read_from(b"clear\nwrong\nclear\nworse\nsave\n");
        assert_eq!(commands, Err(2));
        assert_eq!(
            errors,
            "line 2: unexpected argument wrong\nline 4: unexpected argument worse\n"
        );
    }

    #[test]
    fn line_with_an_unknown_option_is_skipped() {
        let (commands, errors) = read_from(b"clear\n--new\nsave\n");
        let expected =
            vec![(1, Command::Change(Request::Flush)), (3, Command::Save { numeric: true })];
        assert_eq!(commands, Ok((expected, 255)));
        assert_eq!(errors, "line 2: --new: unknown option\n");
    }

    #[test]
    fn nothing_is_read_after_a_version() {
        let (commands, errors) = read_from(b"clear\nversion\nwrong\n");
        let expected = vec![(1, Command::Change(Request::Flush)), (2, Command::Version)];
        assert_eq!((commands, errors.as_str()), (Ok((expected, 0)), ""));
    }

    #[test]
    fn endless_line_is_refused() {
        let (commands, errors) = read_from(&vec![b'x'; 1 << 20]);
        assert_eq!(commands, Err(1));
        assert_eq!(errors, "cannot read standard input: a line is longer than 1048576 bytes\n");
    }
}
