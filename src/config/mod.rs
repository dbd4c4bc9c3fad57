//! The cluster file: one text for every machine, and what it makes of each.
//!
//! [`Cluster::load`] reads and checks it as a whole, so that nothing is touched for a file that
//! cannot work. [`Cluster::role`] finds by its own addresses what a machine is, and
//! [`Cluster::duties`] says what such a machine must have, as plain data: how it comes to have that
//! is not this room's business. The keys of the file are in `lvs-cluster(5)`.

mod check;
mod derive;
mod error;
mod file;
#[cfg(test)]
mod tests;

pub use derive::RoleError;
pub use error::Error;
pub use file::{Cluster, Listen};
pub(crate) use file::{endpoint, port, scheduler, unicast};
