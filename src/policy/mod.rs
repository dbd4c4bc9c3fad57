//! What a machine must have, by role and mode.
//!
//! The order is that in which it is set up. Sysctls come before the address, since a single ARP
//! answer for the virtual address, sent too early, is remembered by the router for minutes.

pub(crate) mod common;
mod dr;
mod duty;
mod kind;
mod nat;
mod table;
mod tun;

use std::collections::HashMap;

pub use duty::{AddressDuty, Duty};
pub use kind::{Listener, Mode, Role};

use crate::engine::Desired;
use crate::host::machine::{Key, Value};
use crate::host::{self, Bond, FullRoute, InterfaceName, Sysctl, Topology};
use crate::lvsctl::Error;

/// One thing that one owner wants.
pub(crate) type DesiredItem = Desired<Key, Value>;

/// A duty, and the name under which the journal keeps what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) owner: String,
    pub(crate) duty: Duty,
}

/// What is known of the machine that something is desired of.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActualState {
    /// Its addresses and routes.
    pub(crate) topology: Topology,
    /// The present value of [`reverse_path_filter_of_all`].
    pub(crate) reverse_path_filter: Option<String>,
    /// What the ports of bonds have of their own.
    pub(crate) port_configuration: Vec<(host::Key, String)>,
    /// Its ways to others, and the MTU of each interface among them; asked for a real server of IP
    /// tunnelling only.
    pub(crate) outbound_routes: Vec<(FullRoute, String)>,
    pub(crate) mtus: HashMap<InterfaceName, u16>,
    /// What was changed already, and was before.
    pub(crate) journalled: Vec<(host::Key, Option<String>)>,
}

/// The bonds among the duties.
pub(crate) fn bonds(duties: &[Owned]) -> impl Iterator<Item = &Bond> {
    duties.iter().filter_map(|owned| match &owned.duty {
        Duty::Bond(bond) => Some(bond),
        _ => None,
    })
}

/// Whether packets come to this machine through a tunnel.
pub(crate) fn unpacks(duties: &[Owned]) -> bool {
    duties.iter().any(|owned| {
        matches!(&owned.duty, Duty::Address(duty)
            if (duty.role, duty.mode) == (Role::RealServer, Mode::Tun))
    })
}

/// The sysctl whose value decides what an interface's own must be.
pub(crate) fn reverse_path_filter_of_all() -> Key {
    Key::Host(host::Key::Sysctl(Sysctl::of_all_interfaces("rp_filter")))
}

/// What the duties want, in their order.
pub(crate) fn desired(duties: &[Owned], found: &ActualState) -> Result<Vec<DesiredItem>, Error> {
    let mut desired = Vec::new();
    for Owned { owner, duty } in duties {
        match duty {
            Duty::Address(duty) => desired.extend(match (duty.role, duty.mode) {
                (Role::Director, Mode::Nat) => nat::director(duty, found, owner)?,
                (Role::Director, Mode::Tun) => tun::director(duty, found, owner)?,
                (Role::Director, Mode::Dr) => dr::director(duty, found, owner)?,
                (Role::RealServer, Mode::Nat) => nat::real_server(duty, found, owner)?,
                (Role::RealServer, Mode::Tun) => tun::real_server(duty, found, owner)?,
                (Role::RealServer, Mode::Dr) => dr::real_server(duty, found, owner),
            }),
            Duty::Service(service, destinations) => {
                desired.extend(table::service(service, destinations, owner));
            }
            Duty::Bond(bond) => desired.extend(
                bond.desired(&found.port_configuration, &found.journalled)
                    .into_iter()
                    .map(|want| common::owned(want, owner)),
            ),
            Duty::Timeouts(timeouts) => desired.push(table::timeouts(*timeouts, owner)),
            Duty::Daemon(daemon) => desired.push(table::daemon(daemon, owner)),
        }
    }
    Ok(desired)
}
