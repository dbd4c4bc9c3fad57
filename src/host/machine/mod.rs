//! This machine as the engine sees it: its network and its IPVS table in one map.

mod key;

use crate::engine::{Change, Rebase, System};
use crate::host::{self, Host, InterfaceName, State};
use crate::trace::{self, Traced};
use lvs::ipvs::{self, Client};
use lvs::netlink::Socket;
use lvs::table::{self, Tables};

pub use key::{Key, Value};

/// The machine cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Its network.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Its IPVS table.
    #[error(transparent)]
    Table(#[from] table::Error),
    /// A key with a value of the other kind.
    #[error("{0} cannot have that value")]
    Mismatch(String),
}

/// This machine, in the network namespace of the process.
#[derive(Debug)]
pub(crate) struct Machine {
    host: Host,
    /// Opened when first needed: a real server does not need IPVS.
    tables: Option<Tables<Traced<Socket>>>,
    /// Nothing is changed, so no module may be loaded either.
    read_only: bool,
}

impl Machine {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { host: Host::new()?, tables: None, read_only: false })
    }

    /// A machine to read only. If IPVS is not loaded its table counts as empty, since opening it would
    /// load the module.
    pub(crate) fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// What route netlink knows of the network.
    pub(crate) fn state(&self) -> Result<State, Error> {
        Ok(State::links_and_routes()?)
    }

    /// The services and destinations of the table that are not managed, in the order in which they
    /// can be deleted; see [`Tables::unmanaged`].
    pub(crate) fn unmanaged(
        &mut self,
        is_managed: impl Fn(&Key) -> bool,
    ) -> Result<Vec<Key>, Error> {
        if self.must_stay_unloaded() {
            return Ok(Vec::new());
        }
        let unmanaged = self.tables()?.unmanaged(|key| is_managed(&Key::Table(*key)))?;
        Ok(unmanaged.into_iter().map(Key::Table).collect())
    }

    /// See [`Host::port_configuration`], for each port in order.
    pub(crate) fn port_configuration(
        &mut self,
        ports: &[InterfaceName],
    ) -> Result<Vec<(host::Key, String)>, Error> {
        let mut port_configuration = Vec::new();
        for port in ports {
            port_configuration.extend(self.host.port_configuration(port)?);
        }
        Ok(port_configuration)
    }

    /// The client of the table, for what a key does not say: order, connections, counters; `None` if
    /// it must stay unloaded. Invalidate what is changed through it.
    pub(crate) fn ipvs(&mut self) -> Result<Option<&mut Client<Traced<Socket>>>, Error> {
        if self.must_stay_unloaded() {
            return Ok(None);
        }
        Ok(Some(self.tables()?.client()))
    }

    /// Whether reading the table would load its module, which must not happen.
    fn must_stay_unloaded(&self) -> bool {
        self.read_only && !ipvs::is_loaded()
    }

    fn tables(&mut self) -> Result<&mut Tables<Traced<Socket>>, Error> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => {
                let client = trace::socket().and_then(Client::new).map(Client::or_socket_options);
                Tables::new(client.map_err(|source| table::Error::Open { source })?)
            }
        };
        Ok(self.tables.insert(tables))
    }
}

impl System for Machine {
    type Key = Key;
    type Value = Value;
    type Error = Error;

    fn invalidate(&mut self, changes: &[Change<Key, Value>]) {
        self.host.invalidate();
        let Some(tables) = &mut self.tables else { return };
        for change in changes {
            if let Key::Table(key) | Key::Drained(key) = &change.key {
                tables.invalidate(key);
            }
        }
    }

    fn read(&mut self, key: &Key) -> Result<Option<Value>, Error> {
        Ok(match key {
            Key::Host(key) => self.host.read(key)?.map(Value::Host),
            Key::Table(_) | Key::Drained(_) if self.must_stay_unloaded() => None,
            Key::Table(key) | Key::Drained(key) => self.tables()?.read(key)?.map(Value::Table),
        })
    }

    fn write(&mut self, change: &Change<Key, Value>) -> Result<(), Error> {
        match split(change) {
            Some(Half::Host(change)) => Ok(self.host.write(&change)?),
            Some(Half::Table(change)) => Ok(self.tables()?.write(&change)?),
            None => Err(Error::Mismatch(change.key.to_string())),
        }
    }

    fn is_in_sync(found: &Value, desired: &Value) -> bool {
        match (found, desired) {
            (Value::Table(found), Value::Table(desired)) => found.satisfies(desired),
            _ => found == desired,
        }
    }

    /// A virtual address, before services that were added after it: their clients would get a reset.
    fn is_reverted_first(key: &Key) -> bool {
        match key {
            Key::Host(host::Key::Address { address, prefix, .. }) => {
                *prefix == host::host_prefix(*address)
            }
            _ => false,
        }
    }

    /// Services and destinations: none depends on the value of another.
    fn is_batched(key: &Key) -> bool {
        matches!(
            key,
            Key::Table(table::Key::Service(_) | table::Key::Destination { .. }) | Key::Drained(_)
        )
    }

    fn order_batch(changes: &mut [Change<Key, Value>]) {
        changes.sort_by_cached_key(|change| entry(change).as_ref().map_or(0, table::Change::rank));
    }

    fn write_all(&mut self, changes: &[Change<Key, Value>]) -> Vec<Result<(), Error>> {
        let entries: Vec<_> = changes.iter().filter_map(entry).collect();
        // One by one if some are of the host.
        if entries.len() < changes.len() {
            return changes.iter().map(|change| self.write(change)).collect();
        }
        match self.tables() {
            Ok(tables) => {
                let outcomes = tables.write_all(&entries).into_iter();
                outcomes.map(|outcome| Ok(outcome?)).collect()
            }
            Err(error) => vec![Err(error)],
        }
    }

