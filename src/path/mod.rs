//! What the kernel does with a packet, stage by stage.
//!
//! A [`Walk`] follows the request and the reply of one flow through a machine. Each [`Stage`] passes,
//! stops or is unknown. Everything is a pure function of the recorded state, so that a snapshot is
//! judged like a machine.

mod arp;
mod arrival;
mod capture;
mod check;
mod director;
mod fault;
pub(crate) mod filter;
mod machine;
mod mark;
mod real_server;
mod reverse_path;
mod route;
mod service;
mod stage;

pub(crate) use arp::hears_the_segment;
pub use check::{Check, Severity};
pub(crate) use director::Forwarded;
pub(crate) use fault::{Fault, Step, add_address, delete_address, deprecate};
pub(crate) use machine::{Listener, Machine, is_link_local, remote};
pub(crate) use real_server::{End, Faults, Served};
pub(crate) use route::{Answer, Query};
pub(crate) use service::{Directed, is_full, service_name};
pub(crate) use stage::{Flow, Passage, Stage, Stop, Verdict, Walk};
