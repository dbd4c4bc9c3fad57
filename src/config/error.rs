//! Errors of the cluster file, with their place.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A cluster file that cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the cluster file {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}:{place}", path.display())]
    Invalid { path: PathBuf, place: Box<Place> },
}

/// A mistake: `LINE:COLUMN: MESSAGE`, then the line with the offending text marked.
#[derive(Debug)]
pub(crate) struct Place {
    line: usize,
    column: usize,
    message: String,
    text: String,
    /// Number of marked characters.
    marked: usize,
}

/// A mistake and its byte range in the file.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl Mistake {
    pub(super) fn new<T>(at: &toml::Spanned<T>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span: at.span() }
    }

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

    fn shown(text: &str, span: Range<usize>) -> String {
        place(text, span, "wrong".to_owned()).to_string()
    }

    #[test]
    fn mistake_shows_line_column_and_text() {
        assert_eq!(shown("a = 1\nb = two\n", 10..13), "2:5: wrong\n  b = two\n      ^^^");
        assert_eq!(shown("ä = x", 5..6), "1:5: wrong\n  ä = x\n      ^");
        assert_eq!(shown("\tq = x\r\n", 5..6), "1:6: wrong\n   q = x\n       ^");
    }

    #[test]
    fn mistake_beyond_the_text_or_over_several_lines_is_shown() {
        assert_eq!(shown("a", 5..9), "1:2: wrong\n  a\n   ^");
        assert_eq!(shown("", 0..0), "1:1: wrong\n  \n  ^");
        assert_eq!(shown("a = [\n1,\n", 4..9), "1:5: wrong\n  a = [\n      ^");
        assert_eq!(shown("ä", 1..2), "1:1: wrong\n  ä\n  ^");
    }
}
