//! The options of `ipvsadm`: one row each.
//!
//! A row has spelling, argument, legality per command, help text and completion. The parser, `-h`
//! and the shell completions are made of the rows; the manual page is checked against them. A new
//! option is a row with its id here, or in `lvs::ruleset` where a ruleset may hold it, the place
//! that uses it, and a paragraph in `man/ipvsadm.8`.

use std::io::{self, Write};

use lvs::ruleset::syntax::{
    Argument, Completion, DAEMONS, FORWARDING, Id, Row, SCHEDULING, SERVER, SERVER_COMMANDS,
    SERVICE, SERVICE_COMMANDS, SETTING_COMMANDS, Section, Table, Verb, Verbs,
};

/// The options that are not part of the ruleset language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Numeric,
    Stats,
    Rate,
    Thresholds,
    PersistentConnections,
    TunnelInfo,
    Exact,
    NoSort,
    Sort,
    Connection,
    Client,
    VirtualAddress,
    Destination,
    State,
    CountBy,
    Timeout,
    Daemon,
    Json,
    NoLoad,
    Replace,
    NetworkNamespace,
    Explain,
    Origin,
}

impl Own {
    pub(super) const fn id(self) -> Id {
        Id::Program(self as u8)
    }
}

const LIST: Verbs = Verb::List.bit();
const SAVE: Verbs = Verb::Save.bit();
const EVERY: Verbs = !(Verb::Help.bit() | Verb::Version.bit());

/// Every command and option, in the order of the help text.
pub static OPTIONS: Table = Table::new(&[
    &SERVICE_COMMANDS,
    &SERVER_COMMANDS,
    &TABLE_COMMANDS,
    &SETTING_COMMANDS,
    &HELP_COMMANDS,
    &SERVICE,
    &SCHEDULING,
    &SERVER,
    &FORWARDING,
    &LISTING,
    &OTHER_LISTINGS,
    &EVERY_LISTING,
    &EVERY_COMMAND,
    &DAEMONS,
]);

static TABLE_COMMANDS: Section = Section {
    title: "\nTables",
    rows: &[
        Row::command(Verb::List, "list", "Ll")
            .followed_by("[SERVICE] [LISTING]", "list the table, one service, or something else"),
        Row::command(Verb::Save, "save", "S")
            .followed_by("[-n]", "write the table as commands to standard output"),
        Row::command(Verb::Restore, "restore", "R").help("read commands from standard input"),
        Row::option(Own::Replace.id(), 43, "replace", "")
            .goes_with(Verb::Restore.bit())
            .help("-R makes the table what they say, by the fewest changes"),
    ],
};

static HELP_COMMANDS: Section = Section {
    title: "\nHelp",
    rows: &[
        Row::command(Verb::Help, "help", "h").help("print this text"),
        Row::command(Verb::Version, "version", "v").help("print the version"),
    ],
};

/// A flag of `-L`.
const fn listing(id: Own, place: u8, long: &'static str, short: &'static str) -> Row {
    Row::option(id.id(), place, long, short).goes_with(LIST)
}

static LISTING: Section = Section {
    title: "\nLISTING, of services and real servers",
    rows: &[
        listing(Own::Numeric, 0, "numeric", "n")
            .goes_with(SAVE)
            .help("no names of hosts and services"),
        listing(Own::Stats, 14, "stats", "").help("connections, packets and bytes since the start"),
        listing(Own::Rate, 15, "rate", "").help("per-second rates of the same"),
        listing(Own::Thresholds, 16, "thresholds", "").help("thresholds of real servers"),
        listing(Own::PersistentConnections, 17, "persistent-conn", "")
            .help("connections held by persistence; with -c the engine's data"),
        listing(Own::TunnelInfo, 28, "tun-info", "").help("encapsulation"),
        listing(Own::Exact, 20, "exact", "X").help("numbers in full"),
        listing(Own::NoSort, 18, "nosort", "").help("in the order of the kernel"),
        // The reference accepts it with every command; only here it means something.
        Row::repeatable(Own::Sort.id(), "sort", "")
            .goes_with(LIST)
            .help("in order (the default; accepted everywhere)"),
    ],
};

