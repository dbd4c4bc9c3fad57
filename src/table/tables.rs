//! The table, read once and kept up to date by what is written.

use std::collections::{HashMap, HashSet};

use super::{Error, Key, Value, command};
use crate::ipvs::{Client, Request, ServiceFlags, ServiceIdentity};
use crate::netlink::{self, Transport};
use crate::plan::Change;

/// A client, and the entries that it has read.
///
/// Services are listed once, the destinations of each once it is asked for, until
/// [`Tables::refresh`]: thousands of keys take a handful of listings.
#[derive(Debug)]
pub struct Tables<T> {
    client: Client<T>,
    entries: HashMap<Key, Value>,
    listed: HashSet<Part>,
}

/// How often the table may have changed between two readings.
const READINGS: usize = 5;

/// What is listed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Services,
    Destinations(ServiceIdentity),
    Timeouts,
    Daemons,
}

impl<T: Transport> Tables<T> {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(client: Client<T>) -> Self {
        Self { client, entries: HashMap::new(), listed: HashSet::new() }
    }

    /// Forgets what was read.
    pub fn refresh(&mut self) {
        self.entries.clear();
        self.listed.clear();
    }

    /// The present value of a key; `None` where there is no such entry.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed.
    pub fn read(&mut self, key: &Key) -> Result<Option<Value>, Error> {
        match key {
            Key::Service(_) => self.list(Part::Services)?,
            Key::Destination { service, .. } => {
                self.list(Part::Services)?;
                if !self.entries.contains_key(&Key::Service(*service)) {
                    return Ok(None);
                }
                self.list(Part::Destinations(*service))?;
            }
            Key::Timeouts => self.list(Part::Timeouts)?,
            Key::Daemon(_) => self.list(Part::Daemons)?,
        }
        Ok(self.entries.get(key).cloned())
    }

    /// The keys of every destination and service, each service behind its destinations, once two
    /// readings in a row agree.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed, or keeps changing.
    pub fn settled_keys(&mut self) -> Result<Vec<Key>, Error> {
        let mut earlier = self.keys()?;
        for _ in 0..READINGS {
            self.refresh();
            let keys = self.keys()?;
            if keys == earlier {
                return Ok(keys);
            }
            earlier = keys;
        }
        Err(Error::Unsettled)
    }

    fn keys(&mut self) -> Result<Vec<Key>, Error> {
        self.list(Part::Services)?;
        let services = self.entries.keys().filter_map(|key| match key {
            Key::Service(service) => Some(*service),
            _ => None,
        });
        let mut services: Vec<ServiceIdentity> = services.collect();
        services.sort();
        for service in &services {
            self.list(Part::Destinations(*service))?;
        }
        let mut keys: Vec<Key> = self.entries.keys().copied().collect();
        keys.retain(|key| key.service().is_some());
        keys.sort_by_key(|key| match key {
            Key::Destination { service, address, port } => {
                (Some(*service), false, Some((*address, *port)))
            }
            key => (key.service(), true, None),
        });
        Ok(keys)
    }

    /// Makes a change.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses it.
    pub fn write(&mut self, change: &Change<Key, Value>) -> Result<(), Error> {
        let request = request(change)?;
        // The kernel changes no daemon that runs.
        if let (Some(Value::Daemon(running)), Request::StartDaemon(_)) = (&change.from, &request) {
            let stop = Request::StopDaemon(running.state, running.sync_id);
            self.client.execute(&stop).map_err(|source| refused(change, source))?;
        }
        self.client.execute(&request).map_err(|source| refused(change, source))?;
        self.note(change);
        Ok(())
    }

    /// Makes many changes in few datagrams, and tells the outcome of each, in their order. Where the
    /// conversation breaks, the last outcome is its error, and nothing is known of the changes
    /// behind it.
    pub fn write_all(&mut self, changes: &[Change<Key, Value>]) -> Vec<Result<(), Error>> {
        let requests = match changes.iter().map(request).collect::<Result<Vec<_>, _>>() {
            Ok(requests) => requests,
            Err(mismatch) => return vec![Err(mismatch)],
        };
        let mut outcomes = Vec::with_capacity(changes.len());
        let heard = self.client.execute_each(&requests, |outcome| outcomes.push(outcome));
        outcomes.extend(heard.err().map(Err));
        let mut told = Vec::with_capacity(outcomes.len());
        for (change, outcome) in changes.iter().zip(outcomes) {
            if outcome.is_ok() {
                self.note(change);
            }
            told.push(outcome.map_err(|source| refused(change, source)));
        }
        told
    }

