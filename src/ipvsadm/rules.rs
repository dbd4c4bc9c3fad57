//! A whole table in the words of `-S`: the lines of a restore, for what they make of an empty table.

use std::io::{self, BufRead, Write};

use lvs::table::Ruleset;

use super::command::Command;
use super::console::Console;
use super::error::Error;
use super::refusal::Operation;
use super::restore::{self, ParseLine};
use super::words;

/// Reads the table that standard input describes. Whatever is wrong with it is reported, with the
/// number of its line; the status of the first mistake is the error.
pub(super) fn read(parse: &mut ParseLine<'_>, console: &mut Console<'_>) -> Result<Ruleset, u8> {
    let mut table = Ruleset::default();
    restore::read(parse, console, |number, command| match command {
        Command::Change(request) => {
            let operation = Operation::from(&request);
            table.apply(number, request).map_err(|source| Error::Change { operation, source })
        }
        _ => Err(Error::NotOfATable),
    })?;
    Ok(table)
}

/// Reads a table as `ipvsadm -S` writes it. What is wrong with it goes to `errors`, a line each.
///
/// # Errors
///
/// The status with which `ipvsadm -R` would end.
pub fn read_rules(input: &mut dyn BufRead, errors: &mut dyn Write) -> Result<Ruleset, u8> {
    let mut console = Console { input, output: &mut io::sink(), errors, explains: false };
    read(&mut super::program::parse_line("ipvsadm"), &mut console)
}

/// Whether a line is one of a table as `ipvsadm -S` writes it: it begins with an option, which no TOML
/// that means anything to us does. `None` where the line says nothing.
#[must_use]
pub fn is_rule(line: &str) -> Option<bool> {
    words::of_line(line).next().map(|word| word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> (u8, String) {
        let mut errors = Vec::new();
        let status = read_rules(&mut text.as_bytes(), &mut errors).unwrap_err();
        (status, String::from_utf8(errors).unwrap())
    }

    #[test]
    fn rules_are_told_from_toml_by_a_line() {
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
    fn a_table_is_read_as_a_whole() {
        let text = "-A -t 192.0.2.1:80 -s rr\n# one\n-a -t 192.0.2.1:80 -r 198.51.100.2 -m\n";
        let table = read_rules(&mut text.as_bytes(), &mut io::sink()).unwrap();
        let lines: Vec<usize> = table.entries().map(|(line, ..)| line).collect();
        assert_eq!(lines, [1, 3]);
    }

    #[test]
    fn every_line_that_makes_no_table_is_told() {
        let add = "-A -t 192.0.2.1:80\n";
        assert_eq!(
            errors(&format!("{add}{add}")),
            (255, "line 2: Service already exists\n".to_owned())
        );
        let (status, told) = errors(&format!("{add}-L\n-a -t 192.0.2.2:80 -r 198.51.100.2\n-v\n"));
        assert_eq!(status, 2);
        assert_eq!(
            told,
            "line 2: a table has no such line, only services, real servers, timeouts and daemons\n\
             line 3: Service not defined\n\
             line 4: a table has no such line, only services, real servers, timeouts and daemons\n"
        );
        let (status, told) = errors("-A -t bogus:80\n-q\n");
        assert_eq!(status, 2);
        assert_eq!(told.lines().count(), 2, "{told}");
        // Of what follows from a line that cannot be read, nothing is told.
        let (status, told) = errors("-A -t bogus:80\n-a -t 192.0.2.1:80 -r 198.51.100.2\n");
        assert_eq!(status, 2);
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}
