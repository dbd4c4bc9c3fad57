//! The network of this machine: links, addresses, routes, rules, FOU ports and sysctls.
//!
//! [`Host`] reads and writes them one [`Key`] at a time. Links, addresses and routes go through
//! route netlink, sysctls through `/proc/sys/net`; both are those of the network namespace that the
//! process is in.

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
mod rule;
mod sysctl;
mod topology;

pub use address::host_prefix;
pub use effective::{Combination, Effective};
pub use error::Error;
pub use full_route::FullRoute;
pub use interface::{InterfaceName, InvalidInterfaceName, Manager};
pub use inventory::{AddressState, FouPort, Inventory, LinkState, Source, SourceRule, TunnelSetup};
pub use key::{DOWN, Key, PRESENT, UP};
pub use link_kind::{BondMode, InvalidBondMode};
pub use message::without_message;
pub use network::{Host, namespace_cookie};
pub use sysctl::{InvalidSysctl, Sysctl};
pub use topology::{AssignedAddress, KnownRoute, Prefix, Topology};

pub(crate) use address::relabel_address;
pub(crate) use fou::GUE;
pub(crate) use full_route::route_with_mss;
#[cfg(test)]
pub(crate) use full_route::value as route_value;
pub(crate) use link::FALLBACK_TUNNELS;
