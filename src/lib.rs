//! Linux Virtual Server (IPVS) for Rust programs, and the whole of the two commands built on it.
//!
//! The rooms, from the wire up; imports point downward only:
//!
//! | room | what it holds |
//! |---|---|
//! | [`netlink`] | bytes to and from the kernel: socket, family lookup, batch, dump, extended ack |
//! | [`ipvs`] | the IPVS family: services, destinations, daemons, and [`ipvs::Client`], a typed verb a command |
//! | [`plan`] | the one engine: wanted state, found state, steps between, journal, verify, roll back |
//! | [`node`] | this machine: links, addresses, routes and sysctls |
//! | [`ipvsadm`] | the drop-in for ipvsadm 1.31 |
//! | [`lvsctl`] | the companion: directors and real servers, set up and taken back |
//!
//! The way of one `ipvsadm` command: argv -> clap (built from one option table) -> events in argv
//! order -> one validated command -> domain values -> client verb -> netlink message -> replies ->
//! domain values -> listing -> exit code. The way of one `lvsctl` command: flags -> wanted state ->
//! found state -> plan -> apply -> read again and compare.

pub mod ipvs;
pub mod ipvsadm;
pub mod lvsctl;
pub mod netlink;
pub mod node;
pub mod plan;
pub mod table;
