//! What a machine must have, by role and mode.
//!
//! The order is that in which it is set up. Sysctls come before the address, since a single ARP
//! answer for the virtual address, sent too early, is remembered by the router for minutes.

mod common;
mod dr;
mod nat;
#[cfg(test)]
mod tests;
mod tun;

use std::net::IpAddr;

use super::{Error, Key, Listener, Mode, Role, Task, Value};
use crate::node::{self, Surroundings, Sysctl};
use crate::plan::Wanted;

/// One thing that one claim wants.
pub(super) type Want = Wanted<Key, Value>;

/// What is known of the machine that something is wanted of.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Its addresses and routes.
    pub(super) surroundings: Surroundings,
    /// The present value of [`reverse_path_filter_of_all`].
    pub(super) reverse_path_filter: Option<String>,
}

/// The sysctl whose value decides what an interface's own must be.
pub(super) fn reverse_path_filter_of_all() -> Key {
    Key::Host(node::Key::Sysctl(Sysctl::of_all_interfaces("rp_filter")))
}

/// Every claim of a task.
pub(super) fn claims(task: &Task) -> Vec<String> {
    let of_vip = |vip: &IpAddr| {
        let claims = listeners(task).into_iter().map(|listener| task.claim(*vip, listener));
        claims.collect::<Vec<String>>()
    };
    task.vips.iter().flat_map(of_vip).collect()
}

/// The services of each virtual address, or nothing in their place: each has a claim.
fn listeners(task: &Task) -> Vec<Option<Listener>> {
    if task.listeners.is_empty() {
        return vec![None];
    }
    task.listeners.iter().copied().map(Some).collect()
}

/// What the task wants, in order.
pub(super) fn wanted(task: &Task, found: &Found) -> Result<Vec<Want>, Error> {
    let mut wanted = Vec::new();
    for vip in &task.vips {
        for listener in listeners(task) {
            let claim = task.claim(*vip, listener);
            wanted.extend(match (task.role, task.mode) {
                (Role::Director, Mode::Nat) => nat::director(task, *vip, found, &claim)?,
                (Role::Director, Mode::Tun) => tun::director(task, *vip, found, &claim)?,
                (Role::Director, Mode::Dr) => dr::director(task, *vip, found, &claim)?,
                (Role::RealServer, Mode::Nat) => nat::real_server(task, *vip, found, &claim)?,
                (Role::RealServer, Mode::Tun) => tun::real_server(*vip, found, &claim),
                (Role::RealServer, Mode::Dr) => dr::real_server(task, *vip, found, &claim),
            });
            if let Some(listener) = listener {
                wanted.extend(common::service(task, *vip, listener, &claim));
            }
        }
    }
    Ok(wanted)
}