    fn is_orphaned(&mut self, key: &Key, previous: &Value) -> Result<bool, Error> {
        match (key, previous) {
            (Key::Host(key), Value::Host(previous)) => Ok(self.host.is_orphaned(key, previous)?),
            _ => Ok(false),
        }
    }

    fn relocated(&mut self, key: &Key, value: &Value) -> Result<Value, Error> {
        match (key, value) {
            (Key::Host(host::Key::DefaultRoute(_)), Value::Host(route)) => {
                Ok(Value::Host(self.host.relocated_default_route(route)?))
            }
            _ => Ok(value.clone()),
        }
    }

    /// A default route that moves to a bond, or from it, is recorded under the key of a bond, too.
    fn rebased(
        key: &Key,
        values: Rebase<'_, Value>,
        other: &Key,
        recorded: &Value,
    ) -> Option<Option<Value>> {
        let (
            Key::Host(host::Key::DefaultRoute(family)),
            Key::Host(host::Key::FullRoute(route)),
            Some(Value::Host(ours)),
            Value::Host(recorded),
        ) = (key, other, values.ours, recorded)
        else {
            return None;
        };
        if !route.is_default_of(*family) || !host::is_same_default_route(ours, recorded) {
            return None;
        }
        let previous = values.previous.iter().find_map(|value| match value {
            Value::Host(previous) => route.value_of_default(previous),
            Value::Table(_) => None,
        });
        Some(previous.map(Value::Host))
    }

    fn is_refilled(key: &Key) -> bool {
        matches!(key, Key::Host(host::Key::DefaultRoute(_)))
    }

    fn object(&mut self, key: &Key) -> Result<Option<u32>, Error> {
        match key {
            Key::Host(key) => Ok(self.host.index(key)?),
            _ => Ok(None),
        }
    }

    fn remember(&mut self, key: &Key, object: u32) {
        if let Key::Host(key) = key {
            self.host.remember(key, object);
        }
    }

    fn parent(key: &Key) -> Option<Key> {
        match key {
            Key::Table(table::Key::Destination { service, .. })
            | Key::Drained(table::Key::Destination { service, .. }) => {
                Some(Key::Table(table::Key::Service(*service)))
            }
            _ => None,
        }
    }

    fn children(&mut self, key: &Key) -> Result<Vec<Key>, Error> {
        match key {
            Key::Table(table::Key::Service(_)) if self.must_stay_unloaded() => Ok(Vec::new()),
            Key::Table(table::Key::Service(service)) => {
                Ok(self.tables()?.destinations(service)?.into_iter().map(Key::Table).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn side_effects(
        &mut self,
        change: &Change<Key, Value>,
    ) -> Result<Vec<Change<Key, Value>>, Error> {
        let Some(Half::Host(change)) = split(change) else {
            return Ok(Vec::new());
        };
        let joined = |change: Change<host::Key, String>| Change {
            key: Key::Host(change.key),
            from: change.from.map(Value::Host),
            to: change.to.map(Value::Host),
        };
        Ok(self.host.side_effects(&change)?.into_iter().map(joined).collect())
    }

    fn command(change: &Change<Key, Value>) -> String {
        match split(change) {
            Some(Half::Host(change)) => host::Key::command(&change),
            Some(Half::Table(change)) => table::command(&change),
            None => format!("# {}", change.key),
        }
    }
}

/// The change as one of the table, if it is.
fn entry(change: &Change<Key, Value>) -> Option<Change<table::Key, table::Value>> {
    match split(change) {
        Some(Half::Table(change)) => Some(change),
        _ => None,
    }
}

enum Half {
    Host(Change<host::Key, String>),
    Table(Change<table::Key, table::Value>),
}

/// The change as one of the half that its key belongs to, if its values do too.
fn split(change: &Change<Key, Value>) -> Option<Half> {
    fn both<T>(
        change: &Change<Key, Value>,
        of: impl Fn(&Value) -> Option<T>,
    ) -> Option<(Option<T>, Option<T>)> {
        let all = |value: &Option<Value>| match value {
            Some(value) => of(value).map(Some),
            None => Some(None),
        };
        Some((all(&change.from)?, all(&change.to)?))
    }
    match &change.key {
        Key::Host(key) => {
            let text = |value: &Value| match value {
                Value::Host(text) => Some(text.clone()),
                Value::Table(_) => None,
            };
            let (from, to) = both(change, text)?;
            let key = key.clone();
            Some(Half::Host(Change { key, from, to }))
        }
        Key::Table(key) | Key::Drained(key) => {
            let entry = |value: &Value| match value {
                Value::Table(value) => Some(value.clone()),
                Value::Host(_) => None,
            };
            let (from, to) = both(change, entry)?;
            let key = *key;
            Some(Half::Table(Change { key, from, to }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{InterfaceName, UP};
    use lvs::ipvs::Timeouts;

    #[test]
    fn split_refuses_value_of_other_kind() {
        let of_host = Key::Host(host::Key::LinkUp(InterfaceName::tunl0()));
        let of_table = Key::Table(table::Key::Timeouts);
        let text = Value::Host(UP.to_owned());
        let timeouts = Value::Table(table::Value::Timeouts(Timeouts::default()));
        let is_split = |key: &Key, value: &Value| {
            let (key, to) = (key.clone(), Some(value.clone()));
            split(&Change { key, from: None, to }).is_some()
        };
        assert!(is_split(&of_host, &text) && is_split(&of_table, &timeouts));
        assert!(!is_split(&of_host, &timeouts) && !is_split(&of_table, &text));
    }
}
