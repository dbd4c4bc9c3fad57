//! The connection table, read a line at a time: a table of millions takes no more memory than one
//! of ten.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use lvs::netlink::proc_net;

use super::connection::Connection;
use super::connection_choice::Choice;
use super::error::Error;
use super::lines;

/// What messages call the table, as the reference does.
const PATH: &str = "/proc/net/ip_vs_conn";

/// Connections in one chunk, and bytes of their lines.
pub(crate) const CHUNK_ROWS: usize = 1024;
const CHUNK_BYTES: usize = 1 << 20;

/// A table whose title has been read.
pub(crate) struct ConnectionTable<R> {
    input: R,
    line: Vec<u8>,
}

impl ConnectionTable<Box<dyn BufRead>> {
    /// The table of this thread's network namespace.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, or lacks its title.
    pub(crate) fn open() -> Result<Self, Error> {
        let file = File::open(proc_net().join("ip_vs_conn"))
            .map_err(|source| Error::CannotOpen { path: PATH, source })?;
        Self::new(Box::new(BufReader::new(file)))
    }

    /// A table without connections.
    pub(crate) fn empty() -> Self {
        Self { input: Box::new(io::empty()), line: Vec::new() }
    }
}

impl<R: BufRead> ConnectionTable<R> {
    /// A table that starts with its title.
    ///
    /// # Errors
    ///
    /// An input without a line, or a failing read.
    pub(crate) fn new(input: R) -> Result<Self, Error> {
        let mut table = Self { input, line: Vec::new() };
        if table.read_line()? { Ok(table) } else { Err(Error::UnexpectedInput(PATH)) }
    }

    /// The next connection; `None` after the last.
    ///
    /// # Errors
    ///
    /// A failing read, or as [`read`].
    pub(crate) fn next(&mut self) -> Result<Option<Connection<'_>>, Error> {
        if !self.read_line()? {
            return Ok(None);
        }
        read(&self.line).map(Some)
    }

    /// Hands out the connections that are chosen, in the kernel's order.
    ///
    /// # Errors
    ///
    /// A failing read, as [`read`], or what `work` says.
    pub(super) fn each(
        &mut self,
        choice: &Choice,
        mut work: impl FnMut(&Connection<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(connection) = self.next()? {
            if choice.includes(&connection) {
                work(&connection)?;
            }
        }
        Ok(())
    }

    /// Fills `chunk` with the lines of the next connections, for [`read`]; false at the end of the
    /// table. After a failure the chunk has the lines before it.
    ///
    /// # Errors
    ///
    /// A failing read.
    pub(crate) fn next_chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, Error> {
        chunk.clear();
        for _ in 0..CHUNK_ROWS {
            if !self.read_line()? {
                return Ok(false);
            }
            chunk.append(&mut self.line);
            chunk.push(b'\n');
            if chunk.len() >= CHUNK_BYTES {
                break;
            }
        }
        Ok(true)
    }

    fn read_line(&mut self) -> Result<bool, Error> {
        lines::read_line(&mut self.input, &mut self.line)
            .map_err(|source| Error::CannotRead { path: PATH, source })
    }
}

/// The connection of a line, with its newline or without.
///
/// # Errors
///
/// An empty line, or one of another shape (the reference shows what is left over from the line
/// before).
pub(crate) fn read(line: &[u8]) -> Result<Connection<'_>, Error> {
    match Connection::parse(line) {
        Some(connection) => Ok(connection),
        None if line.trim_ascii().is_empty() => Err(Error::EmptyLine(PATH)),
        None => Err(Error::UnexpectedInput(PATH)),
    }
}
