//! What goes into the IPVS table.

use super::DesiredItem;
use crate::engine::Desired;
use crate::host::machine::{Key, Value};
use lvs::ipvs::{Daemon, Destination, Service, Timeouts};
use lvs::table;

fn entry(key: table::Key, value: table::Value, owner: &str) -> DesiredItem {
    Desired {
        key: Key::Table(key),
        value: Some(Value::Table(value)),
        acceptable: Vec::new(),
        owner: owner.to_owned(),
    }
}

/// A service and its destinations.
pub(crate) fn service(
    service: &Service,
    destinations: &[Destination],
    owner: &str,
) -> Vec<DesiredItem> {
    let identity = service.identity;
    let value = table::Value::from(service.clone());
    let mut desired = vec![entry(table::Key::Service(identity), value, owner)];
    desired.extend(destinations.iter().map(|destination| {
        let key = table::Key::of(identity, destination);
        entry(key, table::Value::Destination(destination.clone()), owner)
    }));
    desired
}

pub(crate) fn timeouts(timeouts: Timeouts, owner: &str) -> DesiredItem {
    entry(table::Key::Timeouts, table::Value::Timeouts(timeouts), owner)
}

pub(crate) fn daemon(daemon: &Daemon, owner: &str) -> DesiredItem {
    entry(table::Key::Daemon(daemon.state), table::Value::from(daemon.clone()), owner)
}
