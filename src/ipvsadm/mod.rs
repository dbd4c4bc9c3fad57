//! The drop-in for ipvsadm 1.31.

mod columns;
mod command;
mod connections;
mod endpoint;
mod error;
mod explain;
#[cfg(test)]
mod fake_names;
mod json;
mod list;
mod lookups;
mod options;
mod order;
mod parse;
mod pools;
mod program;
mod replace;
mod restore;
mod run;
mod save;
mod session;
mod source;
mod system_names;
#[cfg(test)]
mod tests;
mod wrapper;

pub use command::{Command, Format, Listing, Manner, Subject};
pub use connections::{Choice, CountBy, Network, Place};
pub use lvs::ruleset::Names;
pub use options::OPTIONS;
pub use parse::{UsageError, command_line, parse, parse_restore_line};
pub use program::{Program, invoke, main};
pub(crate) use replace::{is_rule, read_ruleset};
pub use session::Console;
pub use system_names::SystemNames;
pub(crate) use wrapper::replace_file;
