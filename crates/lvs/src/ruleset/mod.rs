//! The language of `ipvsadm -S` and `-R`: requests as lines of text.
//!
//! One line is one [`Request`], written with the options of `ipvsadm`. [`parse`] and [`parse_line`]
//! read it by the rules of ipvsadm 1.31, its error texts included; [`Request`] prints as such a
//! line, with addresses in numbers.
//!
//! ```
//! use lvs::ruleset::{self, NoNames};
//!
//! let text = "\
//! ## a web server
//! -A -t 192.0.2.10:80 -s rr
//! -a -t 192.0.2.10:80 -r 198.51.100.2:8080 -m -w 1
//! ";
//! let requests = ruleset::parse(text, &NoNames)?;
//! assert_eq!(requests.len(), 2);
//! assert_eq!(requests[1].to_string(), "-a -t 192.0.2.10:80 -r 198.51.100.2:8080 -m -w 1");
//!
//! let error = ruleset::parse("-C\n-A -t 192.0.2.10:80 -w many", &NoNames).unwrap_err();
//! assert_eq!(error.to_string(), "line 2: illegal weight specified");
//! # Ok::<(), ruleset::Error>(())
//! ```

#[allow(missing_docs, reason = "not in the API")]
mod draft;
mod error;
#[doc(hidden)]
pub mod fake_names;
#[allow(missing_docs, reason = "not in the API")]
mod loss;
#[allow(missing_docs, reason = "not in the API")]
mod option;
#[allow(missing_docs, reason = "not in the API")]
mod print;
#[allow(missing_docs, reason = "not in the API")]
mod rows;
#[allow(missing_docs, reason = "not in the API")]
mod scanner;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};

use crate::ipvs::{Protocol, Request};
use draft::{Context, Draft};
use scanner::Scanner;

pub use error::{Error, UsageError};

/// What the programs share with this module beyond its API. May change in any release.
#[doc(hidden)]
pub mod syntax {
    pub use super::draft::{Context, Draft};
    pub use super::loss::Loss;
    pub use super::option::{Argument, Completion, Id, Row, Section, Table, Verb, Verbs};
    pub use super::print::{
        LONGEST_ENDPOINT, SCHEDULER_FLAGS, SchedulerFlag, Style, append_address,
        append_destination, append_endpoint, append_identity, append_named, append_request,
        append_service, append_tunnel, method, scheduler_flags,
    };
    pub use super::rows::{
        DAEMONS, FORWARDING, SCHEDULERS, SCHEDULING, SERVER, SERVER_COMMANDS, SERVICE,
        SERVICE_COMMANDS, SETTING_COMMANDS,
    };
    pub use super::scanner::{Event, Scanner};
    pub use super::values::{address_and_port, host, integer};
}

/// Looks up names of hosts and ports. A method that is left out finds none. Several threads may
/// call it at once.
///
/// ```
/// use std::net::Ipv4Addr;
/// use lvs::ruleset::{Names, parse_line};
///
/// struct Hosts;
///
/// impl Names for Hosts {
///     fn address(&self, host: &str) -> Option<Ipv4Addr> {
///         (host == "vip.example").then_some(Ipv4Addr::new(192, 0, 2, 10))
///     }
/// }
///
/// let request = parse_line("-D -t vip.example:80", &Hosts)?.unwrap();
/// assert_eq!(request.to_string(), "-D -t 192.0.2.10:80");
/// # Ok::<(), lvs::ruleset::UsageError>(())
/// ```
#[expect(unused_variables, reason = "the names are documentation")]
pub trait Names: Sync {
    /// Returns the first IPv4 address of a host name.
    fn address(&self, host: &str) -> Option<Ipv4Addr> {
        None
    }
    /// Returns the port of a service name, in host byte order. The case counts.
    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        None
    }
    /// Returns the name of an address.
    fn host(&self, address: IpAddr) -> Option<String> {
        None
    }
    /// Returns the service name of a port in host byte order.
    fn service(&self, port: u16, protocol: Protocol) -> Option<String> {
        None
    }
}

/// No names: every host and port is a number.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Names for NoNames {}

/// The words of a line up to a comment. `ipvsadm` is left out wherever it stands, as the reference
/// leaves it out.
///
/// ```
/// let words: Vec<_> = lvs::ruleset::words("ipvsadm -C # everything").collect();
/// assert_eq!(words, ["-C"]);
/// ```
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty())
        .take_while(|word| !word.starts_with('#'))
        .filter(|word| *word != "ipvsadm")
}

/// Reads one line. An empty line or a comment has no request.
///
/// A mark of 2^31 and more may be written as the negative number that ipvsadm 1.31 saves it as. What
/// the kernel accepts from any client is accepted, though a command line of ipvsadm may not have it:
/// `-o` without UDP, `:0` without `-p`, any timeout of `-p`, and `--tun-remcsum` with GRE.
///
/// ```
/// use lvs::ipvs::Request;
/// use lvs::ruleset::{NoNames, parse_line};
///
/// assert_eq!(parse_line("-C", &NoNames), Ok(Some(Request::Flush)));
/// assert_eq!(parse_line("# nothing", &NoNames), Ok(None));
/// ```
///
/// # Errors
///
/// The first thing that is wrong, in the order in which ipvsadm 1.31 looks.
pub fn parse_line(line: &str, names: &dyn Names) -> Result<Option<Request>, UsageError> {
    let words: Vec<&str> = words(line).collect();
    if words.is_empty() {
        return Ok(None);
    }
    let context = Context { table: &rows::LANGUAGE, program: "ipvsadm", names, restore: true };
    let scanner = Scanner::new(context.table, &words, false);
    Draft::read(scanner, context, |_, _| Ok(()))?.request()
}

/// Reads a whole ruleset, line by line.
///
/// # Errors
///
/// The first line that cannot be read.
pub fn parse(text: &str, names: &dyn Names) -> Result<Vec<Request>, Error> {
    let requests = text.lines().enumerate().filter_map(|(index, line)| {
        let request = parse_line(line, names).transpose()?;
        Some(request.map_err(|source| Error { line: index + 1, source }))
    });
    requests.collect()
}

/// The line of `ipvsadm` that makes the request, without the name of the program.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        print::append_request(&mut line, self, print::Style::Full);
        f.write_str(&line)
    }
}

/// Quotes a word for a shell, if it must be. Control characters need a shell that knows `$'…'`.
///
/// # Examples
///
/// ```
/// use lvs::table::quoted;
///
/// assert_eq!(quoted("eth0.100"), "eth0.100");
/// assert_eq!(quoted(";id>x;#"), "';id>x;#'");
/// assert_eq!(quoted("\x1b[2J"), "$'\\033[2J'");
/// ```
#[must_use]
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    if !word.chars().any(char::is_control) {
        return Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")));
    }
    let mut text = "$'".to_owned();
    for character in word.chars() {
        match character {
            '\'' | '\\' => text.extend(['\\', character]),
            control if control.is_control() => {
                let mut bytes = [0; 4];
                for byte in control.encode_utf8(&mut bytes).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "\\{byte:03o}");
                }
            }
            other => text.push(other),
        }
    }
    text.push('\'');
    Cow::Owned(text)
}
