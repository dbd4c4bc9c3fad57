//! Readers of the IPVS files in `/proc/net`: what generic netlink does not dump, or dumps slower.
//!
//! | file | reader |
//! |---|---|
//! | `ip_vs_conn` | [`ConnectionTable`]: one [`Connection`] at a time |
//! | `ip_vs` | [`DestinationTable`]: the destinations of all services at once; [`connection_count`] |
//!
//! All of them read the network namespace of the calling thread (see
//! [`proc_net`](crate::netlink::proc_net)), and text from the kernel is untrusted: no input panics,
//! and no line takes more than 64 KiB.
//!
//! # Examples
//!
//! ```no_run
//! use lvs::proc::ConnectionTable;
//!
//! let mut table = ConnectionTable::open()?;
//! while let Some(connection) = table.next()? {
//!     println!("{} -> {}", connection.client, connection.destination);
//! }
//! # Ok::<(), lvs::proc::Error>(())
//! ```

mod connections;
mod destinations;
mod text;

use std::io;

pub use connections::{Connection, ConnectionTable};
pub use destinations::{DestinationTable, connection_count};
// For the programs, which read other untrusted text with it.
#[doc(hidden)]
pub use text::read_line;

/// A file of the kernel that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened: IPVS is not loaded, or the right to read it is missing.
    #[error("cannot open {path}: {source}")]
    Open {
        /// Path of the file.
        path: &'static str,
        /// The error of open(2).
        source: io::Error,
    },
    /// Reading failed, or a line is too long.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Path of the file.
        path: &'static str,
        /// The error of read(2), or one of kind [`io::ErrorKind::InvalidData`].
        source: io::Error,
    },
    /// A line has only blanks.
    #[error("empty line in {path}")]
    EmptyLine {
        /// Path of the file.
        path: &'static str,
    },
    /// A line does not have the expected fields, or the title is missing.
    #[error("unexpected line in {path}")]
    UnexpectedLine {
        /// Path of the file.
        path: &'static str,
    },
}

impl Error {
    /// Path of the file that cannot be read.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Open { path, .. }
            | Self::Read { path, .. }
            | Self::EmptyLine { path }
            | Self::UnexpectedLine { path } => path,
        }
    }
}
