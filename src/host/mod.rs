//! The network of this machine: links, addresses, routes, rules, FOU ports and sysctls.
//!
//! [`Host`] reads and writes one [`Key`] at a time, in the network namespace of the process. Links,
//! addresses and routes go through route netlink, sysctls through `/proc/sys/net`.

mod address;
mod effective;
mod error;
mod fou;
mod full_route;
mod gather;
mod interface;
mod ipvs_parameter;
mod kept;
mod key;
mod link;
mod link_kind;
pub mod machine;
mod message;
mod neighbours;
mod network;
mod route;
mod route_mss;
mod rule;
pub(crate) mod state;
mod sysctl;
mod value;

pub use error::Error;
pub use full_route::FullRoute;
pub use interface::{InterfaceName, InvalidInterfaceName};
pub use kept::without_message;
pub use key::{DOWN, Key, PRESENT, UP};
pub use link_kind::{BondMode, InvalidBondMode};
pub use network::Host;
pub use sysctl::{InvalidSysctl, Sysctl};

pub(crate) use address::{host_prefix, relabel_address};
pub(crate) use effective::{Combination, Effective};
pub(crate) use fou::GUE;
pub(crate) use interface::Manager;
pub(crate) use ipvs_parameter::{IPVS_PARAMETERS, IpvsParameter, SYNC_THRESHOLD};
pub(crate) use kept::default_metric;
pub(crate) use kept::is_same;
pub(crate) use link::{is_fallback_tunnel, is_tunnel, tunnel_module};
pub(crate) use neighbours::{Hardware, Patience, Wire, announce, owners as neighbours_with};
pub(crate) use network::namespace_cookie;
pub(crate) use route_mss::DefaultRouteMss;
pub(crate) use state::{Address, Prefix, Route, Scope, State};
#[cfg(test)]
pub(crate) use state::{Interface, Link, NextHop, SourceAddress};
