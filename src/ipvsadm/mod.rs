//! The drop-in for ipvsadm 1.31.

mod applying;
mod columns;
mod command;
mod connections;
mod console;
mod endpoint;
mod error;
mod explain;
#[cfg(test)]
mod fake_names;
mod grammar;
mod help;
mod json;
mod list;
mod lookups;
mod names;
mod order;
mod pools;
mod program;
mod refusal;
mod replace;
mod restore;
mod rules;
mod rules_file;
mod run;
mod save;
mod scheduler_flags;
mod session;
mod source;
mod system_names;
#[cfg(test)]
mod tests;
mod words;
mod wrapper;

pub use command::{Command, Format, Listing, Manner, Subject};
pub use connections::{Choice, CountBy, Network, Place};
pub use console::Console;
pub use error::Error;
pub use grammar::{UsageError, command_line, parse, parse_restore_line};
pub use names::Names;
pub use program::{Program, invoke, main};
pub use refusal::Operation;
pub use restore::ParseLine;
pub use rules::{is_rule, read_rules};
pub(crate) use rules_file::replace as replace_file;
pub use run::run;
pub use system_names::SystemNames;
