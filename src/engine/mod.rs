//! Desired and actual state, and the changes between them: plan, apply, verify, roll back, revert.
//!
//! The state of a machine is a map from keys to values, where a value may be absent. A [`Change`] takes
//! one key from its actual to its desired value; its undo is the inverse. The [`Engine`] makes the
//! changes in the order in which they are desired, writes each into a [`Journal`] before it is made,
//! reads everything again at the end, and rolls back where something failed. What nobody owns any
//! more is reverted in the reverse order.
//!
//! The kernel has no transaction for any of this: a run is planned, ordered, verified and rolled
//! back, and other programs may see the states between.
//!
//! The engine knows a machine through [`System`] only: whether keys are links, sysctls or services
//! does not matter to it. A dry run is the same engine on a `DryRun` system.

mod apply;
mod damage;
mod entries;
mod journal;
mod journal_file;
mod lock;
pub(crate) mod private;
mod report;
mod revert;
mod system;
#[cfg(test)]
mod tests;

pub use apply::Engine;
pub use journal::Journal;
pub use journal_file::JournalFile;
pub use lvs::table::Change;
pub use report::Report;
pub use system::{Desired, OwnerId, Rebase, System, Watcher};

pub(crate) use damage::Damage;
pub(crate) use entries::Entry;
pub(crate) use journal_file::JournalError;
pub(crate) use lock::{Lock, LockError};
pub(crate) use lvs::table::suffices;
pub(crate) use report::{Cause, Failure, Note, Status};
pub(crate) use system::DryRun;
