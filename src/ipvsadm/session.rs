//! The connection to IPVS and the standard streams with which commands run.

use std::fmt;
use std::io::{BufRead, Write};

use lvs::ipvs::{Client, Info, Request};
use lvs::netlink::{self, Transport};
use lvs::table::Tables;

use super::command::{Command, Listing, Subject};
use super::error::Error;
use super::source::Source;
use super::{Names, bytes, connections, explain, json, list, options};

/// The standard streams of a command.
pub struct Console<'a> {
    /// Input of `-R`.
    pub input: &'a mut dyn BufRead,
    /// Listings and saved rules; best buffered.
    pub output: &'a mut dyn Write,
    pub errors: &'a mut dyn Write,
    /// Whether a second line with cause and cure follows an error.
    pub explains: bool,
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("explains", &self.explains).finish_non_exhaustive()
    }
}

impl Console<'_> {
    /// Writes an error and returns the exit status. Standard output is flushed first, so that both are in
    /// order if they go to one file. The explanation is found only if it is wanted.
    pub(super) fn report(
        &mut self,
        error: &Error,
        explanation: impl FnOnce() -> Option<String>,
    ) -> u8 {
        if !error.is_closed_pipe() {
            // A failure of standard error cannot be reported; standard output is flushed again at the
            // end of the run.
            let _ = self.output.flush();
            if !error.is_silent() {
                let _ = self.errors.write_all(&bytes::bytes(&format!("{error}\n")));
            }
            if let Some(explanation) = self.explains.then(explanation).flatten() {
                let _ = self.errors.write_all(&bytes::bytes(&format!("{explanation}\n")));
            }
        }
        error.exit_code()
    }

    /// The same for a command of a line of standard input.
    pub(super) fn report_line(
        &mut self,
        number: usize,
        error: &Error,
        explanation: impl FnOnce() -> Option<String>,
    ) -> u8 {
        self.report(error, || {
            let cause = explanation().unwrap_or_default();
            Some(format!("(line {number} of standard input) {cause}").trim_end().to_owned())
        })
    }
}

/// What commands are run with.
pub(super) struct Session<'a, T> {
    source: Source<T>,
    names: &'a dyn Names,
}

impl<'a, T: Transport> Session<'a, T> {
    /// Connects to IPVS, of which `connect` returns none if it is not loaded and must not be.
    pub(super) fn open(
        connect: impl FnOnce() -> Result<Option<Client<T>>, netlink::Error>,
        names: &'a dyn Names,
    ) -> Result<Self, Error> {
        Ok(Self { source: Source::open(connect)?, names })
    }

    /// Version and table size if IPVS is loaded.
    pub(super) fn info(&self) -> Option<Info> {
        self.source.is_loaded().then(|| self.source.info())
    }

    /// Whether netlink was refused, and the kernel's older interface is in use.
    pub(super) fn uses_socket_options(&mut self) -> bool {
        self.source.tables().is_ok_and(|tables| tables.client().uses_socket_options())
    }

    /// Runs a command other than a restore.
    pub(super) fn execute(
        &mut self,
        command: &Command,
        console: &mut Console<'_>,
    ) -> Result<(), Error> {
        if let Command::List(Listing { subject: Subject::Connections { .. }, .. }) = command {
            self.warn_of_slow_walk(console);
        }
        let output = &mut *console.output;
        match command {
            Command::Help => options::write_help(output)?,
            Command::Version => options::write_version(output)?,
            Command::Change(request) => self.source.execute(request)?,
            Command::List(listing) if listing.json => {
                json::list(&mut self.source, listing, output)?;
            }
            Command::List(listing) => {
                list::list(&mut self.source, listing, self.names, output)?;
            }
            Command::Save { numeric } => {
                let names = (!numeric).then_some(self.names);
                list::save(&mut self.source, names, output)?;
            }
            Command::Restore | Command::ClearAndRestore | Command::Replace => {}
        }
        Ok(())
    }

    /// Only for a person: to count the connections takes time.
    fn warn_of_slow_walk(&self, console: &mut Console<'_>) {
        if !console.explains || !self.source.is_loaded() {
            return;
        }
        if let Some(warning) = connections::slow_listing_warning() {
            // A failure of standard error cannot be reported.
            let _ = writeln!(console.errors, "{warning}");
        }
    }

    /// Makes many changes, and returns their results in order. After an error nothing is known of any of them.
    pub(super) fn execute_all(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<Result<(), netlink::Error>>, netlink::Error> {
        self.source.execute_all(requests)
    }

    /// The table, or [`Error::Initialization`] if IPVS is not loaded.
    pub(super) fn tables(&mut self) -> Result<&mut Tables<T>, Error> {
        self.source.tables()
    }

    /// Explains the error of a command by reading the table.
    pub(super) fn explain(&mut self, command: &Command, error: &Error) -> Option<String> {
        explain::of_command(&mut self.source, command, error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use lvs::ipvs::Request;
    use lvs::netlink;

    fn reported(explains: bool, report: impl Fn(&mut Console<'_>) -> u8) -> (u8, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut console =
            Console { input: &mut io::empty(), output: &mut output, errors: &mut errors, explains };
        let status = report(&mut console);
        (status, String::from_utf8(errors).unwrap())
    }

    #[test]
    fn explanation_is_a_second_line() {
        let error = Error::change(&Request::Flush, netlink::Error::TimedOut(5));
        let first = format!("{error}\n");
        let cause = || Some("because".to_owned());
        let nobody_asks = || unreachable!();
        assert_eq!(
            reported(false, |console| console.report(&error, nobody_asks)),
            (255, first.clone())
        );
        let both = format!("{first}because\n");
        assert_eq!(reported(true, |console| console.report(&error, cause)), (255, both));
        assert_eq!(reported(true, |console| console.report(&error, || None)), (255, first.clone()));
        let line = format!("{first}(line 7 of standard input) because\n");
        assert_eq!(reported(true, |console| console.report_line(7, &error, cause)), (255, line));
        assert_eq!(reported(false, |console| console.report_line(7, &error, cause)), (255, first));
    }

    #[test]
    fn silent_error_is_only_explained() {
        let error = Error::EmptyLine("table");
        let cause = || Some("because".to_owned());
        assert_eq!(reported(false, |console| console.report(&error, cause)), (1, String::new()));
        let explained = (1, "because\n".to_owned());
        assert_eq!(reported(true, |console| console.report(&error, cause)), explained);
    }

    #[test]
    fn closed_pipe_is_a_silent_success() {
        let error = Error::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(reported(true, |console| console.report(&error, || None)), (0, String::new()));
    }
}
