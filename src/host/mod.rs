//! This machine: its links, addresses, routes and sysctls.
//!
//! [`Host`] reads and writes them one [`Key`] at a time. Links, addresses and routes go through
//! route netlink, sysctls through `/proc/sys/net`; both are those of the network namespace that the
//! process is in.
//!

mod address;
mod bond_mode;
mod combined;
mod default_route;
mod error;
mod fou;
mod full_address;
mod full_route;
mod host;
mod interface_name;
mod inventory;
mod key;
mod link;
mod link_kind;
pub mod machine;
mod manager;
mod message;
mod namespace;
mod route;
mod rule;
mod sysctl;
mod topology;

pub use address::host_prefix;
pub use bond_mode::{BondMode, InvalidBondMode};
pub use combined::{Combination, Effective};
pub use error::Error;
pub use full_route::FullRoute;
pub use host::Host;
pub use interface_name::{InterfaceName, InvalidInterfaceName};
pub use inventory::{
    AddressState, FouPort, Inventory, LinkState, Prefix, Source, SourceRule, TunnelSetup,
};
pub use key::{DOWN, Key, PRESENT, UP};
pub use manager::Manager;
pub use message::without_message;
pub use namespace::namespace_cookie;
pub use sysctl::{InvalidSysctl, Sysctl};
pub use topology::{AssignedAddress, KnownRoute, Topology};

pub(crate) use fou::GUE;
pub(crate) use full_address::relabel_address;
pub(crate) use full_route::route_with_mss;
#[cfg(test)]
pub(crate) use full_route::value as route_value;
pub(crate) use link::FALLBACK_TUNNELS;
