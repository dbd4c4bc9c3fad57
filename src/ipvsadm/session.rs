//! A kernel that has answered, and what is done with it.

use lvs::ipvs::{Client, Info, Request};
use lvs::netlink::{self, Transport};
use lvs::table::Tables;

use super::command::{Command, Listing, Subject};
use super::console::Console;
use super::error::Error;
use super::source::Source;
use super::{Names, connections, explain, help, json, list, save};

/// An initialized conversation with IPVS.
pub(super) struct Session<'a, T> {
    source: Source<T>,
    names: &'a dyn Names,
}

impl<'a, T: Transport> Session<'a, T> {
    /// Starts a conversation; `connect` gives no client where IPVS is not loaded and shall not be.
    ///
    /// # Errors
    ///
    /// [`Error::Initialization`].
    pub(super) fn open(
        connect: impl FnOnce() -> Result<Option<Client<T>>, netlink::Error>,
        names: &'a dyn Names,
    ) -> Result<Self, Error> {
        Ok(Self { source: Source::open(connect)?, names })
    }

    /// Version and table size, where IPVS is loaded.
    pub(super) fn info(&self) -> Option<Info> {
        self.source.is_loaded().then(|| self.source.info())
    }

    /// Runs one command; a restore is its caller's business.
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
            Command::Help => help::write_help(output)?,
            Command::Version => help::write_version(output)?,
            Command::Change(request) => self.source.execute(request)?,
            Command::List(listing) if listing.json => {
                json::list(&mut self.source, listing, output)?;
            }
            Command::List(listing) => {
                list::list(&mut self.source, listing, self.names, output)?;
            }
            Command::Save { numeric } => {
                let names = (!numeric).then_some(self.names);
                save::save(&mut self.source, names, output)?;
            }
            Command::Restore | Command::ClearAndRestore | Command::Replace => {}
        }
        Ok(())
    }

    /// Only where somebody waits: a script has no use for the warning, and pays for it.
    fn warn_of_slow_walk(&self, console: &mut Console<'_>) {
        if console.explains
            && self.source.is_loaded()
            && let Some(warning) = connections::slow_listing_warning()
        {
            // Nobody can be told that standard error fails.
            let _ = writeln!(console.errors, "{warning}");
        }
    }

    /// Sends many changes at once; the results come in their order.
    ///
    /// # Errors
    ///
    /// A broken conversation, after which nothing is known of any of them.
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

    /// Cause and cure of a command's error. The table is read for it.
    pub(super) fn explain(&mut self, command: &Command, error: &Error) -> Option<String> {
        explain::of_command(&mut self.source, command, error)
    }
}
