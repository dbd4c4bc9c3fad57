//! Readers of the IPVS files in `/proc/net`, for what generic netlink does not dump, or dumps slower:
//! `ip_vs_conn` with [`ConnectionTable`], `ip_vs` with [`DestinationTable`] and [`connection_count`].
//!
//! They read the files of the calling thread's network namespace
//! ([`proc_net`](crate::netlink::proc_net)). No input makes them panic, and no line takes more than
//! 64 KiB.
//!
//! # Examples
//!
//! ```no_run
//! let mut table = lvs::proc::ConnectionTable::open()?;
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
// For the programs, which read other untrusted text with it too.
#[doc(hidden)]
pub use text::read_line;

/// A file of the kernel cannot be read. `path` is its path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `path` and `source` say what they are.
pub enum Error {
    /// The file cannot be opened: IPVS is not loaded, or the caller lacks the permission.
    #[error("cannot open {path}: {}", crate::netlink::reason(source))]
    Open { path: &'static str, source: io::Error },
    /// Reading failed, or a line is too long ([`io::ErrorKind::InvalidData`]).
    #[error("cannot read {path}: {}", crate::netlink::reason(source))]
    Read { path: &'static str, source: io::Error },
    /// A line is blank.
    #[error("empty line in {path}")]
    EmptyLine { path: &'static str },
    /// A line does not have the expected fields, or the header is missing.
    #[error("unexpected line in {path}")]
    UnexpectedLine { path: &'static str },
}

impl Error {
    /// Path of the file.
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
