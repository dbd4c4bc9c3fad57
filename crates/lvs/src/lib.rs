//! Linux Virtual Server (IPVS) for Rust programs: the kernel's table over generic netlink.
//!
//! | module | what it holds |
//! |---|---|
//! | [`netlink`] | the socket, network namespaces, and the errors of an exchange with the kernel |
//! | [`ipvs`] | services, destinations, sync daemons, and [`ipvs::Client`] with one typed method per command |
//! | [`ruleset`] | the language of `ipvsadm -S` and `-R`: parse lines into requests, print requests as lines |
//! | [`table`] | the full table as keys and values, the difference between two of them, and a safe order of changes |
//! | [`proc`] | the files of IPVS in `/proc/net`, above all the connection table |
//!
//! # Examples
//!
//! A service with two real servers. This needs `CAP_NET_ADMIN` and changes the table of the calling
//! thread's network namespace; the kernel loads IPVS where it is a module.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//! use lvs::ipvs::{Client, Destination, Forwarding, Service, ServiceIdentity};
//!
//! let mut ipvs = Client::connect()?;
//! let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 10), 80);
//! ipvs.add_service(&Service::new(web, "rr"))?;
//! for last in [2, 3] {
//!     let real_server = Destination::new([198, 51, 100, last], 80, Forwarding::Masquerade);
//!     ipvs.add_destination(&web, &real_server.with_weight(3))?;
//! }
//! # Ok::<(), lvs::netlink::Error>(())
//! ```
//!
//! Values are plain data, and need neither rights nor a kernel:
//!
//! ```
//! use lvs::ipvs::{AddressFamily, Netmask, Persistence, Service, ServiceFlags, ServiceIdentity};
//!
//! let dns = ServiceIdentity::udp([192, 0, 2, 53], 53);
//! let service = Service::new(dns, "mh")
//!     .with_flags(ServiceFlags::SCHEDULER_2)
//!     .with_persistence(Persistence::new(300, Netmask::host(AddressFamily::Ipv4)));
//! assert_eq!(service.persistence.map(|it| it.timeout), Some(300));
//! ```
//!
//! # Errors
//!
//! Every method of the client returns [`netlink::Error`], whose [`kind`](netlink::Error::kind) says
//! whether there is such a service already, none, no such scheduler, or no permission.
//!
//! The kernel has neither transactions nor a change counter for IPVS. Two reads of a table may
//! differ, and [`ipvs::Client::execute_all`] continues after a refusal.
//!
//! # Features
//!
//! `serde`, off by default: the values of [`ipvs`] and [`table`] can be serialized.

pub mod ipvs;
pub mod netlink;
pub mod proc;
pub mod ruleset;
pub mod table;
