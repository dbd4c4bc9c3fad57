//! What a command line is made of, once its elements are told apart.

use super::options::OptionRow;

/// One step through a command line, in the order of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A command or an option.
    Option {
        /// Its row in the table.
        option: &'static OptionRow,
        /// Its argument; `None` for flags, and for an optional argument that is not there.
        value: Option<String>,
    },
    /// Anything else.
    Operand(String),
}
