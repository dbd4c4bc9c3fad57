//! The IPVS generic netlink family: what the kernel keeps, and a typed verb for every command.
//!
//! The values ([`Service`], [`Destination`], [`Daemon`], [`Timeouts`], [`Stats`]) are plain data and
//! know nothing of the wire. Numbers and layouts are those of the kernel's public header
//! `linux/ip_vs.h`.

mod client;
mod daemon;
mod describe;
mod destination;
mod request;
mod service;
mod status;
#[cfg(test)]
mod tests;
mod wire;

pub use client::Client;
pub use daemon::{Daemon, DaemonState};
pub use describe::describe;
pub use destination::{Checksum, Destination, DestinationEntry, Forwarding, Tunnel};
pub use request::Request;
pub use service::{
    AddressFamily, Netmask, Persistence, Protocol, Service, ServiceEntry, ServiceFlags,
    ServiceIdentity,
};
pub use status::{Info, Rates, Stats, Timeouts, Version, is_loaded};