static OTHER_LISTINGS: Section = Section {
    title: "or of something else",
    rows: &[
        listing(Own::Connection, 1, "connection", "c")
            .alone_with(LIST)
            .help("the connection table"),
        listing(Own::Client, 38, "client", "")
            .takes("ADDRESS[/PREFIX]", "connections of these clients only"),
        listing(Own::VirtualAddress, 39, "vip", "")
            .takes("ADDRESS[:PORT]", "connections to this virtual address only"),
        listing(Own::Destination, 40, "real", "")
            .takes("ADDRESS[:PORT]", "connections to this real server only"),
        listing(Own::State, 41, "state", "")
            .takes("STATE", "connections in this state only")
            .completes(Completion::Words(STATES)),
        listing(Own::CountBy, 42, "count-by", "")
            .takes("client|vip|real|state", "connections counted, the most first, without names")
            .completes(Completion::Words(&["client", "vip", "real", "state"])),
        listing(Own::Origin, 44, "origin", "")
            .help("connections with LOCAL, or SYNC if another director sent them"),
        listing(Own::Timeout, 12, "timeout", "").alone_with(LIST).help("timeouts of connections"),
        listing(Own::Daemon, 13, "daemon", "").alone_with(LIST).help("synchronization daemons"),
    ],
};

macro_rules! states {
    ($first:literal $($state:literal)*) => {
        /// States of connections, as `/proc/net/ip_vs_conn` names them: of TCP, UDP, persistence and SCTP.
        pub(super) const STATES: &[&str] = &[$first, $($state),*];

        /// The same as text.
        pub(super) const KNOWN_STATES: &str = concat!($first, $(" ", $state),*);
    };
}

states! {
    "NONE" "ESTABLISHED" "SYN_SENT" "SYN_RECV" "FIN_WAIT" "TIME_WAIT" "CLOSE" "CLOSE_WAIT" "LAST_ACK"
    "LISTEN" "SYNACK" "UDP" "ASSURED" "INIT1" "INIT" "C-SENT" "C-REPLIED" "C-WAIT" "COOKIE" "C-ECHOED"
    "S-SENT" "S-RECEIVED" "S-ACK-SENT" "REJECTED" "CLOSED"
}

static EVERY_LISTING: Section = Section {
    title: "each of them also",
    rows: &[
        listing(Own::Json, 34, "json", "")
            .help("as one JSON object, without names and with numbers in full"),
        listing(Own::NoLoad, 35, "no-load", "")
            .goes_with(SAVE)
            .help("empty where IPVS is not loaded; with -S too"),
    ],
};

static EVERY_COMMAND: Section = Section {
    title: "\nWith every command",
    rows: &[
        Row::option(Own::NetworkNamespace.id(), 36, "netns", "")
            .takes("NAME|PATH|PID", "in that network namespace")
            .completes(Completion::Namespaces)
            .goes_with(EVERY),
        Row::option(Own::Explain.id(), 37, "explain", "").goes_with(EVERY).help(
            "a second line with cause and cure after an error, also where\nno terminal shows it",
        ),
    ],
};

/// As the reference prints it, byte for byte: scripts look for the version of IPVS in it.
const VERSION: &str = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n";

const INTRODUCTION: &str = "\
Shows and changes the virtual server table of the Linux kernel (IPVS).

Usage: ipvsadm COMMAND [OPTION]...

Without a command the whole table is listed. Exactly one command is given, and it comes first.
";

/// Column at which the descriptions of most sections begin.
const DESCRIPTION: usize = 39;

pub(super) fn write_version(output: &mut dyn Write) -> io::Result<()> {
    output.write_all(VERSION.as_bytes())
}

pub(super) fn write_help(output: &mut dyn Write) -> io::Result<()> {
    write_version(output)?;
    output.write_all(INTRODUCTION.as_bytes())?;
    OPTIONS.sections.iter().try_for_each(|section| write_section(output, section))
}

