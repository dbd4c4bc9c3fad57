//! What can go wrong between a program and the kernel.

use std::io;

/// A failed exchange with the kernel.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused the request.
    #[error("{}{}", io::Error::from_raw_os_error(*errno), message.as_ref().map_or_else(String::new, |text| format!(": {text}")))]
    Refused {
        /// Positive error number (`errno.h`).
        errno: i32,
        /// The kernel's own words, where it gave any (extended acknowledgement).
        message: Option<String>,
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

impl Error {
    /// The kernel's error number, where it answered with one.
    #[must_use]
    pub const fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}
