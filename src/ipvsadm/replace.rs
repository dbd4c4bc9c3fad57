//! `-R --replace`: the table becomes exactly what standard input says, with as few changes as possible, so
//! that services and destinations that stay keep their connections and counters.

use std::io::{self, BufRead, Write};

use lvs::netlink::Transport;
use lvs::table::Ruleset;

use super::command::Command;
use super::error::Error;
use super::restore::{self, Failures, ParseLine};
use super::session::{Console, Session};

/// Parses standard input and makes the table what it says. Returns the status of the first line that
/// failed, or 0.
pub(super) fn replace<T: Transport>(
    session: &mut Session<'_, T>,
    parse: &mut ParseLine<'_>,
    console: &mut Console<'_>,
) -> u8 {
    let replaced = read(parse, console).map(|ruleset| apply(session, &ruleset, console));
    match replaced {
        Ok(Ok(status)) | Err(status) => status,
        Ok(Err(error)) => console.report(&error, || None),
    }
}

fn apply<T: Transport>(
    session: &mut Session<'_, T>,
    ruleset: &Ruleset,
    console: &mut Console<'_>,
) -> Result<u8, Error> {
    let plan = session.tables()?.plan(ruleset)?;
    let (lines, changes): (Vec<_>, Vec<_>) = plan.into_iter().unzip();
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

/// Reads a ruleset from standard input. Every wrong line is reported; the error is the status of the
/// first.
fn read(parse: &mut ParseLine<'_>, console: &mut Console<'_>) -> Result<Ruleset, u8> {
    let mut ruleset = Ruleset::default();
    restore::read(parse, false, console, |line, command| match command {
        Command::Change(request) => {
            let refused = Error::of_request(&request);
            ruleset.apply(line, request).map_err(refused)
        }
        _ => Err(Error::NotInARuleset),
    })?;
    Ok(ruleset)
}

/// Reads a ruleset in the format of `ipvsadm -S`. What is wrong is written to `errors`, one line each; the
/// error is the status that `ipvsadm -R` would return.
pub(crate) fn read_ruleset(input: &mut dyn BufRead, errors: &mut dyn Write) -> Result<Ruleset, u8> {
    let mut console = Console { input, output: &mut io::sink(), errors, explains: false };
    read(&mut restore::parse_line("ipvsadm"), &mut console)
}

/// Returns whether a line belongs to a ruleset, by the option that it starts with; `None` for a line
/// without content. No line of a cluster file starts with an option.
pub(crate) fn is_rule(line: &str) -> Option<bool> {
    lvs::ruleset::words(line).next().map(|word| word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> (u8, String) {
        let mut errors = Vec::new();
        let status = read_ruleset(&mut text.as_bytes(), &mut errors).unwrap_err();
        (status, String::from_utf8(errors).unwrap())
    }

    #[test]
    fn rule_is_detected_by_its_option() {
        for rule in ["-A -t 192.0.2.1:80", "  ipvsadm -C\n", "--set 1 2 3"] {
            assert_eq!(is_rule(rule), Some(true), "{rule}");
        }
        for other in ["mode = \"tun\"", "[[service]]"] {
            assert_eq!(is_rule(other), Some(false), "{other}");
        }
        for nothing in ["", "# only a comment\n", "ipvsadm"] {
            assert_eq!(is_rule(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn ruleset_keeps_the_lines_of_its_entries() {
        let text = "-A -t 192.0.2.1:80 -s rr\n# one\n-a -t 192.0.2.1:80 -r 198.51.100.2 -m\n";
        let table = read_ruleset(&mut text.as_bytes(), &mut io::sink()).unwrap();
        let lines: Vec<usize> = table.entries().map(|(line, ..)| line).collect();
        assert_eq!(lines, [1, 3]);
    }

    #[test]
    fn every_line_that_is_not_a_rule_is_reported() {
        let add = "-A -t 192.0.2.1:80\n";
        assert_eq!(
            errors(&format!("{add}{add}")),
            (255, "line 2: Service already exists\n".to_owned())
        );
        let (status, reported) =
            errors(&format!("{add}-L\n-a -t 192.0.2.2:80 -r 198.51.100.2\n-v\n"));
        assert_eq!(status, 2);
        assert_eq!(
            reported,
            "line 2: not allowed in a ruleset: only services, real servers, timeouts and daemons are\n\
             line 3: Service not defined\n\
             line 4: not allowed in a ruleset: only services, real servers, timeouts and daemons are\n"
        );
        let (status, reported) = errors("-A -t bogus:80\n-q\n");
        assert_eq!(status, 2);
        assert_eq!(reported.lines().count(), 2, "{reported}");
        // Errors that follow from a line that cannot be parsed are not reported.
        let (status, reported) = errors("-A -t bogus:80\n-a -t 192.0.2.1:80 -r 198.51.100.2\n");
        assert_eq!(status, 2);
        assert_eq!(reported.lines().count(), 1, "{reported}");
    }
}
