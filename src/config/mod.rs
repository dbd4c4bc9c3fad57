//! The cluster file: one text for every machine, and what it makes of each.
//!
//! [`ClusterSpec::read`] reads and checks the whole file, so that a file that cannot work changes
//! nothing. [`ClusterSpec::role`] finds the role of a machine by its addresses, and
//! [`ClusterSpec::duties`] lists what such a machine must have, as plain data. The keys of the file
//! are documented in `lvs-cluster(5)`.

mod check;
mod duties;
mod error;
mod file;
mod forms;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
mod value;

use std::io::{self, Read};
use std::path::Path;

pub(crate) use duties::RoleError;
pub(crate) use error::Error;
pub(crate) use file::{ClusterSpec, LARGEST_WEIGHT, Label};
pub(crate) use value::{Endpoint, listen, port, scheduler, seconds, unicast};

/// Twice the size of a file with a hundred thousand services.
const LONGEST: u64 = 64 << 20;

impl ClusterSpec {
    /// Reads a file and checks it as a whole. The error is the first mistake, with its line and
    /// column. `path` is for messages.
    pub(crate) fn read(file: impl Read, path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let mut text = Vec::new();
        let length = file.take(LONGEST + 1).read_to_end(&mut text).map_err(read)?;
        if length as u64 > LONGEST {
            let reason = format!("it is longer than {LONGEST} bytes");
            return Err(read(io::Error::new(io::ErrorKind::FileTooLarge, reason)));
        }
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes().iter().take(at).filter(|it| **it == b'\n').count();
            let reason = format!("line {line} is not UTF-8 text: save it in that encoding");
            read(io::Error::new(io::ErrorKind::InvalidData, reason))
        })?;
        Self::parse(&text).map_err(|mistake| mistake.in_file(path, &text))
    }

    fn parse(text: &str) -> Result<Self, error::Mistake> {
        let cluster: Self = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let marked = text.get(span.start..).and_then(|rest| rest.lines().next());
            let message = error::reworded(error.message(), marked.unwrap_or_default());
            error::Mistake { message, span }
        })?;
        check::check(&cluster)?;
        Ok(cluster)
    }
}
