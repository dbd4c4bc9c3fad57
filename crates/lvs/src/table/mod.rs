//! The IPVS table as keys and values: read it, compare it with a desired table, change it in a safe
//! order and verify the result.
//!
//! [`Tables`] reads and changes the table through a [`Client`](crate::ipvs::Client). A [`Ruleset`] is
//! a complete desired table; [`Tables::plan`] gives the [`Change`]s that lead to it. [`command()`]
//! writes a change as an `ipvsadm` command line.
//!
//! The kernel has neither transactions nor change events for IPVS, and does not mark a dump that a
//! change interrupted. Other programs may see the states between two changes, and a long dump is
//! repeated until nothing can be missing.

mod change;
mod error;
mod key;
mod ruleset;
mod snapshot;
mod tables;

#[doc(no_inline)]
pub use crate::ruleset::quoted;
pub use change::{Change, command, suffices};
pub use error::Error;
pub use key::{Key, Value};
pub use ruleset::Ruleset;
pub use tables::{PlannedChange, Tables};
