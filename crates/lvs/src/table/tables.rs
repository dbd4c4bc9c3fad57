//! Access to the table: what is read is kept, and kept up to date by what is written.

use super::snapshot::Snapshot;
use super::{Change, Error, Key, Ruleset, Value, suffices};
use crate::ipvs::{Client, ServiceIdentity};
use crate::netlink::Transport;

/// A change, and the number of the line that it is due to.
pub type PlannedChange = (Option<usize>, Change<Key, Value>);

/// A client, and the table as far as it was read through it.
///
/// Values are read when they are needed and kept: thousands of keys take a handful of dumps. A value
/// is read again once it is [invalidated](Tables::invalidate).
///
/// # Examples
///
/// Makes the table what a ruleset says. Services and destinations that stay as they are keep their
/// connections and counters.
///
/// ```no_run
/// use std::net::Ipv4Addr;
/// use lvs::ipvs::{Client, Request, Service, ServiceIdentity};
/// use lvs::table::{Ruleset, Tables, command};
///
/// let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 10), 80);
/// let mut ruleset = Ruleset::default();
/// ruleset.apply(1, Request::AddService(Service::new(web, "rr")))?;
///
/// let mut tables = Tables::new(Client::connect()?);
/// let (_, changes): (Vec<_>, Vec<_>) = tables.plan(&ruleset)?.into_iter().unzip();
/// for (change, outcome) in changes.iter().zip(tables.write_all(&changes)) {
///     println!("{}", command(change));
///     outcome?;
/// }
/// tables.verify(&changes)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tables<T> {
    client: Client<T>,
    snapshot: Snapshot,
}

impl<T: Transport> Tables<T> {
    /// Creates the access to a table of which nothing is read yet.
    #[must_use]
    pub fn new(client: Client<T>) -> Self {
        Self { client, snapshot: Snapshot::default() }
    }

    /// Returns the client. [Invalidate](Tables::invalidate) what is changed through it.
    pub fn client(&mut self) -> &mut Client<T> {
        &mut self.client
    }

    /// Drops what was read of a key.
    pub fn invalidate(&mut self, key: &Key) {
        self.snapshot.invalidate(key);
    }

    /// Returns the value of a key, or `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// [`Error::List`].
    pub fn read(&mut self, key: &Key) -> Result<Option<Value>, Error> {
        self.snapshot.read(&mut self.client, key)
    }

    /// Returns the keys of the destinations of a service, or none if there is no such service.
    ///
    /// # Errors
    ///
    /// [`Error::List`].
    pub fn destinations(&mut self, service: &ServiceIdentity) -> Result<Vec<Key>, Error> {
        self.snapshot.destinations(&mut self.client, service)
    }

    /// Returns the services and destinations that are not managed, each service after its
    /// destinations: the order in which they can be deleted.
    ///
    /// If there are any, the table is read again, so that the result may be deleted.
    ///
    /// # Errors
    ///
    /// [`Error::List`], and [`Error::Unsettled`] if the table keeps changing.
    pub fn unmanaged(&mut self, is_managed: impl Fn(&Key) -> bool) -> Result<Vec<Key>, Error> {
        self.snapshot.unmanaged(&mut self.client, is_managed)
    }

    /// Returns the changes that make the table what a ruleset says, in a safe order, each with the
    /// number of the line that it is due to. What the ruleset does not have is deleted, which no line
    /// asks for. Timeouts and daemons that it does not mention stay, since `ipvsadm -S` does not write
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error::List`], and [`Error::Unsettled`] if the table keeps changing while something is to be
    /// deleted.
    pub fn plan(&mut self, ruleset: &Ruleset) -> Result<Vec<PlannedChange>, Error> {
        let unmanaged = self.unmanaged(|key| ruleset.contains(key))?;
        let mut plan = Vec::new();
        for (line, key, value) in ruleset.entries() {
            let from = self.read(&key)?;
            if !suffices(from.as_ref(), Some(&value), Value::satisfies) {
                plan.push((Some(line), Change { key, from, to: Some(value) }));
            }
        }
        for key in unmanaged {
            // The kernel deletes the destinations of a service with it.
            let service = key.service().map(Key::Service).filter(|service| *service != key);
            if service.is_none_or(|service| ruleset.contains(&service)) {
                let from = self.read(&key)?;
                plan.push((None, Change { key, from, to: None }));
            }
        }
        plan.sort_by_key(|(_, change)| change.rank());
        Ok(plan)
    }

    /// Makes one change.
    ///
    /// # Errors
    ///
    /// [`Error::Change`] if the kernel refuses it, and [`Error::Mismatch`].
    pub fn write(&mut self, change: &Change<Key, Value>) -> Result<(), Error> {
        self.write_all(std::slice::from_ref(change)).pop().unwrap_or(Ok(()))
    }

    /// Makes many changes in few datagrams, and returns their outcomes in order. The kernel goes on
    /// after a change that it refuses. If the exchange fails, its error is the last outcome, and that of
    /// the remaining changes is unknown.
    pub fn write_all(&mut self, changes: &[Change<Key, Value>]) -> Vec<Result<(), Error>> {
        let mut requests = Vec::with_capacity(changes.len());
        for change in changes {
            requests.extend(change.stop_request());
            match change.request() {
                Ok(request) => requests.push(request),
                Err(mismatch) => return vec![Err(mismatch)],
            }
        }
        let mut results = Vec::with_capacity(requests.len());
        let exchange = self.client.execute_each(&requests, |result| results.push(result));
        results.extend(exchange.err().map(Err));
        let mut results = results.into_iter();
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            let sent = 1 + usize::from(change.stop_request().is_some());
            let Some(result) = results.by_ref().take(sent).reduce(Result::and) else { break };
            if result.is_ok() {
                self.snapshot.note(change);
            }
            outcomes.push(result.map_err(|source| {
                let change = Box::new(change.clone());
                Error::Change { change, source }
            }));
        }
        outcomes
    }

    /// Reads again what was changed, and compares it with what the changes were for.
    ///
    /// # Errors
    ///
    /// [`Error::List`], and [`Error::NotAsSet`] for the first difference.
    pub fn verify(&mut self, changes: &[Change<Key, Value>]) -> Result<(), Error> {
        for change in changes {
            self.invalidate(&change.key);
        }
        for Change { key, to, .. } in changes {
            let actual = self.read(key)?;
            if !suffices(actual.as_ref(), to.as_ref(), Value::satisfies) {
                return Err(Error::NotAsSet(*key));
            }
        }
        Ok(())
    }
}
