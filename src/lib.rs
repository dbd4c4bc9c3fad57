//! Linux Virtual Server (IPVS) for Rust programs, and the whole of the two commands built on it.
//!
//! The rooms, from the wire up; imports point downward only:
//!
//! | room | what it holds |
//! |---|---|
//! | [`netlink`] | bytes to and from the kernel: socket, family lookup, batch, dump, extended ack |
//! | [`ipvs`] | the IPVS family: services, destinations, daemons, and [`ipvs::Client`], a typed verb a command |
//! | [`plan`] | the one engine: wanted state, found state, steps between, journal, verify, roll back |
//! | [`table`] | the IPVS table as keys and values, and the order in which they are changed |
//! | [`node`] | this machine: links, addresses, routes and sysctls |
//! | [`ipvsadm`] | the drop-in for ipvsadm 1.31 |
//! | [`cluster`] | the cluster file, and what it makes of one machine |
//! | [`doctor`] | what is wrong with a machine, why, and what mends it |
//! | [`lvsctl`] | the companion: directors and real servers, set up and taken back |
//!
//! The way of one `ipvsadm` command: argv -> clap (built from one option table) -> events in argv
//! order -> one validated command -> domain values -> client verb -> netlink message -> replies ->
//! domain values -> listing -> exit code. The way of one `lvsctl` command: flags or cluster file ->
//! wanted state -> found state -> plan -> apply -> read again and compare.
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
//!
//! The same is a program that can be run, `examples/add_service.rs`. What is there already is
//! refused with `EEXIST`, see [`netlink::Error::errno`]; a table is read with
//! [`ipvs::Client::services`] and [`ipvs::Client::destinations`], and many changes at once are fastest
//! with [`ipvs::Client::execute_all`].
//!
//! # Stability
//!
//! The types of [`ipvs`], [`plan`] and [`table`], and [`netlink::Error`], [`netlink::Socket`] and
//! [`netlink::Transport`], are this crate's own, built from those of the standard library: they change
//! only with this crate's version, as semantic versioning has it. The values among them are
//! `Serialize` and `Deserialize` of serde 1.
//!
//! These public items show types of dependencies that have not reached version 1, or whose next
//! major version this crate will follow. A new version of those may come with a minor version of this
//! crate:
//!
//! | item | shows |
//! |---|---|
//! | [`ipvsadm::command_line`] | `clap::Command` |
//! | `netlink::Connection`, `netlink::Payload` | traits of `netlink-packet-core` and `netlink-packet-generic`; for that they are hidden here |
//!
//! [`ipvsadm`], [`cluster`], [`doctor`], [`lvsctl`] and [`node`] are public for the two programs and
//! their tests. What the programs read and write is stable, the functions behind it may change.

pub mod cluster;
pub mod doctor;
pub mod ipvs;
pub mod ipvsadm;
pub mod lvsctl;
pub mod netlink;
pub mod node;
pub mod plan;
pub mod table;
