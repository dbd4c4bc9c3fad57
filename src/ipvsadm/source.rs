//! What listings and saved rules are read from: a kernel with IPVS, or without.

use lvs::ipvs::{
    Client, Daemon, Destination, DestinationEntry, Info, Request, ServiceEntry, ServiceIdentity,
    Timeouts,
};
use lvs::netlink::{self, Transport};
use lvs::proc::{ConnectionTable, DestinationTable};
use lvs::table::Tables;

use super::error::{Error, Operation};
use super::order;

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
        let services = client.services().map_err(Error::listing(Operation::ListServices))?;
        Ok(if sorted { order::sort_services(services) } else { services })
    }

    pub(super) fn service(&mut self, identity: &ServiceIdentity) -> Result<ServiceEntry, Error> {
        let found = match self.client() {
            Some(client) => client.service(identity),
            None => Err(netlink::Error::refused(libc::ESRCH, None)),
        };
        found.map_err(Error::listing(Operation::ListServices))
    }

    pub(super) fn destinations(
        &mut self,
        service: &ServiceIdentity,
        sorted: bool,
    ) -> Result<Vec<DestinationEntry>, Error> {
        let Some(client) = self.client() else { return Ok(Vec::new()) };
        let destinations =
            client.destinations(service).map_err(Error::listing(Operation::ListServices))?;
        Ok(if sorted {
            order::sort_destinations(destinations, |entry| &entry.destination)
        } else {
            destinations
        })
    }

    /// The sorted destinations of a service, without their connections and counters.
    pub(super) fn bare_destinations(
        &mut self,
        service: &ServiceIdentity,
    ) -> Result<Vec<Destination>, Error> {
        let Some(client) = self.client() else { return Ok(Vec::new()) };
        let destinations = client.bare_destinations(service);
        let destinations = destinations.map_err(Error::listing(Operation::ListServices))?;
        Ok(order::sort_destinations(destinations, |destination| destination))
    }

    /// The destinations of all services at once, as far as the plain listing shows them; `None` if the
    /// kernel has no such table, or it does not have `services` in their order.
    pub(super) fn kernel_table(&self, services: &[ServiceEntry]) -> Option<DestinationTable> {
        if self.is_loaded() { DestinationTable::open(services) } else { None }
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

    pub(super) fn connections(&self) -> Result<ConnectionTable, Error> {
        if self.is_loaded() { Ok(ConnectionTable::open()?) } else { Ok(ConnectionTable::empty()) }
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

fn not_loaded() -> netlink::Error {
    netlink::Error::NoFamily("IPVS".to_owned())
}
