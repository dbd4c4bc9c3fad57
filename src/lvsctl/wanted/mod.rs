//! What a machine must have, by role and mode.
//!
//! The order is that in which it is set up. Sysctls come before the address, since a single ARP
//! answer for the virtual address, sent too early, is remembered by the router for minutes.

mod common;
mod dr;
mod nat;
mod table;
#[cfg(test)]
mod tests;
mod tun;

use std::collections::HashMap;

use super::{Error, Key, Value};
use crate::cluster::{Duty, Mode, Role};
use crate::node::{self, Bond, InterfaceName, Surroundings, Sysctl, WholeRoute};
use crate::plan::Wanted;

/// One thing that one claim wants.
pub(super) type Want = Wanted<Key, Value>;

/// A duty, and the name under which the journal keeps what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) claim: String,
    pub(super) duty: Duty,
}

/// What is known of the machine that something is wanted of.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Its addresses and routes.
    pub(super) surroundings: Surroundings,
    /// The present value of [`reverse_path_filter_of_all`].
    pub(super) reverse_path_filter: Option<String>,
    /// What the ports of bonds have of their own.
    pub(super) belongings: Vec<(node::Key, String)>,
    /// Its ways to others, and the MTU of each interface among them; asked for a real server of IP
    /// tunnelling only.
    pub(super) ways_out: Vec<(WholeRoute, String)>,
    pub(super) mtus: HashMap<InterfaceName, u16>,
    /// What was changed already, and was before.
    pub(super) journalled: Vec<(node::Key, Option<String>)>,
}

/// The bonds among the duties.
pub(super) fn bonds(duties: &[Claimed]) -> impl Iterator<Item = &Bond> {
    duties.iter().filter_map(|claimed| match &claimed.duty {
        Duty::Bond(bond) => Some(bond),
        _ => None,
    })
}

/// Whether packets come to this machine through a tunnel.
pub(super) fn unpacks(duties: &[Claimed]) -> bool {
    duties.iter().any(|claimed| {
        matches!(&claimed.duty, Duty::Address(duty)
            if (duty.role, duty.mode) == (Role::RealServer, Mode::Tun))
    })
}

/// The sysctl whose value decides what an interface's own must be.
pub(super) fn reverse_path_filter_of_all() -> Key {
    Key::Host(node::Key::Sysctl(Sysctl::of_all_interfaces("rp_filter")))
}

/// What the duties want, in their order.
pub(super) fn wanted(duties: &[Claimed], found: &Found) -> Result<Vec<Want>, Error> {
    let mut wanted = Vec::new();
    for Claimed { claim, duty } in duties {
        match duty {
            Duty::Address(duty) => wanted.extend(match (duty.role, duty.mode) {
                (Role::Director, Mode::Nat) => nat::director(duty, found, claim)?,
                (Role::Director, Mode::Tun) => tun::director(duty, found, claim)?,
                (Role::Director, Mode::Dr) => dr::director(duty, found, claim)?,
                (Role::RealServer, Mode::Nat) => nat::real_server(duty, found, claim)?,
                (Role::RealServer, Mode::Tun) => tun::real_server(duty, found, claim)?,
                (Role::RealServer, Mode::Dr) => dr::real_server(duty, found, claim),
            }),
            Duty::Service(service, destinations) => {
                wanted.extend(table::service(service, destinations, claim));
            }
            Duty::Bond(bond) => wanted.extend(
                bond.wanted(&found.belongings, &found.journalled)
                    .into_iter()
                    .map(|want| common::claimed(want, claim)),
            ),
            Duty::Timeouts(timeouts) => wanted.push(table::timeouts(*timeouts, claim)),
            Duty::Daemon(daemon) => wanted.push(table::daemon(daemon, claim)),
        }
    }
    Ok(wanted)
}
