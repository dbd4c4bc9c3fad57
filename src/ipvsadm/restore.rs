//! `-R` and `ipvsadm-restore`: commands from standard input, one a line.
//!
//! Every line is parsed before the first is applied, so a mistake changes nothing. What the kernel
//! refuses is reported, and the rest goes on.

use std::borrow::Cow;

use lvs::ipvs::Request;
use lvs::netlink::Transport;
use lvs::proc::read_line;

use super::applying::Applying;
use super::command::Command;
use super::console::Console;
use super::error::Error;
use super::session::Session;
use super::words;

/// Reads one line's words, without `ipvsadm` in front, as a command.
pub type ParseLine<'a> = dyn FnMut(&[&str]) -> Result<Command, Error> + 'a;

/// Most commands that are kept, some 500 MB of them.
const MOST_COMMANDS: usize = 2_000_000;

/// Commands that there is room for from the start. What is not used costs nothing, and to grow step
/// by step moves pages each time.
const ROOM: usize = 1 << 16;

/// Parses standard input and applies it. Gives the status of the first line that failed, or 0.
pub(super) fn restore<T: Transport>(
    session: &mut Session<'_, T>,
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> u8 {
    match parsed(parse, console) {
        Ok(commands) => apply(session, commands, console),
        Err(status) => status,
    }
}

/// The same in place of what the table holds, which is cleared once all of the input is parsed.
pub(super) fn clear_and_restore<T: Transport>(
    session: &mut Session<'_, T>,
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> u8 {
    let commands = match parsed(parse, console) {
        Ok(commands) => commands,
        Err(status) => return status,
    };
    let clear = Command::Change(Request::Flush);
    match session.execute(&clear, console) {
        Ok(()) => apply(session, commands, console),
        Err(error) => console.report(&error, || session.explain(&clear, &error)),
    }
}

fn apply<T: Transport>(
    session: &mut Session<'_, T>,
    commands: Vec<(usize, Command)>,
    console: &mut Console<'_>,
) -> u8 {
    let commands = commands.into_iter().map(|(number, command)| (Some(number), command));
    Applying::new(session, console).apply(commands)
}

/// The command of each line that has one, with the line's number from 1.
fn parsed(
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> Result<Vec<(usize, Command)>, u8> {
    let mut commands = Vec::with_capacity(ROOM);
    read(parse, console, |number, command| {
        commands.push((number, command));
        Ok(())
    })?;
    Ok(commands)
}

/// Gives `take` the command of each line that has one, with the line's number from 1. Every line that
/// cannot be parsed or taken is reported; the status of the first is the error.
pub(super) fn read(
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
    mut take: impl FnMut(usize, Command) -> Result<(), Error>,
) -> Result<(), u8> {
    let mut failed = None;
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
        let text = match str::from_utf8(&line) {
            Ok(text) => Cow::Borrowed(text),
            // Slower to find out.
            Err(_) => String::from_utf8_lossy(&line),
        };
        // Room for most lines: to grow step by step takes longer than to split.
        let mut words = Vec::with_capacity(16);
        words.extend(words::of_line(&text));
        if words.is_empty() {
            continue;
        }
        commands += 1;
        if commands > MOST_COMMANDS {
            return Err(console.report(&Error::TooManyCommands(MOST_COMMANDS), || None));
        }
        let parsed = parse(&words);
        all_parsed &= parsed.is_ok();
        // These end the program, so nothing after them counts.
        let is_last = matches!(parsed, Ok(Command::Help | Command::Version));
        let taken = match parsed {
            // The rest is read for its mistakes.
            Ok(_) if !all_parsed => Ok(()),
            parsed => parsed.and_then(|command| take(number, command)),
        };
        if let Err(source) = taken {
            let source = Box::new(source);
            let status = console.report(&Error::Line { number, source }, || None);
            failed.get_or_insert(status);
        }
        if is_last {
            break;
        }
    }
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::ipvsadm::UsageError;

    /// A grammar of three words; all else is refused.
    fn parse(words: &[&str]) -> Result<Command, Error> {
        match words.join(" ").as_str() {
            "clear" => Ok(Command::Change(Request::Flush)),
            "version" => Ok(Command::Version),
            "save" => Ok(Command::Save { numeric: true }),
            other => Err(UsageError::UnexpectedArgument(other.to_owned()).into()),
        }
    }

    fn read_from(mut input: &[u8]) -> (Result<Vec<(usize, Command)>, u8>, String) {
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
    fn commands_keep_the_numbers_of_their_lines() {
        let (commands, errors) = read_from(b"# table\n\nclear\n  \nipvsadm save");
        let expected =
            vec![(3, Command::Change(Request::Flush)), (5, Command::Save { numeric: true })];
        assert_eq!((commands, errors.as_str()), (Ok(expected), ""));
    }

    #[test]
    fn every_wrong_line_is_reported_and_none_is_left_to_apply() {
        let (commands, errors) = read_from(b"clear\nwrong\nclear\nworse\nsave\n");
        assert_eq!(commands, Err(2));
        assert_eq!(
            errors,
            "line 2: unexpected argument wrong\nline 4: unexpected argument worse\n"
        );
    }

    #[test]
    fn nothing_counts_after_a_version() {
        let (commands, errors) = read_from(b"clear\nversion\nwrong\n");
        let expected = vec![(1, Command::Change(Request::Flush)), (2, Command::Version)];
        assert_eq!((commands, errors.as_str()), (Ok(expected), ""));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let (commands, errors) = read_from(&vec![b'x'; 1 << 20]);
        assert_eq!(commands, Err(1));
        assert_eq!(errors, "cannot read standard input: a line is longer than 65536 bytes\n");
    }
}
