//! Linux Virtual Server (IPVS) for Rust programs: the kernel's table over generic netlink.
//!
//! | module | what it holds |
//! |---|---|
//! | [`netlink`] | bytes to and from the kernel: socket, family lookup, batch, dump, extended ack |
//! | [`ipvs`] | services, destinations, sync daemons, and [`ipvs::Client`] with one typed method per command |
//! | [`table`] | the whole table as keys and values, the difference between two of them, and a safe order of changes |
//!
//! # A service in ten lines
//!
//! Needs `CAP_NET_ADMIN`. It changes the table of the calling thread's network namespace; the kernel
//! loads IPVS where it is a module.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//! use lvs::ipvs::{Client, Destination, Forwarding, Service, ServiceIdentity};
//!
//! let mut ipvs = Client::connect()?;
//! let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 10), 80);
//! ipvs.add_service(&Service::new(web, "rr"))?;
//! for last in [2, 3] {
//!     let address = Ipv4Addr::new(198, 51, 100, last);
//!     ipvs.add_destination(&web, &Destination::new(address, 80, Forwarding::Masquerade))?;
//! }
//! # Ok::<(), lvs::netlink::Error>(())
//! ```

pub mod ipvs;
pub mod netlink;
pub mod proc;
pub mod table;
