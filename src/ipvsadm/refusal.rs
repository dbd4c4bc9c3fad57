//! The kernel's refusals in the words of the reference: first those of the operation, then general
//! ones, then the C library's.

use std::io;

use lvs::ipvs::Request;
use lvs::netlink;

/// What the kernel was asked for, as far as its refusals have words of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
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
    /// The reference's words for a refusal of this operation.
    pub(super) fn refusal(self, source: &netlink::Error) -> String {
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

/// The error number of a failed exchange; EINVAL where it has none, as in the reference.
pub(super) fn error_number(source: &netlink::Error) -> i32 {
    let of_socket = match source {
        netlink::Error::Socket(error) => error.raw_os_error(),
        _ => None,
    };
    source.errno().or(of_socket).unwrap_or(libc::EINVAL)
}

/// The reference's words for an error number that has none with this operation.
pub(super) fn general(errno: i32) -> String {
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
        errno => return system_text(errno),
    };
    text.to_owned()
}

/// The C library's text for an error number, which Rust follows with the number.
fn system_text(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    let suffix = format!(" (os error {errno})");
    text.strip_suffix(&suffix).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_each_command() {
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