    /// Keeps what was read up to date.
    fn note(&mut self, change: &Change<Key, Value>) {
        match &change.to {
            Some(value) => {
                self.entries.insert(change.key, value.clone());
            }
            None => {
                self.entries.remove(&change.key);
                // With a service go its destinations.
                if let Key::Service(gone) = change.key {
                    self.entries.retain(|key, _| key.service() != Some(gone));
                }
            }
        }
    }

    fn list(&mut self, part: Part) -> Result<(), Error> {
        if self.listed.contains(&part) {
            return Ok(());
        }
        let failed = |source| Error::List { source };
        match part {
            Part::Services => {
                for mut entry in self.client.services().map_err(failed)? {
                    // The kernel's own mark: it is nothing that anybody configured.
                    entry.service.flags = entry.service.flags.without(ServiceFlags::HASHED);
                    let key = Key::Service(entry.service.identity);
                    self.entries.insert(key, Value::Service(entry.service));
                }
            }
            Part::Destinations(service) => {
                for entry in self.client.destinations(&service).map_err(failed)? {
                    let key = Key::of(service, &entry.destination);
                    self.entries.insert(key, Value::Destination(entry.destination));
                }
            }
            Part::Timeouts => {
                let timeouts = self.client.timeouts().map_err(failed)?;
                self.entries.insert(Key::Timeouts, Value::Timeouts(timeouts));
            }
            Part::Daemons => {
                for daemon in self.client.daemons().map_err(failed)? {
                    self.entries.insert(Key::Daemon(daemon.state), Value::Daemon(daemon));
                }
            }
        }
        self.listed.insert(part);
        Ok(())
    }
}

fn refused(change: &Change<Key, Value>, source: netlink::Error) -> Error {
    let scheduler = match &change.to {
        Some(Value::Service(service)) => service.scheduler.clone(),
        _ => String::new(),
    };
    Error::Change { command: command(change), scheduler, source }
}

fn request(change: &Change<Key, Value>) -> Result<Request, Error> {
    let new = change.from.is_none();
    Ok(match (change.key, change.to.clone()) {
        (Key::Service(_), Some(Value::Service(service))) if new => Request::AddService(service),
        (Key::Service(_), Some(Value::Service(service))) => Request::EditService(service),
        (Key::Service(identity), None) => Request::DeleteService(identity),
        (Key::Destination { service, .. }, Some(Value::Destination(destination))) if new => {
            Request::AddDestination(service, destination)
        }
        (Key::Destination { service, .. }, Some(Value::Destination(destination))) => {
            Request::EditDestination(service, destination)
        }
        (Key::Destination { service, address, port }, None) => {
            Request::DeleteDestination(service, address, port)
        }
        (Key::Timeouts, Some(Value::Timeouts(timeouts))) => Request::SetTimeouts(timeouts),
        (Key::Daemon(_), Some(Value::Daemon(daemon))) => Request::StartDaemon(daemon),
        (Key::Daemon(state), None) => Request::StopDaemon(state, 0),
        (key @ Key::Timeouts, None) | (key, Some(_)) => {
            return Err(Error::Mismatch(key.to_string()));
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipvs::{Destination, Forwarding, Service};

    #[test]
    fn each_change_is_one_request() {
        let identity = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let service = Service::new(identity, "rr");
        let server = Destination::new(Ipv4Addr::new(192, 0, 2, 2), 80, Forwarding::Tunnel);
        let of = |key, from: &Option<Value>, to: &Option<Value>| {
            request(&Change { key, from: from.clone(), to: to.clone() })
        };
        let (key, value) = (Key::Service(identity), Some(Value::Service(service.clone())));
        assert_eq!(of(key, &None, &value).unwrap(), Request::AddService(service.clone()));
        assert_eq!(of(key, &value, &value).unwrap(), Request::EditService(service));
        assert_eq!(of(key, &value, &None).unwrap(), Request::DeleteService(identity));
        let other = Some(Value::Destination(server.clone()));
        assert!(of(key, &None, &other).is_err());
        let key = Key::of(identity, &server);
        let add = Request::AddDestination(identity, server.clone());
        assert_eq!(of(key, &None, &other).unwrap(), add);
        let edit = Request::EditDestination(identity, server.clone());
        assert_eq!(of(key, &other, &other).unwrap(), edit);
        let delete = Request::DeleteDestination(identity, server.address, 80);
        assert_eq!(of(key, &other, &None).unwrap(), delete);
        assert!(of(key, &None, &value).is_err());
    }
}