fn write_section(output: &mut dyn Write, section: &Section) -> io::Result<()> {
    writeln!(output, "{}", section.title)?;
    let longest = section.rows.iter().map(|row| usage(row).len()).max().unwrap_or(0);
    let column = if longest < DESCRIPTION { DESCRIPTION } else { longest + 3 };
    for row in section.rows {
        let mut usage = usage(row);
        for line in row.help.lines() {
            writeln!(output, "{usage:column$}{line}")?;
            usage.clear();
        }
    }
    Ok(())
}

/// `  -w, --weight NUMBER`.
fn usage(row: &Row) -> String {
    let mut text = "  ".to_owned();
    for short in row.shorts.chars() {
        text.extend(['-', short, ',', ' ']);
    }
    if row.shorts.is_empty() {
        text.push_str("    ");
    }
    let blank = if row.value.is_empty() || row.argument == Argument::Optional { "" } else { " " };
    for piece in ["--", row.long, blank, row.value] {
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_stands_for_one_option() {
        for row in OPTIONS.rows() {
            assert_eq!(OPTIONS.long(row.long), Some(row));
            for spelling in row.shorts.chars() {
                assert_eq!(OPTIONS.short(spelling), Some(row));
            }
        }
    }

    #[test]
    fn known_states_are_the_same_as_text() {
        assert_eq!(STATES.join(" "), KNOWN_STATES);
    }

    #[test]
    fn spellings_are_exact() {
        assert_eq!(OPTIONS.long("numer"), None);
        assert_eq!(OPTIONS.long("NUMERIC"), None);
        assert_eq!(OPTIONS.long(""), None);
        assert_eq!(OPTIONS.short('I'), None);
        assert_eq!(OPTIONS.short('?'), None);
        assert_eq!(OPTIONS.short('l').and_then(Row::verb), Some(Verb::List), "-l is -L");
    }

    /// The checks go by place: 0 to 33 are the columns of the reference, the rest is ours.
    #[test]
    fn options_with_one_place_have_one_name() {
        for row in OPTIONS.rows().filter(|row| row.place.is_some()) {
            let same = |other: &&Row| other.place == row.place;
            assert!(OPTIONS.rows().filter(same).all(|other| other.name == row.name), "{row:?}");
        }
        let mut places: Vec<_> = OPTIONS.rows().filter_map(|row| row.place).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places, (0..places.len() as u8).collect::<Vec<_>>());
        assert!(places.len() <= 64, "one bit each");
    }

    #[test]
    fn version_is_that_of_the_reference() {
        let mut output = Vec::new();
        write_version(&mut output).unwrap();
        assert_eq!(output, b"ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n");
    }

    #[test]
    fn help_starts_with_the_version_and_fits_a_screen() {
        let mut output = Vec::new();
        write_help(&mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert!(text.starts_with(VERSION));
        let widest = text.lines().map(str::len).max();
        assert!(widest <= Some(100), "{widest:?}");
    }

    #[test]
    fn help_names_every_option() {
        let mut output = Vec::new();
        write_help(&mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        let words: Vec<_> = text.split([' ', '\n', ',', '[', '=', ']']).collect();
        for row in OPTIONS.rows() {
            assert!(words.contains(&format!("--{}", row.long).as_str()), "--{}", row.long);
            for short in row.shorts.chars() {
                assert!(words.contains(&format!("-{short}").as_str()), "-{short}");
            }
        }
    }

    #[test]
    fn help_of_an_option_that_two_lines_describe() {
        let mut output = Vec::new();
        write_section(&mut output, &lvs::ruleset::syntax::SCHEDULING).unwrap();
        let text = String::from_utf8(output).unwrap();
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(
            lines[..3],
            [
                "SCHEDULING",
                "  -s, --scheduler NAME                 scheduler: rr, wrr, lc, wlc (the default), lblc, lblcr, dh,",
                "                                       sh, sed, nq, fo, ovf, mh, twos, or none",
            ][..]
        );
    }
}
