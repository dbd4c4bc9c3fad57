//! The network of this machine: links, addresses, routes, rules, FOU ports and sysctls.
//!
//! [`Host`] reads and writes one [`Key`] at a time, in the network namespace of the process. Links,
//! addresses, routes and rules are read through our own connection of route netlink, which notices an
//! interrupted dump, and changed through rtnetlink. Sysctls go through `/proc/sys/net`.

mod changes;
mod effective;
mod error;
mod fou;
mod full_route;
mod gather;
mod interface;
mod kept;
mod key;
mod links;
pub mod machine;
mod message;
mod neighbours;
mod network;
mod probe;
mod request;
pub(crate) mod state;
mod sysctl;
mod value;

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

pub use error::Error;
pub use full_route::FullRoute;
pub use interface::{InterfaceName, InvalidInterfaceName};
pub use kept::without_message;
pub use key::{DOWN, Key, PRESENT, UP};
pub use links::{BondMode, InvalidBondMode};
pub(crate) use links::{is_fallback_tunnel, is_tunnel, tunnel_module};
pub use network::Host;
pub(crate) use sysctl::{IPVS_PARAMETERS, IpvsParameter, SYNC_THRESHOLD, first_kernel};
pub use sysctl::{InvalidSysctl, Sysctl};

pub(crate) use effective::{Combination, Effective};
pub(crate) use fou::GUE;
pub(crate) use full_route::DefaultRouteMss;
pub(crate) use interface::{Manager, interface_name};
pub(crate) use kept::default_metric;
pub(crate) use kept::{is_same, is_same_default_route, relabel_address};
pub(crate) use neighbours::{Hardware, Patience, Wire, announce, owners as neighbours_with};
pub(crate) use network::namespace_cookie;
pub(crate) use probe::{Outcome as Probed, Target, probe};
pub(crate) use state::hexadecimal;
pub(crate) use state::hexadecimal::bytes as hexadecimal_bytes;
pub(crate) use state::{
    Address, LOCAL_TABLE, Link, LinkKind, MAIN_TABLE, Neighbour, NeighbourState, NextHop, Prefix,
    Route, RouteKind, Rule, RuleAction, Scope, SourceAddress, State, append as append_attribute,
    attributes, masked,
};
#[cfg(test)]
pub(crate) use state::{Interface, Mark};

/// The time since the boot, time asleep included, in hundredths of a second (`proc_uptime(5)`).
pub(crate) fn uptime() -> Duration {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let mut numbers = text.split([' ', '.']).map(|word| word.parse::<u64>().unwrap_or_default());
    let mut number = || numbers.next().unwrap_or_default();
    Duration::from_millis(number().saturating_mul(1000) + number() * 10)
}

/// The length in bits of the prefix that holds one address only: 32 or 128.
pub(crate) const fn host_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
