//! The command line as clap knows it, built from the rows of options.
//!
//! clap decides whether a line can be read, and how. What it refuses, the [scanner](lvs::ruleset::syntax::Scanner) reads
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::tests::words;
    use super::super::{UsageError, parse, parse_restore_line};
    use super::*;
    use crate::ipvsadm::names::fake::VIP_EXAMPLE;
    use lvs::ruleset::syntax::Scanner;

    fn scan(elements: &[String], posixly_correct: bool) -> Result<Vec<Event<'_>>, UsageError> {
        Scanner::new(&OPTIONS, elements, posixly_correct).collect()
    }

    /// Lines that clap must accept, so that the agreement below is about something.
    #[test]
    fn clap_reads_lines_of_scripts_as_the_scanner_does() {
        for line in [
            "-Ln",
            "-Lnc",
            "-L -n --stats --exact",
            "-l --rate --sort --nosort --sort",
            "-A -t 192.0.2.1:80 -s rr -p 60 -M 255.255.255.0",
            "-At192.0.2.1:80 -srr -p",
            "-At=192.0.2.1:80 -s=rr -p=5",
            "-A --tcp-service=192.0.2.1:80 --persistent=60 --ops",
            "-Ap 50 -f 1 -6 -6",
            "-A -p -s rr",
            "-A -p -f 1",
            "-A -p -- operand",
            "-A -p= -f 1",
            "-A --persistent= -f 1",
            "-A -opf -f 1",
            "-A -t -- -s -t",
            "-A -t -s -s -- -- -- -L",
            "-A -t= --scheduler= -w -1",
            "-a -t 192.0.2.1:80 -r 192.0.2.2 -mw5",
            "-a -t 192.0.2.1:80 -r 192.0.2.2 -mw=5 -x -5",
            "--set 1 2 3",
            "1 --set 2 3",
            "1 2 3 --set",
            "--set -- -1 2 3",
            "--start-daemon master --mcast-interface eth0 --syncid 5",
            "--start-daemon=master -n foo - bar",
            "-S -n",
            "-C",
            "foo -L  bar",
            "-h foo",
            "-n",
            "--",
        ] {
            let elements = words(line);
            for posixly_correct in [false, true] {
                let events = events(&elements, posixly_correct);
                let events = events.unwrap_or_else(|| panic!("clap refuses {line:?}"));
                assert_eq!(
                    Ok(events),
                    scan(&elements, posixly_correct),
                    "{line:?}, POSIXLY_CORRECT {posixly_correct}"
                );
            }
        }
    }

    #[test]
    fn clap_refuses_lines_that_need_the_error_of_the_reference() {
        for line in [
            "-Lq",
            "-L --numer",
            "-L -t",
            "-L --stats=3",
            "-L -n=1",
            "-L -n=",
            "-L -5",
            "-L -C",
            "-L -l",
            "-LL",
            "-h -v",
            "-A -p -5",
            "-A --=x",
            "-A ---n",
            "-n -n",
            "-A -p - -f 1",
        ] {
            assert_eq!(events(&words(line), false), None, "{line:?}");
        }
    }

    fn rows(wanted: impl Fn(&Row) -> bool) -> Vec<&'static Row> {
        OPTIONS.rows().filter(|row| wanted(row)).collect()
    }

    /// Elements as people type them: options in every spelling, values, and what looks like either.
    fn element() -> impl Strategy<Value = String> {
        let value = || {
            select(vec![
                "",
                "-",
                "--",
                "-1",
                "=",
                "=5",
                "5",
                "60",
                "rr",
                "192.0.2.1:80",
                "[::1]:80",
                "::1",
                "ipvsadm",
                "master",
                "flag-1",
                "-t",
                "--stats",
                "1",
                "2678400",
                "gue",
                "sh-port",
                "255.255.255.0",
                "x=y",
                "--x",
                "-=",
                "\u{e9}",
                "---",
                "-\u{e9}",
                "a b",
                ",",
            ])
        };
        let long = (select(rows(|_| true)), proptest::option::weighted(0.2, value())).prop_map(
            |(row, value)| match value {
                Some(value) => format!("--{}={value}", row.long),
                None => format!("--{}", row.long),
            },
        );
        let letters: Vec<char> = OPTIONS.rows().flat_map(|row| row.shorts.chars()).collect();
        let bundle = (
            prop::collection::vec(select(letters), 1..4),
            proptest::option::weighted(0.3, value()),
        )
            .prop_map(|(letters, value)| {
                let letters: String = letters.into_iter().collect();
                format!("-{letters}{}", value.unwrap_or_default())
            });
        prop_oneof![
            3 => long,
            4 => bundle,
            3 => value().prop_map(str::to_owned),
        ]
    }

    /// Lines of which clap accepts many: every option with what it wants.
    fn plausible_line() -> impl Strategy<Value = Vec<String>> {
        let part = (
            prop_oneof![select(rows(|row| row.verb().is_none())).prop_map(Some), Just(None)],
            element(),
            any::<bool>(),
        )
            .prop_map(|(row, other, separate)| {
                let Some(row) = row else { return vec![other] };
                let spelling = match row.shorts.chars().next() {
                    Some(short) if separate => format!("-{short}"),
                    _ => format!("--{}", row.long),
                };
                match row.argument {
                    Argument::None => vec![spelling],
                    _ if separate => vec![spelling, other],
                    _ => vec![format!("{spelling}={other}")],
                }
            });
        (select(rows(|row| row.verb().is_some())), prop::collection::vec(part, 0..5)).prop_map(
            |(command, parts)| {
                let mut line = vec![format!("--{}", command.long)];
                if command.argument == Argument::Required {
                    line.push("master".to_owned());
                }
                line.extend(parts.into_iter().flatten());
                line
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn clap_and_the_scanner_agree_on_every_line_that_clap_accepts(
            line in prop_oneof![plausible_line(), prop::collection::vec(element(), 0..6)],
            posixly_correct: bool,
        ) {
            if let Some(events) = events(&line, posixly_correct) {
                prop_assert_eq!(Ok(events), scan(&line, posixly_correct));
            }
        }

        #[test]
        fn clap_accepts_every_line_that_is_fit_for_it(
            line in plausible_line(),
            posixly_correct: bool,
        ) {
            if let Ok(scanned) = scan(&line, posixly_correct) {
                let mut seen = Vec::new();
                let repeated = scanned.iter().any(|event| match event {
                    Event::Option { row, .. } if row.place.is_some() || row.verb().is_some() => {
                        seen.contains(row) || { seen.push(*row); false }
                    }
                    _ => false,
                });
                // `-p -` is the scanner's.
                let dash = line.iter().any(|element| element.ends_with('-'));
                let accepted = events(&line, posixly_correct).is_some();
                prop_assert!(accepted != repeated || dash && !accepted);
            }
        }

        #[test]
        fn nothing_makes_the_parser_panic(
            line in prop::collection::vec(prop_oneof![element(), any::<String>()], 0..6),
            posixly_correct: bool,
        ) {
            let as_arguments = parse("ipvsadm", &line, &VIP_EXAMPLE, posixly_correct);
            if line.is_empty() {
                prop_assert!(as_arguments.is_ok());
            } else if let Err(error) = as_arguments {
                prop_assert!(matches!(error.exit_code(), 2 | 255));
                prop_assert!(parse_restore_line("ipvsadm", &line, &VIP_EXAMPLE, posixly_correct).is_err()
                    || matches!(error, UsageError::InvalidMark(_)));
            }
        }
    }
}
