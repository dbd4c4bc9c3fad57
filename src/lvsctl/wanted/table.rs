//! What goes into the IPVS table.

use super::Want;
use crate::ipvs::{Daemon, Destination, Service, Timeouts};
use crate::lvsctl::{Key, Value};
use crate::plan::Wanted;
use crate::table;

fn entry(key: table::Key, value: table::Value, claim: &str) -> Want {
    Wanted {
        key: Key::Table(key),
        value: Some(Value::Table(value)),
        tolerated: Vec::new(),
        claim: claim.to_owned(),
    }
}

/// A service and its destinations.
pub(super) fn service(service: &Service, destinations: &[Destination], claim: &str) -> Vec<Want> {
    let identity = service.identity;
    let value = table::Value::from(service.clone());
    let mut wanted = vec![entry(table::Key::Service(identity), value, claim)];
    wanted.extend(destinations.iter().map(|destination| {
        let key = table::Key::of(identity, destination);
        entry(key, table::Value::Destination(destination.clone()), claim)
    }));
    wanted
}

pub(super) fn timeouts(timeouts: Timeouts, claim: &str) -> Want {
    entry(table::Key::Timeouts, table::Value::Timeouts(timeouts), claim)
}

pub(super) fn daemon(daemon: &Daemon, claim: &str) -> Want {
    entry(table::Key::Daemon(daemon.state), table::Value::from(daemon.clone()), claim)
}
