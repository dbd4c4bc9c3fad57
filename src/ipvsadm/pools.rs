//! The table as listings and saved rules show it: services, each with its destinations.

use std::io::{self, Write};

use lvs::ipvs::ServiceEntry;
use lvs::netlink::Transport;

use super::Names;
use super::error::Error;
use super::lookups::Lookups;
use super::order;
use super::source::Source;

/// A service and its destinations.
pub(super) struct Pool<'a, D> {
    pub(super) service: &'a ServiceEntry,
    pub(super) destinations: Vec<D>,
}

/// Writes services, each with its destinations as soon as `read` has them. `services` are in the order of
/// the kernel, and `read` gets the place of a service in it. With names, all is written at the end, once all
/// names are looked up in parallel.
///
/// If destinations cannot be read, the services before and their own service are written.
pub(super) fn write<T: Transport, D>(
    source: &mut Source<T>,
    services: &[ServiceEntry],
    sorted: bool,
    names: Option<&dyn Names>,
    output: &mut dyn Write,
    read: impl Fn(&mut Source<T>, usize, &ServiceEntry) -> Result<Vec<D>, Error>,
    write_pool: impl Fn(&mut dyn Write, &Pool<'_, D>, Option<&dyn Names>) -> io::Result<()>,
) -> Result<(), Error> {
    let mut pools = Vec::new();
    let mut end = Ok(());
    let places =
        if sorted { order::order_of_services(services) } else { (0..services.len()).collect() };
    for place in places {
        let Some(service) = services.get(place) else { continue };
        let (destinations, result) = match read(source, place, service) {
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
