//! This machine: its links, addresses, routes and sysctls.
//!
//! [`Host`] reads and writes them one [`Key`] at a time. Links, addresses and routes go through
//! route netlink, sysctls through `/proc/sys/net`; both are those of the network namespace that the
//! process is in.
//!
//! [`Bond::desired`], [`TunnelEndpoint::desired`] and [`segments_of`] tell which keys it takes to make a bond,
//! to unpack what comes through a tunnel, and to have clients send what fits into it.

mod address;
mod bond;
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
mod segment;
mod sysctl;
mod topology;
mod tunnel;
mod want;

pub use address::host_prefix;
pub use bond::Bond;
pub use bond_mode::{BondMode, InvalidBondMode};
pub use combined::{Combination, Effective, loose_filter};
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
pub use segment::segments_of;
pub use sysctl::{InvalidSysctl, Sysctl};
pub use topology::{AssignedAddress, KnownRoute, Topology};
pub use tunnel::TunnelEndpoint;
pub use want::Want;
