//! What `-L` writes, byte for byte as the reference writes it.

mod connection;
mod connections;
mod daemons;
mod destination;
mod number;
mod service;
mod timeouts;
mod title;

use std::fs::File;
use std::io::{BufReader, Write};

use crate::ipvs::{Client, Info, ServiceEntry};
use crate::netlink::Transport;

use super::command::{Format, Listing, Subject};
use super::error::Error;
use super::refusal::Operation;
use super::{Names, order};

/// How rows are written.
#[derive(Clone, Copy)]
struct Style<'a> {
    format: Format,
    /// Numbers in full.
    exact: bool,
    /// `None` with `-n`.
    names: Option<&'a dyn Names>,
}

/// Writes a listing.
///
/// # Errors
///
/// The kernel's refusal, trouble with the connection table, or a failing write. Rows before it may
/// have been written.
pub(super) fn list<T: Transport>(
    client: &mut Client<T>,
    info: Info,
    listing: &Listing,
    names: &dyn Names,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let style = Style {
        format: listing.format,
        exact: listing.exact,
        names: (!listing.numeric).then_some(names),
    };
    match &listing.subject {
        Subject::Table => {
            title::write_version(output, info)?;
            title::write_columns(output, style.format)?;
            let services = client.services().map_err(Error::listing(Operation::ListServices))?;
            let services = if listing.sorted { order::sort_services(services) } else { services };
            for entry in &services {
                write_service(client, entry, listing.sorted, style, output)?;
            }
            Ok(())
        }
        Subject::Service(identity) => {
            let entry =
                client.service(identity).map_err(Error::listing(Operation::ListServices))?;
            title::write_columns(output, style.format)?;
            write_service(client, &entry, listing.sorted, style, output)
        }
        Subject::Connections { engine_data } => {
            let path = connections::PATH;
            let file = File::open(path).map_err(|source| Error::CannotOpen { path, source })?;
            connections::write(BufReader::new(file), *engine_data, style.names, output)
        }
        Subject::Timeouts => {
            let timeouts = client.timeouts().map_err(Error::listing(Operation::Other))?;
            Ok(timeouts::write_timeouts(output, timeouts)?)
        }
        Subject::Daemons => {
            let daemons = client.daemons().map_err(Error::listing(Operation::Other))?;
            Ok(daemons::write_daemons(output, &daemons)?)
        }
    }
}

fn write_service<T: Transport>(
    client: &mut Client<T>,
    entry: &ServiceEntry,
    sorted: bool,
    style: Style<'_>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    service::write_row(output, entry, style)?;
    let identity = &entry.service.identity;
    let destinations =
        client.destinations(identity).map_err(Error::listing(Operation::ListServices))?;
    let destinations = if sorted { order::sort_destinations(destinations) } else { destinations };
    for entry in &destinations {
        destination::write_row(output, identity, entry, style)?;
    }
    Ok(())
}
