//! The IPVS table as keys and values: services and destinations, one change at a time.
//!
//! [`Tables`] reads and writes it over a [`Client`](crate::ipvs::Client); [`command()`] says a change
//! as a person would type it. [`Ruleset`] is a table that somebody wants, and the changes that lead to it.

mod change;
mod command;
mod error;
mod key;
mod order;
mod ruleset;
mod snapshot;
mod tables;
mod words;

pub use change::{Change, suffices};
pub use command::command;
pub use error::Error;
pub use key::{Key, Value};
pub use order::rank;
pub use ruleset::{LineChange, Ruleset};
pub use snapshot::Snapshot;
pub use tables::{Tables, request, stop_before};
