//! Errors of the cluster file, with their place.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use lvs::netlink::reason;

/// A cluster file that cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the cluster file {}: {}", path.display(), reason(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("{}:{place}", path.display())]
    Invalid { path: PathBuf, place: Box<Place> },
}

/// A mistake: `LINE:COLUMN: MESSAGE`, then the line with the offending text marked.
#[derive(Debug)]
pub(crate) struct Place {
    line: usize,
    column: usize,
    /// None of a file that the caller must not see.
    shown: Option<Excerpt>,
}

#[derive(Debug)]
struct Excerpt {
    message: String,
    text: String,
    /// Number of characters before the marked ones.
    indent: usize,
    /// Number of marked characters.
    marked: usize,
}

/// Characters of a line that are shown at most, and of those before the mistake.
const LONGEST: usize = 120;
const BEFORE: usize = 60;

impl Error {
    /// The same without any text of the file.
    pub(crate) fn without_text(mut self) -> Self {
        if let Self::Invalid { place, .. } = &mut self {
            place.shown = None;
        }
        self
    }
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
    let column = indent.chars().count() + 1;
    let (cut, indent) = match column > BEFORE {
        true => ("…", indent.chars().skip(column - BEFORE).collect()),
        false => ("", indent.to_owned()),
    };
    let room = LONGEST - indent.chars().count();
    let (rest, more) = bounded(rest, room);
    let (message, dots) = bounded(&message, 2 * LONGEST);
    let indent = format!("{cut}{indent}");
    Place {
        line: before.matches('\n').count() + 1,
        column,
        shown: Some(Excerpt {
            message: format!("{message}{dots}"),
            text: format!("{indent}{rest}{more}").replace(char::is_control, " "),
            indent: indent.chars().count(),
            marked: marked.clamp(1, room.max(1)),
        }),
    }
}

/// So many characters of a text, and dots if it has more.
fn bounded(text: &str, most: usize) -> (&str, &'static str) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), "…"),
        None => (text, ""),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, shown } = self;
        let Some(Excerpt { message, text, indent, marked }) = shown else {
            return write!(
                f,
                "{line}:{column}: not valid; what is there is not shown, since the user \
                              who called may not read the file"
            );
        };
        write!(f, "{line}:{column}: {message}\n  {text}\n  {:indent$}{}", "", "^".repeat(*marked))
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
    fn mistake_in_a_long_line_is_shown_with_its_surroundings() {
        let text = format!("{}x{}", "a".repeat(1000), "b".repeat(1000));
        let shown = shown(&text, 1000..1500);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "1:1001: wrong");
        assert!(lines[1].chars().count() < 130, "{shown}");
        assert_eq!(lines[1].chars().position(|it| it == 'x'), lines[2].find('^'), "{shown}");
        assert!(lines[2].len() < 130);
        let long = place("", 0..0, "w".repeat(1000)).to_string();
        assert!(long.lines().all(|line| line.chars().count() < 260), "{long}");
    }

    #[test]
    fn mistake_without_text_shows_its_place_only() {
        let mistake = Mistake { message: "secret".to_owned(), span: 4..5 };
        let error = mistake.in_file(Path::new("f"), "a = secret").without_text().to_string();
        assert!(error.starts_with("f:1:5: not valid") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn mistake_beyond_the_text_or_over_several_lines_is_shown() {
        assert_eq!(shown("a", 5..9), "1:2: wrong\n  a\n   ^");
        assert_eq!(shown("", 0..0), "1:1: wrong\n  \n  ^");
        assert_eq!(shown("a = [\n1,\n", 4..9), "1:5: wrong\n  a = [\n      ^");
        assert_eq!(shown("ä", 1..2), "1:1: wrong\n  ä\n  ^");
    }
}
