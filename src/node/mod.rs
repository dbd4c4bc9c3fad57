//! This machine: its links, addresses, routes and sysctls.
//!
//! [`Host`] reads and writes them one [`Key`] at a time. Links, addresses and routes go through
//! route netlink, sysctls through `/proc/sys/net`; both are those of the network namespace that the
//! process is in.

mod address;
mod combined;
mod default_route;
mod error;
mod host;
mod interface_name;
mod inventory;
mod key;
mod link;
mod namespace;
mod route;
mod surroundings;
mod sysctl;

pub use combined::{Combination, Effective};
pub use error::Error;
pub use host::Host;
pub use interface_name::{InterfaceName, InvalidInterfaceName};
pub use inventory::{AddressState, Inventory, LinkState, Prefix, Source};
pub use key::{DOWN, Key, PRESENT, UP};
pub use namespace::namespace_cookie;
pub use surroundings::{AssignedAddress, KnownRoute, Surroundings};
pub use sysctl::{InvalidSysctl, Sysctl};
