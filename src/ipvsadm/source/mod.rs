//! What listings and saved rules are read from: a kernel with IPVS, or without.

mod order;

use std::io::{self, Write};

use lvs::ipvs::{
    Client, Daemon, Destination, DestinationEntry, Info, Request, ServiceEntry, ServiceIdentity,
    Timeouts,
};
use lvs::netlink::{self, ErrorKind, Transport};
use lvs::proc::{ConnectionTable, DestinationTable};
use lvs::ruleset::Names;
use lvs::table::Tables;

use super::error::{Error, Operation};
use super::names::Lookups;

pub(super) use order::sort_destinations;

/// A connection to IPVS. If IPVS is not loaded there is no table, and everything counts as empty.
pub(super) struct Source<T> {
    tables: Option<Tables<T>>,
    info: Info,
}

impl<T: Transport> Source<T> {
    /// Asks the kernel for its version, which fails without the privileges that IPVS needs.
    pub(super) fn open(
        connect: impl FnOnce() -> Result<Option<Client<T>>, netlink::Error>,
    ) -> Result<Self, Error> {
        let mut client = connect().map_err(Error::Initialization)?;
        let info = match &mut client {
            Some(client) => client.info().map_err(Error::Initialization)?,
            None => Info::default(),
        };
        Ok(Self { tables: client.map(Tables::new), info })
    }

    pub(super) const fn info(&self) -> Info {
        self.info
    }

    pub(super) const fn is_loaded(&self) -> bool {
        self.tables.is_some()
    }

    /// All services, in the order of the kernel or sorted.
    pub(super) fn services(&mut self, sorted: bool) -> Result<Vec<ServiceEntry>, Error> {
        let Some(client) = self.client() else { return Ok(Vec::new()) };
        let services = client.services().map_err(listing)?;
        Ok(if sorted { order::sort_services(services) } else { services })
    }

    /// All services in the order of the kernel, and the destinations of all of them at once, as far as
    /// the plain listing shows them. `None` if the kernel has no such table, or if it does not agree.
    pub(super) fn plain_table(
        &mut self,
    ) -> Result<(Vec<ServiceEntry>, Option<DestinationTable>), Error> {
        let Some(client) = self.client() else { return Ok((Vec::new(), None)) };
        let services = client.services_at_once().map_err(listing)?;
        match DestinationTable::open(&services) {
            // Two readings agree.
            Some(table) => Ok((services, Some(table))),
            None => Ok((self.services(false)?, None)),
        }
    }

    pub(super) fn service(&mut self, identity: &ServiceIdentity) -> Result<ServiceEntry, Error> {
        let found = match self.client() {
            Some(client) => client.service(identity),
            None => Err(netlink::Error::refused(libc::ESRCH, None)),
        };
        found.map_err(listing)
    }

    /// The destinations of a service, or `None` if it is gone.
    pub(super) fn destinations(
        &mut self,
        service: &ServiceIdentity,
        sorted: bool,
    ) -> Result<Option<Vec<DestinationEntry>>, Error> {
        let found = self.destinations_by(service, Client::destinations)?;
        Ok(found.map(|found| match sorted {
            true => sort_destinations(found, |entry| &entry.destination),
            false => found,
        }))
    }

    /// The sorted destinations of a service, without their connections and counters, or `None` if it is
    /// gone.
    pub(super) fn bare_destinations(
        &mut self,
        service: &ServiceIdentity,
    ) -> Result<Option<Vec<Destination>>, Error> {
        let found = self.destinations_by(service, Client::bare_destinations)?;
        Ok(found.map(|found| sort_destinations(found, |destination| destination)))
    }

    fn destinations_by<D>(
        &mut self,
        service: &ServiceIdentity,
        read: impl Fn(&mut Client<T>, &ServiceIdentity) -> Result<Vec<D>, netlink::Error>,
    ) -> Result<Option<Vec<D>>, Error> {
        let Some(client) = self.client() else { return Ok(None) };
        let destinations = read(client, service).map_err(listing)?;
        if !destinations.is_empty() {
            return Ok(Some(destinations));
        }
        // The kernel reports none for a service that does not exist, too.
        match client.service(service) {
            Ok(_) => Ok(Some(destinations)),
            Err(error) if error.kind() == ErrorKind::NoSuchService => Ok(None),
            Err(error) => Err(listing(error)),
        }
    }

    /// Timeouts, or none if IPVS is not loaded.
    pub(super) fn timeouts(&mut self) -> Result<Option<Timeouts>, Error> {
        let timeouts = self.client().map(Client::timeouts).transpose();
        timeouts.map_err(Error::listing(Operation::Other))
    }

    pub(super) fn daemons(&mut self) -> Result<Vec<Daemon>, Error> {
        let Some(client) = self.client() else { return Ok(Vec::new()) };
        client.daemons().map_err(Error::listing(Operation::Other))
    }

    pub(super) fn connections(&self, with_origins: bool) -> Result<ConnectionTable, Error> {
        Ok(match (self.is_loaded(), with_origins) {
            (false, _) => ConnectionTable::empty(),
            (true, false) => ConnectionTable::open()?,
            (true, true) => ConnectionTable::open_with_origins()?,
        })
    }

    pub(super) fn execute(&mut self, request: &Request) -> Result<(), Error> {
        let client = self.tables()?.client();
        client.execute(request).map_err(|source| Error::change(request, source))
    }

    /// Makes many changes, and returns their results in order. After an error nothing is known of any
    /// of them.
    pub(super) fn execute_all(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<Result<(), netlink::Error>>, netlink::Error> {
        match self.client() {
            Some(client) => client.execute_all(requests),
            None => Err(not_loaded()),
        }
    }

    /// The table, or [`Error::Initialization`] if IPVS is not loaded.
    pub(super) fn tables(&mut self) -> Result<&mut Tables<T>, Error> {
        self.tables.as_mut().ok_or_else(|| Error::Initialization(not_loaded()))
    }

    fn client(&mut self) -> Option<&mut Client<T>> {
        self.tables.as_mut().map(Tables::client)
    }
}

fn listing(source: netlink::Error) -> Error {
    Error::listing(Operation::ListServices)(source)
}

fn not_loaded() -> netlink::Error {
    netlink::Error::NoFamily("IPVS".to_owned())
}

/// A service and its destinations.
pub(super) struct Pool<'a, D> {
    pub(super) service: &'a ServiceEntry,
    pub(super) destinations: Vec<D>,
}

/// Writes services, each with its destinations as soon as `read` has them, and leaves out those that are
/// gone. `services` are in the order of the kernel, and `read` gets the place of a service in it. With
/// names, all is written at the end, once all names are looked up in parallel.
///
/// If destinations cannot be read, the services before and their own service are written.
pub(super) fn write_pools<T: Transport, D>(
    source: &mut Source<T>,
    services: &[ServiceEntry],
    sorted: bool,
    names: Option<&dyn Names>,
    output: &mut dyn Write,
    read: impl Fn(&mut Source<T>, usize, &ServiceEntry) -> Result<Option<Vec<D>>, Error>,
    write_pool: impl Fn(&mut dyn Write, &Pool<'_, D>, Option<&dyn Names>) -> io::Result<()>,
) -> Result<(), Error> {
    let mut pools = Vec::new();
    let mut end = Ok(());
    let places =
        if sorted { order::order_of_services(services) } else { (0..services.len()).collect() };
    for place in places {
        let Some(service) = services.get(place) else { continue };
        let (destinations, result) = match read(source, place, service) {
            Ok(Some(destinations)) => (destinations, Ok(())),
            Ok(None) => continue,
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
