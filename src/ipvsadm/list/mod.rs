//! What `-L` writes, byte for byte as the reference writes it.

mod connections;
mod destination;
mod service;
mod title;

use std::io::Write;

use lvs::ipvs::{ServiceEntry, Stats};
use lvs::netlink::Transport;
use lvs::proc::DestinationTable;

use super::Names;
use super::command::{Format, Listing, Subject};
use super::error::Error;
use super::order;
use super::pools;
use super::source::Source;

/// Capacity for all but very long rows.
const ROW_LENGTH: usize = 128;

/// How rows are written.
#[derive(Clone, Copy)]
struct Style<'a> {
    format: Format,
    /// Counters in full.
    exact: bool,
    /// `None` with `-n`.
    names: Option<&'a dyn Names>,
}

/// Writes a listing. If it fails, the rows before the failure are written.
pub(super) fn list<T: Transport>(
    source: &mut Source<T>,
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
            title::write_version(output, source.info())?;
            title::write_columns(output, style.format)?;
            let services = source.services(false)?;
            let seen = match style.format {
                Format::Default if !services.is_empty() => source.kernel_table(&services),
                _ => None,
            };
            write_pools(source, &services, seen.as_ref(), listing.sorted, style, output)
        }
        Subject::Service(identity) => {
            let entry = source.service(identity)?;
            title::write_columns(output, style.format)?;
            write_pools(source, &[entry], None, listing.sorted, style, output)
        }
        Subject::Connections { engine_data, choice } => {
            let table = source.connections()?;
            connections::write(table, choice, *engine_data, style.names, output)
        }
        Subject::Timeouts => match source.timeouts()? {
            Some(timeouts) => Ok(title::write_timeouts(output, timeouts)?),
            None => Ok(()),
        },
        Subject::Daemons => Ok(title::write_daemons(output, &source.daemons()?)?),
    }
}

fn write_pools<T: Transport>(
    source: &mut Source<T>,
    services: &[ServiceEntry],
    seen: Option<&DestinationTable>,
    sorted: bool,
    style: Style<'_>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let read = |source: &mut Source<T>, place, entry: &ServiceEntry| match seen {
        Some(table) if sorted => {
            Ok(order::sort_destinations(table.destinations(place), |entry| &entry.destination))
        }
        Some(table) => Ok(table.destinations(place)),
        None => source.destinations(&entry.service.identity, sorted),
    };
    pools::write(source, services, sorted, style.names, output, read, |output, pool, names| {
        let style = Style { names, ..style };
        service::write_row(output, pool.service, style)?;
        let identity = &pool.service.service.identity;
        pool.destinations
            .iter()
            .try_for_each(|entry| destination::write_row(output, identity, entry, style))
    })
}

/// Connections, packets and bytes, in total or per second.
const fn counters(stats: &Stats, rates: bool) -> [u64; 5] {
    let Stats { connections, packets_in, packets_out, bytes_in, bytes_out, rates: second, .. } =
        stats;
    if rates {
        let (packets_in, packets_out) = (second.packets_in, second.packets_out);
        [second.connections, packets_in, packets_out, second.bytes_in, second.bytes_out]
    } else {
        [*connections, *packets_in, *packets_out, *bytes_in, *bytes_out]
    }
}
