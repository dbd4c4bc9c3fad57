//! The connections that the kernel counts per destination.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::Error;
use crate::host::machine::{self, Machine};
use lvs::ipvs::{Destination, DestinationEntry, Service, ServiceIdentity};
use lvs::netlink;
use lvs::proc::ConnectionTable;
use lvs::table;

/// How soon the kernel ends the connections of a deleted destination with `expire_nodest_conn`: it
/// does so in a work item of its own.
const UNTIL_EXPIRED: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(50);

/// What the kernel counts of one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Connections {
    pub(super) active: u32,
    pub(super) inactive: u32,
    /// Persistence templates: clients that would come back to it.
    pub(super) persistent: u32,
}

impl Connections {
    pub(super) const fn are_open(self) -> bool {
        self.active > 0 || self.inactive > 0
    }

    pub(super) const fn are_any(self) -> bool {
        self.are_open() || self.persistent > 0
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { active, inactive, persistent } = self;
        write!(f, "{active} active and {inactive} inactive connections")?;
        match persistent {
            0 => Ok(()),
            count => write!(f, ", {count} persistent"),
        }
    }
}

impl From<&DestinationEntry> for Connections {
    fn from(entry: &DestinationEntry) -> Self {
        Self {
            active: entry.active_connections,
            inactive: entry.inactive_connections,
            persistent: entry.persistent_connections,
        }
    }
}

/// The services of the table with their destinations; with `only`, that service.
pub(super) fn of_table(
    machine: &mut Machine,
    only: Option<ServiceIdentity>,
) -> Result<Vec<(Service, Vec<Destination>)>, Error> {
    let Some(client) = machine.ipvs()? else { return Ok(Vec::new()) };
    let listed = client.services().map_err(|source| table::Error::List { source });
    let mut services = Vec::new();
    for entry in listed.map_err(machine::Error::from)? {
        let service = entry.service;
        if only.is_none_or(|only| only == service.identity) {
            let destinations = of_service(machine, &service.identity)?.into_iter();
            services.push((service, destinations.map(|(destination, _)| destination).collect()));
        }
    }
    Ok(services)
}

/// The destinations of a service and their connections, in the kernel's order; none if there is no
/// such service.
pub(super) fn of_service(
    machine: &mut Machine,
    service: &ServiceIdentity,
) -> Result<Vec<(Destination, Connections)>, Error> {
    let Some(client) = machine.ipvs()? else { return Ok(Vec::new()) };
    let entries = dumped(client.destinations(service))?.into_iter();
    let counted = |entry: DestinationEntry| {
        let connections = Connections::from(&entry);
        (entry.destination, connections)
    };
    Ok(entries.map(counted).collect())
}

/// The dump of a service; empty if there is no such service, or it has gone.
pub(super) fn dumped<T>(result: Result<Vec<T>, netlink::Error>) -> Result<Vec<T>, Error> {
    match result {
        Err(error) if error.errno() == Some(libc::ESRCH) => Ok(Vec::new()),
        result => Ok(result.map_err(|source| machine::Error::from(table::Error::List { source }))?),
    }
}

/// The connections of destinations, by their keys; a missing destination is not among them.
pub(super) fn of_destinations(
    machine: &mut Machine,
    keys: &[table::Key],
) -> Result<HashMap<table::Key, (Destination, Connections)>, Error> {
    let mut services: Vec<ServiceIdentity> = keys.iter().filter_map(table::Key::service).collect();
    services.sort_unstable();
    services.dedup();
    let mut found = HashMap::new();
    for service in services {
        let of_service = of_service(machine, &service)?.into_iter();
        found.extend(of_service.map(|entry| (table::Key::of(service, &entry.0), entry)));
    }
    found.retain(|key, _| keys.contains(key));
    Ok(found)
}

/// Waits until the kernel has ended the connections of deleted destinations, and returns how many are
/// left after a while.
pub(super) fn wait_until_expired(deleted: &[table::Key]) -> usize {
    let started = Instant::now();
    loop {
        let left = left(deleted);
        if left == 0 || started.elapsed() > UNTIL_EXPIRED {
            return left;
        }
        thread::sleep(PAUSE);
    }
}

/// What cannot be read counts as gone: the number is for a remark only.
fn left(deleted: &[table::Key]) -> usize {
    let is_of = |key: &table::Key, service: SocketAddr, destination: SocketAddr| match *key {
        table::Key::Destination { service: identity, address, port } => {
            let same_service = match identity {
                ServiceIdentity::Address { address, port, .. } => {
                    service.ip() == address && (port == 0 || service.port() == port)
                }
                ServiceIdentity::Mark { .. } => true,
            };
            same_service && destination.ip() == address && [0, destination.port()].contains(&port)
        }
        _ => false,
    };
    let Ok(mut connections) = ConnectionTable::open() else { return 0 };
    let mut count = 0;
    while let Ok(Some(connection)) = connections.next() {
        // A persistence template has no port of a client.
        let (service, destination) = (connection.service, connection.destination);
        if connection.client.port() != 0
            && deleted.iter().any(|key| is_of(key, service, destination))
        {
            count += 1;
        }
    }
    count
}
