//! The connection table, read a line at a time: a table of millions takes no more memory than one
//! of ten.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use crate::netlink::proc_net;

use super::connection::Connection;
use super::error::Error;
use super::lines;

/// What messages call the table, as the reference does.
const PATH: &str = "/proc/net/ip_vs_conn";

/// A table whose title has been read.
pub(super) struct ConnectionTable<R> {
    input: R,
    line: Vec<u8>,
}

impl ConnectionTable<Box<dyn BufRead>> {
    /// The table of this thread's network namespace.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, or lacks its title.
    pub(super) fn open() -> Result<Self, Error> {
        let file = File::open(proc_net().join("ip_vs_conn"))
            .map_err(|source| Error::CannotOpen { path: PATH, source })?;
        Self::new(Box::new(BufReader::new(file)))
    }

    /// A table without connections.
    pub(super) fn empty() -> Self {
        Self { input: Box::new(io::empty()), line: Vec::new() }
    }
}

impl<R: BufRead> ConnectionTable<R> {
    /// A table that starts with its title.
    ///
    /// # Errors
    ///
    /// An input without a line, or a failing read.
    pub(super) fn new(input: R) -> Result<Self, Error> {
        let mut table = Self { input, line: Vec::new() };
        if table.read_line()? { Ok(table) } else { Err(Error::UnexpectedInput(PATH)) }
    }

    /// The next connection, in the kernel's order.
    ///
    /// # Errors
    ///
    /// A failing read, an empty line, or one of another shape (the reference shows what is left
    /// over from the line before).
    pub(super) fn next(&mut self) -> Result<Option<Connection<'_>>, Error> {
        if !self.read_line()? {
            return Ok(None);
        }
        match Connection::parse(&self.line) {
            Some(connection) => Ok(Some(connection)),
            None if self.line.is_empty() => Err(Error::EmptyLine(PATH)),
            None => Err(Error::UnexpectedInput(PATH)),
        }
    }

    fn read_line(&mut self) -> Result<bool, Error> {
        lines::read_line(&mut self.input, &mut self.line)
            .map_err(|source| Error::CannotRead { path: PATH, source })
    }
}
