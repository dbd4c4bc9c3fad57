//! The one engine: desired state, found state, the steps between them, and the way back.
//!
//! The state of a machine is a map from keys to values, where a value may be absent. A step is a
//! [`Change`] of one key from what was found to what is desired; its undo is the inverse. The
//! [`Engine`] makes the changes in the order in which they are desired, writes each into a
//! [`Journal`] before it is made, reads everything again at the end, and rolls back where something
//! failed. What is journalled is given back in the reverse order once nobody owners it any more.
//!
//! The kernel has no transaction for any of this: a run is planned, ordered, verified and rolled
//! back, and other programs may see the states between.
//!
//! This room knows of a step only what [`System`] tells: whether the keys are links, sysctls or
//! services is none of its business. A dry run is the same engine in an [`DryRun`] system.

mod desired;
mod dry_run;
mod engine;
mod entries;
mod error;
mod journal;
mod journal_file;
mod lock;
mod report;
mod system;
#[cfg(test)]
mod tests;

pub use desired::Desired;
pub use dry_run::DryRun;
pub use engine::Engine;
pub use entries::{Entry, Owners};
pub use error::{Cause, Failure, JournalError, LockError};
pub use journal::Journal;
pub use journal_file::JournalFile;
pub use lock::Lock;
pub use lvs::table::{Change, suffices};
pub use report::{Note, Report, Status};
pub use system::System;
