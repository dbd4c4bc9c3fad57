//! The IPVS generic netlink family: what the kernel keeps, and a typed verb for every command.
//!
//! The values ([`Service`], [`Destination`], [`Daemon`], [`Timeouts`], [`Stats`]) are plain data and
//! know nothing of the wire. Numbers and layouts are those of the kernel's public header
//! `linux/ip_vs.h`.

mod address_family;
mod client;
mod daemon;
mod describe;
mod destination;
mod info;
mod request;
mod service;
mod stats;
#[cfg(test)]
mod tests;
mod timeouts;
mod wire;

pub use address_family::AddressFamily;
pub use client::Client;
pub use daemon::{Daemon, DaemonState};
pub use describe::describe;
pub use destination::{Checksum, Destination, DestinationEntry, Forwarding, Tunnel};
pub use info::{Info, Version, is_loaded};
pub use request::Request;
pub use service::{
    Netmask, Persistence, Protocol, Service, ServiceEntry, ServiceFlags, ServiceIdentity,
};
pub use stats::{Rates, Stats};
pub use timeouts::Timeouts;
