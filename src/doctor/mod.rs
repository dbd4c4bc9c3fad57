//! What is wrong with this machine as a director or a real server, why, and what mends it.
//!
//! Everything is read once into [`Facts`], which can be written to a file and read elsewhere. What
//! the machine evidently is makes an [`Expectation`], to which a cluster file adds its [`Intent`].
//! Each [`Check`] is then a pure function of the two, and gives a [`Finding`] where something is not
//! as it must be. Nothing here changes the machine or loads a module, and nothing sends but
//! [`Facts::probe`].

mod boot;
mod case;
mod check;
mod deviation;
mod examination;
mod expectation;
mod facts;
mod finding;
mod gather;
mod intent;
mod listener;
mod lost;
mod modules;
mod probe;
mod symptom;
#[cfg(test)]
mod tests;
mod watch;

pub use boot::BootSetting;
pub use check::{CHECKS, Check};
pub use examination::{Diagnosis, examine};
pub use expectation::{Expectation, Served};
pub use facts::{Destinations, Elsewhere, Facts, HalfOpen, Journalled, Kernel, Table, Unread};
pub use finding::{Finding, Severity, Step};
pub use intent::{Intent, Wish};
pub use listener::Listener;
pub use probe::{Owners, Path, Probes};
pub use symptom::Symptom;
pub use watch::{Movement, moved};
