//! Both ways of reading a line, clap's and the scanner's, held to each other.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::{UsageError, front_end, parse, parse_restore_line};
use super::words;
use crate::ipvsadm::fake_names::VIP_EXAMPLE;
use crate::ipvsadm::options::OPTIONS;
use lvs::ruleset::syntax::{Argument, Event, Row, Scanner};

fn scan(elements: &[String], posixly_correct: bool) -> Result<Vec<Event<'_>>, UsageError> {
    Scanner::new(&OPTIONS, elements, posixly_correct).collect()
}

/// Lines that clap must accept, so that the agreement below is about something.
#[test]
fn clap_reads_the_lines_of_scripts_and_agrees_with_the_scanner() {
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
            let events = front_end::events(&elements, posixly_correct);
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
fn clap_refuses_what_the_scanner_has_to_word() {
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
        assert_eq!(front_end::events(&words(line), false), None, "{line:?}");
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
    let bundle =
        (prop::collection::vec(select(letters), 1..4), proptest::option::weighted(0.3, value()))
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
        if let Some(events) = front_end::events(&line, posixly_correct) {
            prop_assert_eq!(Ok(events), scan(&line, posixly_correct));
        }
    }

    #[test]
    fn clap_accepts_every_line_that_is_fit_for_it(
        line in plausible_line(),
        posixly_correct: bool,
    ) {
        if let Ok(events) = scan(&line, posixly_correct) {
            let mut seen = Vec::new();
            let repeated = events.iter().any(|event| match event {
                Event::Option { row, .. } if row.place.is_some() || row.verb().is_some() => {
                    seen.contains(row) || { seen.push(*row); false }
                }
                _ => false,
            });
            // `-p -` is the scanner's.
            let dash = line.iter().any(|element| element.ends_with('-'));
            let accepted = front_end::events(&line, posixly_correct).is_some();
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
