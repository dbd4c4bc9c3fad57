//! What can go wrong between a program and the kernel.

use std::io;

/// A failed exchange with the kernel. [`Error::kind`] says what a program can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused the request. [`Error::refused`] makes one.
    #[error("{}{}", io::Error::from_raw_os_error(*errno), message.as_ref().map_or_else(String::new, |text| format!(": {text}")))]
    #[non_exhaustive]
    Refused {
        /// Positive error number (`errno.h`).
        errno: i32,
        /// The kernel's own words, where it gave any (extended acknowledgement).
        message: Option<String>,
        /// What the number means as the answer to this request.
        kind: ErrorKind,
    },
    /// The kernel has no generic netlink family of that name, and could not load a module for it.
    #[error("the kernel has no generic netlink family {0:?}")]
    NoFamily(String),
    /// The socket failed.
    #[error("netlink socket: {0}")]
    Socket(#[from] io::Error),
    /// No answer within the time limit.
    #[error("no answer from the kernel within {0} seconds")]
    TimedOut(u64),
    /// The receive buffer overflowed (`ENOBUFS`): replies were lost.
    #[error("replies were lost because the receive buffer overflowed")]
    Overrun,
    /// The table kept changing while it was listed.
    #[error("the listing was interrupted by changes, {0} times in a row")]
    Interrupted(u32),
    /// A reply that does not follow the protocol.
    #[error("malformed reply from the kernel: {0}")]
    Malformed(String),
}

/// Groups of errors that a program can tell apart without error numbers.
///
/// # Examples
///
/// ```no_run
/// use lvs::ipvs::{Client, Service};
/// use lvs::netlink::{Error, ErrorKind};
///
/// fn ensure(ipvs: &mut Client, service: &Service) -> Result<(), Error> {
///     match ipvs.add_service(service) {
///         Err(error) if error.kind() == ErrorKind::AlreadyExists => ipvs.edit_service(service),
///         result => result,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is such a service, destination or daemon already (`EEXIST`).
    AlreadyExists,
    /// There is no such destination (`ENOENT`), or no daemon to stop (`ESRCH`).
    NotFound,
    /// There is no such service (`ESRCH`).
    NoSuchService,
    /// The kernel has no such scheduler or persistence engine, not as a module either (`ENOENT` in
    /// answer to a service).
    NoScheduler,
    /// There is no such interface (`ENODEV`).
    NoSuchInterface,
    /// The caller lacks `CAP_NET_ADMIN` in the first user namespace (`EPERM`, `EACCES`).
    NotPermitted,
    /// The kernel does not accept a value (`EINVAL`, `ERANGE`), such as a destination address that
    /// is not routable.
    InvalidInput,
    /// The kernel does not support what was asked for (`EOPNOTSUPP`, `EAFNOSUPPORT`,
    /// `EPROTONOSUPPORT`).
    NotSupported,
    /// Something else uses it now (`EBUSY`); a later attempt may succeed.
    Busy,
    /// The kernel has no such generic netlink family: no IPVS.
    NoFamily,
    /// No answer came within the time limit.
    TimedOut,
    /// The table changed during every attempt to dump it.
    Interrupted,
    /// The kernel broke the protocol or lost replies, or the socket failed; the state of the table
    /// is not known.
    Exchange,
    /// Any other error number; see [`Error::errno`].
    Other,
}

impl ErrorKind {
    /// What an error number means in general.
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
    /// A refusal with a positive error number (`errno.h`) and, where there is one, the kernel's
    /// text. For tests, and for other implementations of [`Transport`](super::Transport).
    #[must_use]
    pub const fn refused(errno: i32, message: Option<String>) -> Self {
        Self::Refused { errno, message, kind: ErrorKind::of_errno(errno) }
    }

    /// The group of this error.
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

    /// The kernel's error number, where it answered with one.
    #[must_use]
    pub const fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}
