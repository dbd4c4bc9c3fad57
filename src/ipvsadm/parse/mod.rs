//! From the elements of a command line to its [`Command`].
//!
//! The clap [`front_end`] makes events of argv, the scanner of [`lvs::ruleset`] of restore input.
//! [`Draft`] reports errors in the order of the reference.

mod front_end;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;

use lvs::netlink::Namespace;
use lvs::ruleset::Names;
use lvs::ruleset::syntax::{
    Context, Draft, Event, Row, Scanner, Verb, address_and_port, host, integer,
};

use super::bytes;
use super::options::{KNOWN_STATES, OPTIONS, Own, STATES};
use super::{Choice, Command, CountBy, Format, Listing, Manner, Network, Place, Subject};

pub use front_end::command_line;
pub use lvs::ruleset::UsageError;

/// Reads the arguments of a program that was called as `program`.
///
/// Without arguments, the whole table is listed with names. `posixly_correct` says whether
/// POSIXLY_CORRECT is in the environment: option parsing then stops at the first non-option
/// argument. Names are looked up while the line is read.
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
    let context = Context { table: &OPTIONS, program, names, restore: false };
    match front_end::events(arguments, posixly_correct) {
        Some(events) => interpret(events.into_iter().map(Ok), context),
        None => interpret(Scanner::new(&OPTIONS, arguments, posixly_correct), context),
    }
}

/// Reads one line of restore input, split into its elements. The caller skips empty lines.
///
/// Unlike [`parse`], it accepts a mark of 2^31 and more as the negative number that ipvsadm 1.31
/// saves it as, and refuses a restore inside the restore and options of the whole run.
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
    let context = Context { table: &OPTIONS, program, names, restore: true };
    let scanner = Scanner::new(&OPTIONS, elements, posixly_correct);
    interpret(scanner, context).map(|(command, _)| command)
}

/// The options of a line that are not part of the ruleset language.
#[derive(Default)]
struct OwnOptions {
    /// Options by [`Own`], one bit each.
    given: u32,
    namespace: Option<Namespace>,
    /// Which connections are listed.
    choice: Choice,
}

impl OwnOptions {
    fn has(&self, option: Own) -> bool {
        self.given & 1 << option as u8 != 0
    }

    fn any(&self, options: &[Own]) -> bool {
        options.iter().any(|&option| self.has(option))
    }

    fn take(&mut self, id: u8, value: Option<&str>, names: &dyn Names) -> Result<(), UsageError> {
        self.given |= 1 << id;
        let text = value.unwrap_or_default();
        let given = |option: Own| option as u8 == id;
        if given(Own::NetworkNamespace) {
            let name = bytes::bytes(text);
            self.namespace = Some(OsStr::from_bytes(&name).into());
        } else if given(Own::Client) {
            let client = network(text, names);
            self.choice.client =
                Some(client.ok_or(UsageError::Illegal("client address[/prefix]"))?);
        } else if given(Own::VirtualAddress) {
            self.choice.service = Some(place(text, "virtual address[:port]", names)?);
        } else if given(Own::Destination) {
            self.choice.destination = Some(place(text, "real server address[:port]", names)?);
        } else if given(Own::State) {
            if !STATES.iter().any(|state| state.eq_ignore_ascii_case(text)) {
                return Err(UsageError::UnknownState(text.to_owned(), KNOWN_STATES));
            }
            self.choice.state = Some(text.to_owned());
        } else if given(Own::Origin) {
            self.choice.origin = true;
        } else if given(Own::CountBy) {
            let by = CountBy::ALL.into_iter().find(|by| by.name() == text);
            self.choice.count_by = Some(by.ok_or(UsageError::Illegal("count-by"))?);
        }
        Ok(())
    }
}

