//! The network of this machine: links, addresses, routes, rules, FOU ports and sysctls.
//!
//! [`Host`] reads and writes one [`Key`] at a time, in the network namespace of the process. Links,
//! addresses and routes go through route netlink, sysctls through `/proc/sys/net`.

mod address;
mod effective;
mod error;
mod fou;
mod full_route;
mod interface;
mod inventory;
mod key;
mod link;
mod link_kind;
pub mod machine;
mod message;
mod network;
mod route;
mod route_mss;
mod rule;
mod sysctl;
mod topology;

pub use error::Error;
pub use full_route::FullRoute;
pub use interface::{InterfaceName, InvalidInterfaceName};
pub use key::{DOWN, Key, PRESENT, UP};
pub use link_kind::{BondMode, InvalidBondMode};
pub use message::without_message;
pub use network::Host;
pub use sysctl::{InvalidSysctl, Sysctl};

pub(crate) use address::{host_prefix, relabel_address};
pub(crate) use effective::{Combination, Effective};
pub(crate) use fou::GUE;
pub(crate) use interface::Manager;
#[cfg(test)]
pub(crate) use inventory::Source;
pub(crate) use inventory::{AddressState, FouPort, Inventory, LinkState, SourceRule};
pub(crate) use link::{is_fallback_tunnel, is_tunnel, tunnel_module};
pub(crate) use network::namespace_cookie;
pub(crate) use route::default_metric;
pub(crate) use route_mss::DefaultRouteMss;
pub(crate) use topology::{AssignedAddress, KnownRoute, Prefix, Topology};
