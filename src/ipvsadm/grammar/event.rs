//! What a command line is made of, once its elements are told apart.

use std::borrow::Cow;

use super::options::OptionRow;

/// One step through a command line, in the order of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A command or an option.
    Option {
        /// Its row in the table.
        option: &'static OptionRow,
        /// Its argument; `None` for flags, and for an optional argument that is not there.
        value: Option<Cow<'a, str>>,
    },
    /// Anything else.
    Operand(Cow<'a, str>),
}
