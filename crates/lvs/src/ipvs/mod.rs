//! The IPVS generic netlink family: services, destinations, sync daemons, and [`Client`] with one
//! typed method per command.
//!
//! Values are plain data, independent of the wire format. Names in capitals in the documentation are
//! those of the kernel's header `linux/ip_vs.h`; ports are in host byte order throughout.

/// Makes builder methods from lines of name, arguments, and the fields that they replace.
macro_rules! setters {
    ($(
        $(#[$documentation:meta])*
        $name:ident($($argument:ident: $type:ty),*) => $($field:ident = $value:expr),*;
    )*) => {$(
        $(#[$documentation])*
        #[must_use]
        pub fn $name(mut self, $($argument: $type),*) -> Self {
            $(self.$field = $value;)*
            self
        }
    )*};
}

mod chain;
mod client;
mod describe;
mod destination;
mod options;
mod service;
mod status;
#[cfg(test)]
mod tests;
mod wire;

pub use client::{Client, Request};
pub use describe::describe;
pub use destination::{Checksum, Destination, DestinationEntry, Forwarding, Tunnel};
pub use service::{
    AddressFamily, Netmask, Persistence, Protocol, Service, ServiceEntry, ServiceFlags,
    ServiceIdentity,
};
pub use status::{Daemon, DaemonState, Info, Rates, Stats, Timeouts, Version, is_loaded};
