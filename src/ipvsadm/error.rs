//! Error texts and exit statuses, those of the kernel's refusals in the words of the reference: first those
//! of the operation, then general ones, then those of the C library.

use std::io;

use lvs::ipvs::Request;
use lvs::netlink::{self, ErrorKind, NamespaceError, reason};
use lvs::proc;
use lvs::table;

use super::parse::UsageError;

/// A failed command. The text is that of the reference, without the last newline.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// IPVS cannot be reached.
    #[error(
        "Can't initialize ipvs: {}\n\
         Are you sure that IP Virtual Server is built in the kernel or as module?",
        initialization(.0)
    )]
    Initialization(#[source] netlink::Error),
    #[error("{}", .operation.refusal(.source))]
    Change { operation: Operation, source: netlink::Error },
    #[error("{}", .operation.refusal(.source))]
    Listing { operation: Operation, source: netlink::Error },
    #[error("cannot open file {path}")]
    CannotOpen { path: &'static str, source: io::Error },
    #[error("cannot read {path}: {}", reason(source))]
    CannotRead { path: &'static str, source: io::Error },
    /// Entries that no command of `ipvsadm` makes, a line for each.
    #[error("{0}")]
    NotSaved(String),
    #[error("unexpected input from {0}")]
    UnexpectedInput(&'static str),
    /// An empty line in the connection table ends the reference without a word.
    #[error("{0} has an empty line")]
    EmptyLine(&'static str),
    /// The network namespace of `--netns` cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    #[error("line {number}: {source}")]
    Line { number: usize, source: Box<Error> },
    #[error("not allowed in a ruleset: only services, real servers, timeouts and daemons are")]
    NotInARuleset,
    #[error(transparent)]
    Table(table::Error),
    #[error("more than {0} commands on standard input")]
    TooManyCommands(usize),
    #[error("cannot write standard output: {}", reason(.0))]
    Output(#[from] io::Error),
}

impl Error {
    pub(super) fn change(request: &Request, source: netlink::Error) -> Self {
        Self::of_request(request)(source)
    }

    /// For [`Result::map_err`] of a request.
    pub(super) fn of_request(request: &Request) -> impl Fn(netlink::Error) -> Self + use<> {
        let operation = Operation::from(request);
        move |source| Self::Change { operation, source }
    }

    /// For [`Result::map_err`] of a listing.
    pub(super) fn listing(operation: Operation) -> impl Fn(netlink::Error) -> Self {
        move |source| match source.kind() {
            ErrorKind::Interrupted => Self::Table(table::Error::Unsettled),
            _ => Self::Listing { operation, source },
        }
    }

    /// The exit status. A closed pipe is a success.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(error) => error.exit_code(),
            Self::Initialization(_)
            | Self::Namespace(_)
            | Self::NotInARuleset
            | Self::TooManyCommands(_) => 2,
            Self::Change { .. } => 255,
            Self::Line { source, .. } => source.exit_code(),
            Self::Output(_) if self.is_closed_pipe() => 0,
            Self::Listing { .. }
            | Self::CannotOpen { .. }
            | Self::CannotRead { .. }
            | Self::NotSaved(_)
            | Self::UnexpectedInput(_)
            | Self::EmptyLine(_)
            | Self::Table(_)
            | Self::Output(_) => 1,
        }
    }

    /// Whether the reader of standard output is gone, as with `head`.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the reference writes nothing: a failed listing of timeouts or daemons, and an empty line in
    /// the connection table.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::EmptyLine(_) | Self::Listing { operation: Operation::Other, .. })
    }

    /// The refusal or the failed exchange that caused it.
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

/// Operations whose refusals have texts of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `-A`.
    AddService,
    /// `-E`.
    EditService,
    /// `-D`, `-Z`.
    OtherService,
    /// `-a`.
    AddDestination,
    /// `-e`, `-d`.
    OtherDestination,
    /// `--start-daemon`.
    StartDaemon,
    /// `--stop-daemon`.
    StopDaemon,
    /// `-L`, `-S`.
    ListServices,
    /// `-C`, `--set` and the listings of daemons and timeouts.
    Other,
}

impl From<&Request> for Operation {
    fn from(request: &Request) -> Self {
        match request {
            Request::AddService(_) => Self::AddService,
            Request::EditService(_) => Self::EditService,
            Request::DeleteService(_) | Request::Zero(_) => Self::OtherService,
            Request::AddDestination { .. } => Self::AddDestination,
            Request::EditDestination { .. } | Request::DeleteDestination { .. } => {
                Self::OtherDestination
            }
            Request::StartDaemon(_) => Self::StartDaemon,
            Request::StopDaemon { .. } => Self::StopDaemon,
            _ => Self::Other,
        }
    }
}

impl Operation {
    /// The text of the reference for a refusal.
    fn refusal(self, source: &netlink::Error) -> String {
        let errno = error_number(source);
        let special = match (self, errno) {
            (Self::AddService, libc::EEXIST) => "Service already exists",
            (Self::AddService | Self::EditService, libc::ENOENT) => {
                "Scheduler or persistence engine not found"
            }
            (Self::EditService | Self::OtherService | Self::ListServices, libc::ESRCH) => {
                "No such service"
            }
            (Self::AddDestination | Self::OtherDestination, libc::ESRCH) => "Service not defined",
            (Self::AddDestination, libc::EEXIST) => "Destination already exists",
            (Self::OtherDestination, libc::ENOENT) => "No such destination",
            (Self::StartDaemon, libc::EEXIST) => "Daemon has already run",
            (Self::StopDaemon, libc::ESRCH) => "No daemon is running",
            _ => return general(errno),
        };
        special.to_owned()
    }
}

/// The error number of a failed exchange, or EINVAL if it has none, as in the reference.
fn error_number(source: &netlink::Error) -> i32 {
    let of_socket = match source {
        netlink::Error::Socket(error) => error.raw_os_error(),
        _ => None,
    };
    source.errno().or(of_socket).unwrap_or(libc::EINVAL)
}

/// The text of the reference for an error number that has none of the operation.
fn general(errno: i32) -> String {
    let text = match errno {
        libc::EPERM => "Permission denied (you must be root)",
        libc::EINVAL => {
            "Invalid operation.  Possibly wrong module version, address not unicast, ..."
        }
        libc::ENOPROTOOPT => "Protocol not available",
        libc::ENOMEM => "Memory allocation problem",
        libc::EOPNOTSUPP => "Operation not supported with IPv6",
        libc::EAFNOSUPPORT => "Operation not supported with specified address family",
        libc::EMSGSIZE => "Module is wrong version",
        errno => return reason(&io::Error::from_raw_os_error(errno)),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(errno: i32) -> netlink::Error {
        netlink::Error::refused(errno, None)
    }

    #[test]
    fn initialization_error_has_two_lines() {
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
    fn exit_code_follows_the_kind_of_error() {
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
    fn listing_of_timeouts_fails_silently() {
        let listing = |operation| Error::listing(operation)(refused(libc::EPERM));
        assert!(listing(Operation::Other).is_silent());
        assert!(!listing(Operation::ListServices).is_silent());
        assert!(!Error::change(&Request::Flush, refused(libc::EPERM)).is_silent());
    }

    #[test]
    fn refusal_has_the_text_of_its_operation() {
        use Operation::*;
        let cases = [
            (AddService, libc::EEXIST, "Service already exists"),
            (AddService, libc::ENOENT, "Scheduler or persistence engine not found"),
            (EditService, libc::ENOENT, "Scheduler or persistence engine not found"),
            (EditService, libc::ESRCH, "No such service"),
            (OtherService, libc::ESRCH, "No such service"),
            (ListServices, libc::ESRCH, "No such service"),
            (AddDestination, libc::ESRCH, "Service not defined"),
            (AddDestination, libc::EEXIST, "Destination already exists"),
            (AddDestination, libc::ENOENT, "No such file or directory"),
            (OtherDestination, libc::ESRCH, "Service not defined"),
            (OtherDestination, libc::ENOENT, "No such destination"),
            (StartDaemon, libc::EEXIST, "Daemon has already run"),
            (StartDaemon, libc::ENODEV, "No such device"),
            (StopDaemon, libc::ESRCH, "No daemon is running"),
            (Other, libc::ESRCH, "No such process"),
            (AddDestination, libc::ERANGE, "Numerical result out of range"),
            (Other, libc::EPERM, "Permission denied (you must be root)"),
            (Other, libc::EACCES, "Permission denied"),
            (Other, libc::ENOPROTOOPT, "Protocol not available"),
            (Other, libc::ENOMEM, "Memory allocation problem"),
            (Other, libc::EOPNOTSUPP, "Operation not supported with IPv6"),
            (
                AddService,
                libc::EAFNOSUPPORT,
                "Operation not supported with specified address family",
            ),
            (Other, libc::EMSGSIZE, "Module is wrong version"),
            (
                AddDestination,
                libc::EINVAL,
                "Invalid operation.  Possibly wrong module version, address not unicast, ...",
            ),
        ];
        for (operation, errno, expected) in cases {
            let refused = netlink::Error::refused(errno, None);
            assert_eq!(operation.refusal(&refused), expected, "{operation:?}");
        }
        let timed_out = netlink::Error::TimedOut(5);
        assert!(Other.refusal(&timed_out).starts_with("Invalid operation.  "));
    }
}
