//! What was read of the table, kept up to date by what is written.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Change, Error, Key, Value};
use crate::ipvs::{Client, Daemon, Destination, Service, ServiceIdentity, Timeouts};
use crate::netlink::{self, ErrorKind, Transport};

/// Invalidated services that are read one by one; for more a dump of all is faster.
const MAX_SINGLE_READS: usize = 256;

/// The table as it was read: all services in one dump, the destinations of a service when they are
/// needed. Only what is invalidated is read again.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pools: BTreeMap<ServiceIdentity, Pool>,
    /// The pools have every service that is not invalidated.
    listed: bool,
    invalidated: BTreeSet<ServiceIdentity>,
    timeouts: Option<Timeouts>,
    daemons: Option<Vec<Daemon>>,
}

#[derive(Debug)]
struct Pool {
    service: Service,
    /// `None` until they are read.
    destinations: Option<BTreeMap<(IpAddr, u16), Destination>>,
}

impl Snapshot {
    /// The value of a key, or `None` if there is no such entry.
    pub(super) fn read<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        key: &Key,
    ) -> Result<Option<Value>, Error> {
        Ok(match key {
            Key::Service(service) => {
                let pool = self.pool(client, service)?;
                pool.map(|pool| Value::from(pool.service.clone()))
            }
            Key::Destination { service, address, port } => {
                let Some(pool) = self.pool(client, service)? else { return Ok(None) };
                let found = pool.destinations(client)?.get(&(*address, *port));
                found.map(|destination| Value::Destination(destination.clone()))
            }
            Key::Timeouts => {
                let timeouts = match self.timeouts {
                    Some(timeouts) => timeouts,
                    None => client.timeouts().map_err(listing)?,
                };
                Some(Value::Timeouts(*self.timeouts.insert(timeouts)))
            }
            Key::Daemon(state) => {
                let daemons = match self.daemons.take() {
                    Some(daemons) => daemons,
                    None => client.daemons().map_err(listing)?,
                };
                let daemons = self.daemons.insert(daemons);
                let found = daemons.iter().find(|daemon| daemon.state == *state);
                found.map(|daemon| Value::from(daemon.clone()))
            }
        })
    }

    /// The keys of the destinations of a service, or none if there is no such service.
    pub(super) fn destinations<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        service: &ServiceIdentity,
    ) -> Result<Vec<Key>, Error> {
        match self.pool(client, service)? {
            Some(pool) => pool.keys(client),
            None => Ok(Vec::new()),
        }
    }

    /// The services and destinations that are not managed, each service after its destinations. If
    /// there are any, the table is read again, since what was read before may be old.
    pub(super) fn unmanaged<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        is_managed: impl Fn(&Key) -> bool,
    ) -> Result<Vec<Key>, Error> {
        let mut keys = self.keys(client)?;
        if keys.iter().all(&is_managed) {
            return Ok(Vec::new());
        }
        *self = Self::default();
        keys = self.keys(client)?;
        keys.retain(|key| !is_managed(key));
        Ok(keys)
    }

    /// All services and destinations, each service after its destinations.
    fn keys<T: Transport>(&mut self, client: &mut Client<T>) -> Result<Vec<Key>, Error> {
        if !self.listed || !self.invalidated.is_empty() {
            self.list(client)?;
        }
        let mut keys = Vec::new();
        for (service, pool) in &mut self.pools {
            keys.extend(pool.keys(client)?);
            keys.push(Key::Service(*service));
        }
        Ok(keys)
    }

    /// Records a change that was made.
    pub(super) fn note(&mut self, change: &Change<Key, Value>) {
        match (&change.key, &change.to) {
            (Key::Service(identity), Some(Value::Service(service))) => {
                let new =
                    Pool { service: Service::clone(service), destinations: Some(BTreeMap::new()) };
                let pool = self.pools.entry(*identity).or_insert(new);
                pool.service.clone_from(service);
            }
            // The kernel deletes the destinations of a service with it.
            (Key::Service(identity), _) => drop(self.pools.remove(identity)),
            (Key::Destination { service, address, port }, to) => {
                let pool = self.pools.get_mut(service);
                let Some(known) = pool.and_then(|pool| pool.destinations.as_mut()) else { return };
                match to {
                    Some(Value::Destination(destination)) => {
                        known.insert((*address, *port), destination.clone());
                    }
                    _ => drop(known.remove(&(*address, *port))),
                }
            }
            // The desired value may have left part of it open.
            (Key::Timeouts, _) => self.timeouts = None,
            (Key::Daemon(_), _) => self.daemons = None,
        }
    }

    /// Drops what was read of a key.
    pub(super) fn invalidate(&mut self, key: &Key) {
        match key {
            Key::Timeouts => self.timeouts = None,
            Key::Daemon(_) => self.daemons = None,
            Key::Service(service) | Key::Destination { service, .. } => {
                self.invalidated.insert(*service);
                if let Some(pool) = self.pools.get_mut(service) {
                    pool.destinations = None;
                }
            }
        }
    }

    fn pool<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        service: &ServiceIdentity,
    ) -> Result<Option<&mut Pool>, Error> {
        let invalidated = self.invalidated.contains(service);
        if !self.listed || invalidated && self.invalidated.len() > MAX_SINGLE_READS {
            self.list(client)?;
        } else if invalidated {
            match client.service(service) {
                Ok(entry) => self.keep(entry.service, None),
                Err(error) if error.errno() == Some(libc::ESRCH) => {
                    self.pools.remove(service);
                }
                Err(error) => return Err(listing(error)),
            }
            self.invalidated.remove(service);
        }
        Ok(self.pools.get_mut(service))
    }

    /// Dumps the services, and keeps the destinations that were read.
    fn list<T: Transport>(&mut self, client: &mut Client<T>) -> Result<(), Error> {
        let services = client.services().map_err(listing)?;
        let mut earlier = std::mem::take(&mut self.pools);
        for entry in services {
            let known = earlier.remove(&entry.service.identity);
            self.keep(entry.service, known.and_then(|pool| pool.destinations));
        }
        self.listed = true;
        self.invalidated.clear();
        Ok(())
    }

    fn keep(
        &mut self,
        service: Service,
        destinations: Option<BTreeMap<(IpAddr, u16), Destination>>,
    ) {
        self.pools.insert(service.identity, Pool { service, destinations });
    }
}

impl Pool {
    fn keys<T: Transport>(&mut self, client: &mut Client<T>) -> Result<Vec<Key>, Error> {
        let service = self.service.identity;
        let of = |&(address, port): &(IpAddr, u16)| Key::Destination { service, address, port };
        Ok(self.destinations(client)?.keys().map(of).collect())
    }

    fn destinations<T: Transport>(
        &mut self,
        client: &mut Client<T>,
    ) -> Result<&BTreeMap<(IpAddr, u16), Destination>, Error> {
        let destinations = match self.destinations.take() {
            Some(destinations) => destinations,
            None => {
                let found = client.bare_destinations(&self.service.identity).map_err(listing)?;
                let named = found.into_iter().map(|it| ((it.address, it.port), it));
                named.collect()
            }
        };
        Ok(self.destinations.insert(destinations))
    }
}

fn listing(source: netlink::Error) -> Error {
    match source.kind() {
        ErrorKind::Interrupted => Error::Unsettled,
        _ => Error::List { source },
    }
}
