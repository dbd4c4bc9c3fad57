//! The table and the conversation in which it is read and written.

use super::{Error, Key, Snapshot, Value, command};
use crate::ipvs::{Client, Request, ServiceIdentity};
use crate::netlink::{self, Transport};
use crate::table::Change;

/// A client, and what it has read.
#[derive(Debug)]
pub struct Tables<T> {
    client: Client<T>,
    snapshot: Snapshot,
}

impl<T: Transport> Tables<T> {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(client: Client<T>) -> Self {
        Self { client, snapshot: Snapshot::default() }
    }

    /// Forgets what was read of a key.
    pub fn invalidate(&mut self, key: &Key) {
        self.snapshot.invalidate(key);
    }

    /// The present value of a key; `None` where there is no such entry.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed.
    pub fn read(&mut self, key: &Key) -> Result<Option<Value>, Error> {
        self.snapshot.read(&mut self.client, key)
    }

    /// The keys of every destination and service, see [`Snapshot::keys`].
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed.
    pub fn keys(&mut self) -> Result<Vec<Key>, Error> {
        self.snapshot.keys(&mut self.client)
    }

    /// The same, seen twice, see [`Snapshot::settled_keys`].
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed, or keeps changing.
    pub fn settled_keys(&mut self) -> Result<Vec<Key>, Error> {
        self.snapshot.settled_keys(&mut self.client)
    }

    /// The keys of the destinations of a service, see [`Snapshot::destinations`].
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed.
    pub fn destinations(&mut self, service: &ServiceIdentity) -> Result<Vec<Key>, Error> {
        self.snapshot.destinations(&mut self.client, service)
    }

    /// Makes a change.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses it.
    pub fn write(&mut self, change: &Change<Key, Value>) -> Result<(), Error> {
        let request = request(change)?;
        if let Some(stop) = stop_before(change) {
            self.client.execute(&stop).map_err(|source| refused(change, source))?;
        }
        self.client.execute(&request).map_err(|source| refused(change, source))?;
        self.snapshot.note(change);
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
                self.snapshot.note(change);
            }
            told.push(outcome.map_err(|source| refused(change, source)));
        }
        told
    }
}

fn refused(change: &Change<Key, Value>, source: netlink::Error) -> Error {
    let scheduler = match &change.to {
        Some(Value::Service(service)) => service.scheduler.clone(),
        _ => String::new(),
    };
    Error::Change { command: command(change), scheduler, source }
}

/// The request that has to go before that of the change: the kernel changes no daemon that runs.
#[must_use]
pub fn stop_before(change: &Change<Key, Value>) -> Option<Request> {
    match (&change.from, &change.to) {
        (Some(Value::Daemon(running)), Some(_)) => {
            Some(Request::StopDaemon { state: running.state, sync_id: running.sync_id })
        }
        _ => None,
    }
}

/// The change as a request to the kernel.
///
/// # Errors
///
/// Where the value is not of the key's kind.
pub fn request(change: &Change<Key, Value>) -> Result<Request, Error> {
    let new = change.from.is_none();
    Ok(match (change.key, change.to.clone()) {
        (Key::Service(_), Some(Value::Service(service))) if new => Request::AddService(*service),
        (Key::Service(_), Some(Value::Service(service))) => Request::EditService(*service),
        (Key::Service(identity), None) => Request::DeleteService(identity),
        (Key::Destination { service, .. }, Some(Value::Destination(destination))) if new => {
            Request::AddDestination { service, destination }
        }
        (Key::Destination { service, .. }, Some(Value::Destination(destination))) => {
            Request::EditDestination { service, destination }
        }
        (Key::Destination { service, address, port }, None) => {
            Request::DeleteDestination { service, address, port }
        }
        (Key::Timeouts, Some(Value::Timeouts(timeouts))) => Request::SetTimeouts(timeouts),
        (Key::Daemon(_), Some(Value::Daemon(daemon))) => Request::StartDaemon(*daemon),
        (Key::Daemon(state), None) => Request::StopDaemon { state, sync_id: 0 },
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
        let (key, value) = (Key::Service(identity), Some(Value::from(service.clone())));
        assert_eq!(of(key, &None, &value).unwrap(), Request::AddService(service.clone()));
        assert_eq!(of(key, &value, &value).unwrap(), Request::EditService(service));
        assert_eq!(of(key, &value, &None).unwrap(), Request::DeleteService(identity));
        let other = Some(Value::Destination(server.clone()));
        assert!(of(key, &None, &other).is_err());
        let key = Key::of(identity, &server);
        let add = Request::AddDestination { service: identity, destination: server.clone() };
        assert_eq!(of(key, &None, &other).unwrap(), add);
        let edit = Request::EditDestination { service: identity, destination: server.clone() };
        assert_eq!(of(key, &other, &other).unwrap(), edit);
        let delete =
            Request::DeleteDestination { service: identity, address: server.address, port: 80 };
        assert_eq!(of(key, &other, &None).unwrap(), delete);
        assert!(of(key, &None, &value).is_err());
    }
}
