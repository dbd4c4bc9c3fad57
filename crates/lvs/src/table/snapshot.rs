//! What was read of a table, kept up to date by what is written to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Error, Key, Value};
use crate::ipvs::{Client, Daemon, Destination, Service, ServiceIdentity, Timeouts};
use crate::netlink::Transport;
use crate::table::Change;

/// How often the table may have changed between two readings.
const READINGS: usize = 5;

/// Services that are asked for one by one; above that the listing of all is shorter.
const FEW: usize = 256;

/// A table as it was read: the services once, the destinations of each once they are asked for.
///
/// Thousands of keys take a handful of listings. What is [invalidated](Snapshot::invalidate) is read again, and
/// nothing else.
#[derive(Debug, Default)]
pub struct Snapshot {
    pools: BTreeMap<ServiceIdentity, Pool>,
    /// Every service is among the pools, as far as it is not invalidated.
    listed: bool,
    invalidated: BTreeSet<ServiceIdentity>,
    timeouts: Option<Timeouts>,
    daemons: Option<Vec<Daemon>>,
}

#[derive(Debug)]
struct Pool {
    service: Service,
    /// `None`: not read.
    destinations: Option<BTreeMap<(IpAddr, u16), Destination>>,
}

impl Snapshot {
    /// The value of a key; `None` where there is no such entry.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed.
    pub fn read<T: Transport>(
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

    /// The keys of every destination and service, each service behind its destinations: the order in
    /// which they can be removed.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed.
    pub fn keys<T: Transport>(&mut self, client: &mut Client<T>) -> Result<Vec<Key>, Error> {
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

    /// The keys of the destinations of a service; none where there is no such service.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed.
    pub fn destinations<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        service: &ServiceIdentity,
    ) -> Result<Vec<Key>, Error> {
        match self.pool(client, service)? {
            Some(pool) => pool.keys(client),
            None => Ok(Vec::new()),
        }
    }

    /// The same, once two readings in a row agree. IPVS marks no listing that a change went through
    /// (`NLM_F_DUMP_INTR`), so that whoever removes what a listing shows must have seen it twice.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed, or keeps changing.
    pub fn settled_keys<T: Transport>(
        &mut self,
        client: &mut Client<T>,
    ) -> Result<Vec<Key>, Error> {
        let mut earlier = self.keys(client)?;
        for _ in 0..READINGS {
            *self = Self::default();
            let keys = self.keys(client)?;
            if keys == earlier {
                return Ok(keys);
            }
            earlier = keys;
        }
        Err(Error::Unsettled)
    }

    /// Takes note of a change that was made.
    pub fn note(&mut self, change: &Change<Key, Value>) {
        match (&change.key, &change.to) {
            (Key::Service(identity), Some(Value::Service(service))) => {
                let new =
                    Pool { service: Service::clone(service), destinations: Some(BTreeMap::new()) };
                let pool = self.pools.entry(*identity).or_insert(new);
                pool.service.clone_from(service);
            }
            // With a service go its destinations.
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
            // Part of what is wanted of them may have been left open.
            (Key::Timeouts, _) => self.timeouts = None,
            (Key::Daemon(_), _) => self.daemons = None,
        }
    }

    /// Forgets what was read of that key.
    pub fn invalidate(&mut self, key: &Key) {
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
        if !self.listed || invalidated && self.invalidated.len() > FEW {
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

    /// Lists the services. The destinations that were read of them stay.
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

fn listing(source: crate::netlink::Error) -> Error {
    Error::List { source }
}