/// The command of a line, and how it is run.
fn interpret<'a>(
    events: impl IntoIterator<Item = Result<Event<'a>, UsageError>>,
    context: Context<'_>,
) -> Result<(Command, Manner), UsageError> {
    let mut own = OwnOptions::default();
    let take = |id, value: Option<&str>| own.take(id, value, context.names);
    let mut draft = Draft::read(events, context, take)?;
    let request = draft.request()?;
    let command = match (request, draft.verb) {
        (Some(request), _) => Command::Change(request),
        // These two ignore the rest of the line.
        (None, Verb::Help) => return Ok((Command::Help, Manner::default())),
        (None, Verb::Version) => return Ok((Command::Version, Manner::default())),
        // The reference notices a restore inside a restore this late too.
        (None, Verb::Restore) if context.restore => {
            return Err(UsageError::NoCommand { program: context.program.to_owned() });
        }
        (None, Verb::Restore) if own.has(Own::Replace) => Command::Replace,
        (None, Verb::Restore) => Command::Restore,
        (None, Verb::Save) => Command::Save { numeric: own.has(Own::Numeric) },
        (None, _) => Command::List(listing(&draft, &mut own)?),
    };
    if context.restore {
        let of_the_run = [Own::NoLoad, Own::NetworkNamespace, Own::Explain];
        if let Some(row) = first_of(&own, &of_the_run) {
            return Err(UsageError::NotInRestore(row.name));
        }
    }
    let manner = Manner {
        no_load: own.has(Own::NoLoad),
        explain: own.has(Own::Explain),
        namespace: own.namespace,
    };
    Ok((command, manner))
}

/// The row of the first of these options that was given.
fn first_of(own: &OwnOptions, options: &[Own]) -> Option<&'static Row> {
    let first = options.iter().find(|&&option| own.has(option))?;
    OPTIONS.rows().find(|row| row.id == first.id())
}

fn listing(draft: &Draft<'_>, own: &mut OwnOptions) -> Result<Listing, UsageError> {
    if own.any(&[Own::Connection, Own::Timeout, Own::Daemon])
        && own.any(&[Own::Stats, Own::Rate, Own::Thresholds])
        || own.any(&[Own::Timeout, Own::Daemon, Own::Origin]) && own.has(Own::PersistentConnections)
    {
        return Err(UsageError::ListConflict);
    }
    let of_connections =
        [Own::Client, Own::VirtualAddress, Own::Destination, Own::State, Own::CountBy, Own::Origin];
    if let Some(row) = first_of(own, &of_connections).filter(|_| !own.has(Own::Connection)) {
        let (name, user) = ("connection", row.name);
        return Err(UsageError::MissingOption { name, user, kind: "option" });
    }
    let format = [
        (Own::Stats, Format::Stats),
        (Own::Rate, Format::Rate),
        (Own::Thresholds, Format::Thresholds),
        (Own::PersistentConnections, Format::PersistentConnections),
        (Own::TunnelInfo, Format::TunnelInfo),
    ]
    .into_iter()
    .find(|&(option, _)| own.has(option))
    .map_or(Format::Default, |(_, format)| format);
    let subject = if own.has(Own::Connection) {
        Subject::Connections {
            engine_data: own.has(Own::PersistentConnections),
            choice: std::mem::take(&mut own.choice),
        }
    } else if let Some(service) = draft.service {
        Subject::Service(service)
    } else if own.has(Own::Timeout) {
        Subject::Timeouts
    } else if own.has(Own::Daemon) {
        Subject::Daemons
    } else {
        Subject::Table
    };
    Ok(Listing {
        subject,
        format,
        numeric: own.has(Own::Numeric),
        exact: own.has(Own::Exact),
        sorted: !own.has(Own::NoSort),
        json: own.has(Own::Json),
    })
}

/// An end of connections. The protocol is not known, so ports have no names.
fn place(text: &str, what: &'static str, names: &dyn Names) -> Result<Place, UsageError> {
    let (address, port) = address_and_port(text, None, names).ok_or(UsageError::Illegal(what))?;
    Ok(Place { address, port })
}

/// `address[/prefix]`: a network, or the one address.
fn network(text: &str, names: &dyn Names) -> Option<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address = match address.parse::<Ipv6Addr>() {
        Ok(address) => address.into(),
        Err(_) => IpAddr::V4(host(address, names)?),
    };
    let longest = if address.is_ipv6() { 128 } else { 32 };
    let prefix = match prefix {
        Some(prefix) => integer(prefix, 0..=longest)?,
        None => longest,
    };
    Some(Network { address, prefix })
}
