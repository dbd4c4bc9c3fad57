//! The table as listings and saved rules show it: services, each with its pool of real servers.

use std::io::{self, Write};

use crate::ipvs::{DestinationEntry, ServiceEntry};
use crate::netlink::Transport;

use super::Names;
use super::error::Error;
use super::kernel_table::KernelTable;
use super::lookups::Lookups;
use super::order;
use super::source::Source;

/// A service and its destinations.
pub(super) struct Pool<'a> {
    pub(super) service: &'a ServiceEntry,
    pub(super) destinations: Vec<DestinationEntry>,
}

/// Writes services, which come in the kernel's order, each with its destinations as soon as they are
/// read; with names, all at the end, when the names of all have been looked up side by side.
/// Destinations are those of `seen`, or are asked for where there is none.
///
/// # Errors
///
/// A failing write; or destinations that could not be read, after all that is known is written: the
/// pools before them, and the service that they belong to.
pub(super) fn write<T: Transport>(
    source: &mut Source<T>,
    services: &[ServiceEntry],
    seen: Option<&KernelTable>,
    sorted: bool,
    names: Option<&dyn Names>,
    output: &mut dyn Write,
    write_pool: impl Fn(&mut dyn Write, &Pool<'_>, Option<&dyn Names>) -> io::Result<()>,
) -> Result<(), Error> {
    let mut pools = Vec::new();
    let mut end = Ok(());
    let places =
        if sorted { order::order_of_services(services) } else { (0..services.len()).collect() };
    for place in places {
        let Some(service) = services.get(place) else { continue };
        let destinations = match seen {
            Some(table) if sorted => Ok(order::sort_destinations(table.destinations(place))),
            Some(table) => Ok(table.destinations(place)),
            None => source.destinations(&service.service.identity, sorted),
        };
        let (destinations, result) = match destinations {
            Ok(destinations) => (destinations, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        let pool = Pool { service, destinations };
        match names {
            None => write_pool(output, &pool, None)?,
            Some(_) => pools.push(pool),
        }
        if result.is_err() {
            end = result;
            break;
        }
    }
    if let Some(names) = names {
        Lookups::new(names).write(output, |names, output| {
            pools.iter().try_for_each(|pool| write_pool(output, pool, Some(names)))
        })?;
    }
    end
}
