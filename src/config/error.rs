//! What can be wrong with a cluster file, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A cluster file that cannot be used. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read the cluster file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no cluster file, or one that cannot work.
    #[error("{}:{place}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and what.
        place: Box<Place>,
    },
}

/// A mistake: `LINE:COLUMN: MESSAGE`, then the line with the offending text marked.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    line: usize,
    column: usize,
    message: String,
    text: String,
    /// How many characters are marked.
    marked: usize,
}

/// A mistake and the bytes of the file that it is about.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl Mistake {
    pub(super) fn new<T>(at: &toml::Spanned<T>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span: at.span() }
    }

    /// The mistake as it is told.
    pub(super) fn in_file(self, path: &Path, text: &str) -> Error {
        let place = Box::new(place(text, self.span, self.message));
        Error::Invalid { path: path.to_owned(), place }
    }
}

/// Lines and columns count from 1, columns in characters.
fn place(text: &str, span: Range<usize>, message: String) -> Place {
    let start = (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let (before, after) = text.split_at_checked(start.unwrap_or_default()).unwrap_or((text, ""));
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let indent = before.get(line_start..).unwrap_or_default();
    let rest = after.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let length = span.end.saturating_sub(span.start);
    let marked = rest.char_indices().take_while(|(at, _)| *at < length).count();
    Place {
        line: before.matches('\n').count() + 1,
        column: indent.chars().count() + 1,
        message,
        text: format!("{indent}{rest}").replace('\t', " "),
        marked: marked.max(1),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, message, text, marked } = self;
        write!(f, "{line}:{column}: {message}\n  {text}\n  ")?;
        write!(f, "{:1$}{2}", "", column - 1, "^".repeat(*marked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, span: Range<usize>) -> String {
        place(text, span, "wrong".to_owned()).to_string()
    }

    #[test]
    fn a_place_is_line_column_and_the_text_itself() {
        assert_eq!(told("a = 1\nb = two\n", 10..13), "2:5: wrong\n  b = two\n      ^^^");
        assert_eq!(told("ä = x", 5..6), "1:5: wrong\n  ä = x\n      ^");
        assert_eq!(told("\tq = x\r\n", 5..6), "1:6: wrong\n   q = x\n       ^");
    }

    #[test]
    fn a_place_beyond_the_text_or_over_several_lines_is_no_trouble() {
        assert_eq!(told("a", 5..9), "1:2: wrong\n  a\n   ^");
        assert_eq!(told("", 0..0), "1:1: wrong\n  \n  ^");
        assert_eq!(told("a = [\n1,\n", 4..9), "1:5: wrong\n  a = [\n      ^");
        assert_eq!(told("ä", 1..2), "1:1: wrong\n  ä\n  ^");
    }
}
