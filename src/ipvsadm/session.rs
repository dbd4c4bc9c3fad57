//! A kernel that has answered, and what is done with it.

use crate::ipvs::{Client, Info, Request};
use crate::netlink::{self, Transport};

use super::command::Command;
use super::console::Console;
use super::error::Error;
use super::{Names, help, listing, save};

/// An initialized conversation with IPVS.
pub(super) struct Session<'a, T> {
    client: Client<T>,
    info: Info,
    names: &'a dyn Names,
}

impl<'a, T: Transport> Session<'a, T> {
    /// Asks the kernel for its version, which is also how a lack of rights shows.
    pub(super) fn open(
        connect: impl FnOnce() -> Result<Client<T>, netlink::Error>,
        names: &'a dyn Names,
    ) -> Result<Self, Error> {
        let mut client = connect().map_err(Error::Initialization)?;
        let info = client.info().map_err(Error::Initialization)?;
        Ok(Self { client, info, names })
    }

    pub(super) const fn info(&self) -> Info {
        self.info
    }

    /// Runs one command; a restore is its caller's business.
    pub(super) fn execute(
        &mut self,
        command: &Command,
        console: &mut Console<'_>,
    ) -> Result<(), Error> {
        let output = &mut *console.output;
        match command {
            Command::Help => help::write_help(output)?,
            Command::Version => help::write_version(output)?,
            Command::Change(request) => {
                self.client.execute(request).map_err(|source| Error::change(request, source))?
            }
            Command::List(listing) => {
                listing::list(&mut self.client, self.info, listing, self.names, output)?;
            }
            Command::Save { numeric } => {
                let names = (!numeric).then_some(self.names);
                save::save(&mut self.client, names, output)?;
            }
            Command::Restore => {}
        }
        Ok(())
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
        self.client.execute_all(requests)
    }
}
