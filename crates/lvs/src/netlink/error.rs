//! Errors of an exchange with the kernel.

use std::io;

/// A failed exchange with the kernel. [`Error::kind`] says what a program can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused the request. [`Error::refused`] makes one.
    #[error("{}{}", reason(&io::Error::from_raw_os_error(*errno)), message.as_ref().map_or_else(String::new, |text| format!(": {text}")))]
    #[non_exhaustive]
    Refused {
        /// Positive error number (`errno.h`).
        errno: i32,
        /// The kernel's explanation, if it sent one (extended acknowledgement).
        message: Option<String>,
        /// What the number means in reply to this request.
        kind: ErrorKind,
    },
    /// The kernel has no generic netlink family of that name, and cannot load a module for it.
    #[error("the kernel has no generic netlink family {0:?}")]
    NoFamily(String),
    /// The socket failed.
    #[error("netlink socket: {}", reason(.0))]
    Socket(#[from] io::Error),
    /// No reply within the time limit, in seconds.
    #[error("no reply from the kernel within {0} seconds")]
    TimedOut(u64),
    /// The receive buffer overflowed (`ENOBUFS`): replies were lost.
    #[error("replies were lost because the receive buffer overflowed")]
    Overrun,
    /// Changes interrupted the dump, that many times in a row.
    #[error("the dump was interrupted by changes, {0} times in a row")]
    Interrupted(u32),
    /// A reply that does not follow the protocol.
    #[error("malformed reply from the kernel: {0}")]
    Malformed(String),
}

/// The text of an error of the operating system, without the number that Rust appends.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(errno) => {
            let number = format!(" (os error {errno})");
            text.strip_suffix(&number).unwrap_or(&text).to_owned()
        }
        None => text,
    }
}

/// What an [`Error`] means, without error numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The service, destination or daemon exists already (`EEXIST`).
    AlreadyExists,
    /// There is no such destination (`ENOENT`), or no daemon to stop (`ESRCH`).
    NotFound,
    /// There is no such service (`ESRCH`).
    NoSuchService,
    /// The kernel has no such scheduler or persistence engine, nor a module for it (`ENOENT` for a
    /// service).
    NoScheduler,
    /// There is no such interface (`ENODEV`).
    NoSuchInterface,
    /// The caller lacks `CAP_NET_ADMIN` in the initial user namespace (`EPERM`, `EACCES`).
    NotPermitted,
    /// The kernel does not accept a value (`EINVAL`, `ERANGE`), such as an unroutable destination
    /// address.
    InvalidInput,
    /// The kernel does not support the request (`EOPNOTSUPP`, `EAFNOSUPPORT`, `EPROTONOSUPPORT`).
    NotSupported,
    /// The object is in use (`EBUSY`); a later attempt may succeed.
    Busy,
    /// The kernel has no such generic netlink family: no IPVS.
    NoFamily,
    /// No reply came within the time limit.
    TimedOut,
    /// The table changed during every attempt to dump it.
    Interrupted,
    /// The socket failed, or replies were lost or malformed; the state of the table is unknown.
    Exchange,
    /// Any other error number; see [`Error::errno`].
    Other,
}

impl ErrorKind {
    /// What an error number means in reply to most requests.
    pub(crate) const fn of_errno(errno: i32) -> Self {
        match errno {
            libc::EEXIST => Self::AlreadyExists,
            libc::ENOENT => Self::NotFound,
            libc::ESRCH => Self::NoSuchService,
            libc::ENODEV => Self::NoSuchInterface,
            libc::EPERM | libc::EACCES => Self::NotPermitted,
            libc::EINVAL | libc::ERANGE => Self::InvalidInput,
            libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT => Self::NotSupported,
            libc::EBUSY => Self::Busy,
            _ => Self::Other,
        }
    }
}

impl Error {
    /// A refusal with a positive error number (`errno.h`) and the kernel's explanation. For tests,
    /// and for other implementations of [`Transport`](super::Transport).
    #[must_use]
    pub const fn refused(errno: i32, message: Option<String>) -> Self {
        Self::Refused { errno, message, kind: ErrorKind::of_errno(errno) }
    }

    /// What this error means.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { kind, .. } => *kind,
            Self::NoFamily(_) => ErrorKind::NoFamily,
            Self::TimedOut(_) => ErrorKind::TimedOut,
            Self::Interrupted(_) => ErrorKind::Interrupted,
            Self::Socket(_) | Self::Overrun | Self::Malformed(_) => ErrorKind::Exchange,
        }
    }

    /// The kernel's error number, if it refused the request.
    #[must_use]
    pub const fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}
