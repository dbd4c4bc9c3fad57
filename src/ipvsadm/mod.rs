//! The drop-in for ipvsadm 1.31.

mod bytes;
mod command;
mod connections;
mod error;
mod explain;
mod json;
mod list;
mod names;
mod options;
mod parse;
mod program;
mod replace;
mod restore;
mod session;
mod source;
#[cfg(test)]
mod tests;
mod wrapper;

pub use command::{Command, Format, Listing, Manner, Subject};
pub use connections::{Choice, CountBy, Network, Place};
pub(crate) use explain::{nearest_by, unknown_scheduler};
pub(crate) use json::service_json;
pub use lvs::ruleset::Names;
pub use names::SystemNames;
pub use options::OPTIONS;
pub use parse::{UsageError, command_line, parse, parse_restore_line};
pub use program::{Program, invoke, main};
pub(crate) use replace::{is_rule, read_ruleset};
pub use session::Console;
pub(crate) use wrapper::{NotReplaced, replace_file};
