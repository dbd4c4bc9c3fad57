//! The order of destinations where the scheduler depends on it: compared, and put right on request.

use super::runner::Session;
use super::{Error, connections, departing};
use crate::engine::{Change, System};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{Duty, Misordered, Owned, misordered, order_matters};
use lvs::table;

/// The services whose destinations have another order than in the duties. What the kernel lacks counts
/// as added by this run.
pub(super) fn compare(machine: &mut Machine, duties: &[Owned]) -> Result<Vec<Misordered>, Error> {
    let mut found = Vec::new();
    for owned in duties {
        let Duty::Service(service, destinations) = &owned.duty else { continue };
        if destinations.len() < 2 || !order_matters(&service.scheduler) {
            continue;
        }
        let Some(client) = machine.ipvs()? else { continue };
        let kernel = connections::dumped(client.bare_destinations(&service.identity))?;
        found.extend(misordered(service, destinations, &kernel));
    }
    Ok(found)
}

/// Puts the destinations in order, and returns the changes. The kernel keeps the open connections of a
/// destination that is deleted and added again, unless `expire_nodest_conn` is set. One datagram has
/// both changes, so that a run that is killed leaves no destination out.
pub(super) fn put_right(
    session: &mut Session,
    found: &[Misordered],
) -> Result<Vec<Change<Key, Value>>, Error> {
    let changes = changes(found);
    if session.is_dry() {
        return Ok(changes);
    }
    session.with_parameter(departing::EXPIRE, "0", |session| {
        for outcome in session.machine.write_all(&changes) {
            outcome?;
        }
        Ok(())
    })?;
    Ok(changes)
}

fn changes(found: &[Misordered]) -> Vec<Change<Key, Value>> {
    let mut changes = Vec::new();
    for Misordered { service, again, .. } in found {
        for destination in again {
            let key = Key::Table(table::Key::of(*service, destination));
            let value = Some(Value::from(destination.clone()));
            changes.push(Change { key: key.clone(), from: value.clone(), to: None });
            changes.push(Change { key, from: None, to: value });
        }
    }
    changes
}
