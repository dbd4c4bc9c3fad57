//! What `ipvsadm` says when something fails, and the status it ends with.

use std::io;

use lvs::ipvs::Request;
use lvs::netlink::{self, NamespaceError};
use lvs::proc;
use lvs::table;

use super::grammar::UsageError;
use super::refusal::{Operation, error_number, general};

/// A failed command. The text is what the reference writes, without the last newline.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command line that is not valid.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// IPVS could not be reached at all.
    #[error(
        "Can't initialize ipvs: {}\n\
         Are you sure that IP Virtual Server is built in the kernel or as module?",
        initialization(.0)
    )]
    Initialization(#[source] netlink::Error),
    /// The kernel refused a change.
    #[error("{}", .operation.refusal(.source))]
    Change {
        /// What was asked for.
        operation: Operation,
        /// The kernel's answer.
        source: netlink::Error,
    },
    /// The kernel refused to list something.
    #[error("{}", .operation.refusal(.source))]
    Listing {
        /// What was asked for.
        operation: Operation,
        /// The kernel's answer.
        source: netlink::Error,
    },
    /// The connection table cannot be opened.
    #[error("cannot open file {path}")]
    CannotOpen {
        /// Path of the table.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Reading failed in the middle.
    #[error("cannot read {path}: {source}")]
    CannotRead {
        /// What was read.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The connection table does not look like one.
    #[error("unexpected input from {0}")]
    UnexpectedInput(&'static str),
    /// An empty line in the connection table, with which the reference ends.
    #[error("{0} has an empty line")]
    EmptyLine(&'static str),
    /// The network namespace of `--netns` cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// A line of a restore that cannot be parsed.
    #[error("line {number}: {source}")]
    Line {
        /// Number of the line, from 1.
        number: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A line of a whole table that is none of it.
    #[error("a table has no such line, only services, real servers, timeouts and daemons")]
    NotOfATable,
    /// A table cannot be read or written as a whole.
    #[error(transparent)]
    Table(table::Error),
    /// More lines than a restore takes.
    #[error("more than {0} commands on standard input")]
    TooManyCommands(usize),
    /// Standard output cannot be written.
    #[error("cannot write standard output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Makes an error of a change that the kernel refused.
    pub(super) fn change(request: &Request, source: netlink::Error) -> Self {
        let operation = Operation::from(request);
        Self::Change { operation, source }
    }

    /// For [`Result::map_err`] of a listing.
    pub(super) fn listing(operation: Operation) -> impl Fn(netlink::Error) -> Self {
        move |source| Self::Listing { operation, source }
    }

    /// The status that the program ends with. A closed pipe is a quiet end: 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(error) => error.exit_code(),
            Self::Initialization(_)
            | Self::Namespace(_)
            | Self::NotOfATable
            | Self::TooManyCommands(_) => 2,
            Self::Change { .. } => 255,
            Self::Line { source, .. } => source.exit_code(),
            Self::Output(_) if self.is_closed_pipe() => 0,
            Self::Listing { .. }
            | Self::CannotOpen { .. }
            | Self::CannotRead { .. }
            | Self::UnexpectedInput(_)
            | Self::EmptyLine(_)
            | Self::Table(_)
            | Self::Output(_) => 1,
        }
    }

    /// Whether the reader of standard output has gone, as `head` does.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the reference says nothing at all, and only its status tells: a failed listing of
    /// timeouts or daemons, an empty line in the connection table.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::EmptyLine(_) | Self::Listing { operation: Operation::Other, .. })
    }

    /// The kernel's refusal or the failed exchange behind it.
    pub(super) const fn of_kernel(&self) -> Option<&netlink::Error> {
        match self {
            Self::Initialization(source)
            | Self::Change { source, .. }
            | Self::Listing { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<proc::Error> for Error {
    fn from(error: proc::Error) -> Self {
        match error {
            proc::Error::Open { path, source } => Self::CannotOpen { path, source },
            proc::Error::Read { path, source } => Self::CannotRead { path, source },
            proc::Error::EmptyLine { path } => Self::EmptyLine(path),
            other => Self::UnexpectedInput(other.path()),
        }
    }
}

impl From<table::Error> for Error {
    fn from(error: table::Error) -> Self {
        match error {
            table::Error::List { source } => Self::listing(Operation::ListServices)(source),
            table::Error::Change { change, source } => match change.request() {
                Ok(request) => Self::change(&request, source),
                Err(error) => Self::Table(error),
            },
            error => Self::Table(error),
        }
    }
}

fn initialization(source: &netlink::Error) -> String {
    match source {
        netlink::Error::NoFamily(_) => general(libc::ENOPROTOOPT),
        source => general(match error_number(source) {
            libc::ENOENT => libc::ENOPROTOOPT,
            errno => errno,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(errno: i32) -> netlink::Error {
        netlink::Error::refused(errno, None)
    }

    #[test]
    fn initialization_has_two_lines() {
        let text = |source| Error::Initialization(source).to_string();
        assert_eq!(
            text(netlink::Error::NoFamily("IPVS".to_owned())),
            "Can't initialize ipvs: Protocol not available\n\
             Are you sure that IP Virtual Server is built in the kernel or as module?"
        );
        let first_line = |source| text(source).lines().next().unwrap().to_owned();
        assert_eq!(
            first_line(refused(libc::EPERM)),
            "Can't initialize ipvs: Permission denied (you must be root)"
        );
        let missing = "Can't initialize ipvs: Protocol not available";
        assert_eq!(first_line(refused(libc::ENOENT)), missing);
        let socket = io::Error::from_raw_os_error(libc::EPROTONOSUPPORT);
        assert_eq!(
            first_line(netlink::Error::Socket(socket)),
            "Can't initialize ipvs: Protocol not supported"
        );
    }

    #[test]
    fn exit_codes() {
        let request = Request::Flush;
        let usage = Error::from(UsageError::Illegal("weight"));
        assert_eq!(usage.exit_code(), 2);
        assert_eq!(Error::Initialization(refused(libc::EPERM)).exit_code(), 2);
        assert_eq!(Error::change(&request, refused(libc::EPERM)).exit_code(), 255);
        assert_eq!(Error::listing(Operation::Other)(refused(libc::EPERM)).exit_code(), 1);
        assert_eq!(Error::UnexpectedInput("x").exit_code(), 1);
        let line = Error::Line { number: 3, source: Box::new(usage) };
        assert_eq!(line.exit_code(), 2);
        assert_eq!(line.to_string(), "line 3: illegal weight specified");
        assert_eq!(Error::Output(io::ErrorKind::BrokenPipe.into()).exit_code(), 0);
        assert_eq!(Error::Output(io::ErrorKind::StorageFull.into()).exit_code(), 1);
    }

    #[test]
    fn the_reference_is_silent_about_some() {
        let listing = |operation| Error::listing(operation)(refused(libc::EPERM));
        assert!(listing(Operation::Other).is_silent());
        assert!(!listing(Operation::ListServices).is_silent());
        assert!(!Error::change(&Request::Flush, refused(libc::EPERM)).is_silent());
    }
}
