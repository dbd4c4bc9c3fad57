//! Reads a command line by the conventions of popt 1.19, the option library of the reference.
//!
//! Only reading option by option gives the errors of the reference, in their order and with its
//! exit codes.

use std::borrow::Cow;

use super::UsageError;
use super::option::{Argument, Row, Table};

/// One step through a command line, in the order of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A command or an option. The value is `None` for flags, and for an optional argument that is
    /// not there.
    Option { row: &'static Row, value: Option<Cow<'a, str>> },
    /// Anything else.
    Operand(Cow<'a, str>),
}

/// Iterates over the events of a line. Nothing after an error is of use.
pub struct Scanner<'a, S> {
    table: &'static Table,
    elements: std::slice::Iter<'a, S>,
    /// The element read last, which errors name.
    last: &'a str,
    /// What is left of an element with several short options in it.
    bundle: &'a str,
    /// After `--`, and with POSIXLY_CORRECT after the first operand, everything is an operand.
    only_operands: bool,
    posixly_correct: bool,
    command_seen: bool,
}

impl<'a, S: AsRef<str>> Scanner<'a, S> {
    /// Reads the elements after the program's name. `posixly_correct`: option parsing stops at the
    /// first operand.
    pub fn new(table: &'static Table, elements: &'a [S], posixly_correct: bool) -> Self {
        Self {
            table,
            elements: elements.iter(),
            last: "",
            bundle: "",
            only_operands: false,
            posixly_correct,
            command_seen: false,
        }
    }

    fn take(&mut self) -> Option<&'a str> {
        let element = self.elements.next()?.as_ref();
        self.last = element;
        Some(element)
    }

    fn long(&mut self, text: &'a str) -> Result<Event<'a>, UsageError> {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let row = self.table.long(name).ok_or_else(|| self.unknown())?;
        if row.argument == Argument::None && attached.is_some() {
            return Err(UsageError::SuperfluousArgument(self.last.to_owned()));
        }
        self.finish(row, attached)
    }

    fn short(&mut self, text: &'a str) -> Result<Event<'a>, UsageError> {
        let mut letters = text.chars();
        let row = letters.next().and_then(|short| self.table.short(short));
        let row = row.ok_or_else(|| self.unknown())?;
        let rest = letters.as_str();
        if row.argument == Argument::None {
            if rest.starts_with('=') {
                return Err(UsageError::SuperfluousArgument(self.last.to_owned()));
            }
            self.bundle = rest;
            return self.finish(row, None);
        }
        let attached = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest));
        self.finish(row, attached)
    }

    fn finish(
        &mut self,
        row: &'static Row,
        attached: Option<&'a str>,
    ) -> Result<Event<'a>, UsageError> {
        let value = match (row.argument, attached) {
            (Argument::None, _) => None,
            (_, Some(attached)) => Some(attached),
            (Argument::Required, None) => match self.take() {
                Some(element) => Some(element),
                None => return Err(UsageError::MissingArgument(self.last.to_owned())),
            },
            (Argument::Optional, None) => match self.elements.as_slice().first() {
                Some(next) if !next.as_ref().starts_with('-') => self.take(),
                _ => None,
            },
        };
        // Reported here, not where the line is understood: only here the element is known.
        if row.verb().is_some() && std::mem::replace(&mut self.command_seen, true) {
            return Err(UsageError::SecondCommand(self.last.to_owned()));
        }
        Ok(Event::Option { row, value: value.map(Cow::Borrowed) })
    }

    fn unknown(&self) -> UsageError {
        UsageError::UnknownOption(self.last.to_owned())
    }
}

impl<'a, S: AsRef<str>> Iterator for Scanner<'a, S> {
    type Item = Result<Event<'a>, UsageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bundle = std::mem::take(&mut self.bundle);
        if !bundle.is_empty() {
            return Some(self.short(bundle));
        }
        let mut element = self.take()?;
        if !self.only_operands && element == "--" {
            self.only_operands = true;
            element = self.take()?;
        }
        match element.strip_prefix('-') {
            Some(text) if !self.only_operands && !text.is_empty() => {
                Some(match text.strip_prefix('-') {
                    Some(long) => self.long(long),
                    None => self.short(text),
                })
            }
            _ => {
                self.only_operands |= self.posixly_correct;
                Some(Ok(Event::Operand(Cow::Borrowed(element))))
            }
        }
    }
}
