//! Errors of the cluster file, with their place.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::ipvsadm::nearest_by;
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

/// What the TOML and serde libraries say about a file, in the words of the one who wrote it. Their errors
/// are text only, in the forms of the constructors of [`serde::de::Error`]; what has another form stays
/// as it is.
pub(super) fn reworded(message: &str, marked: &str) -> String {
    let reworded = unknown_key(message)
        .or_else(|| unknown_word(message))
        .or_else(|| other_type(message, marked))
        .or_else(|| out_of_range(message))
        .or_else(|| {
            let key = message.strip_prefix("missing field ")?.trim_matches('`');
            Some(format!("the key `{key}` is missing here"))
        })
        .or_else(|| syntax(message, marked));
    match reworded {
        Some(sentence) => sentence,
        None if marked.contains(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}']) => {
            "typographic quotes, as word processors write them: type \" instead".to_owned()
        }
        None => message.to_owned(),
    }
}

fn syntax(message: &str, marked: &str) -> Option<String> {
    let end = marked.find(|c: char| c.is_whitespace()).unwrap_or(marked.len());
    let word = marked.get(..end).filter(|word| word.is_ascii() && !word.is_empty());
    Some(match (message, word) {
        ("duplicate key", _) => "this key is there twice: leave one of them out".to_owned(),
        ("wanted string or table", _) => "text in quotes belongs here".to_owned(),
        ("key with no value, expected `=`", _) => {
            "an equals sign belongs between a key and its value".to_owned()
        }
        ("invalid basic string, expected `\"`", _) => "the closing quote is missing".to_owned(),
        (message, Some(word))
            if message.starts_with("invalid boolean")
                || message.starts_with("string values must be quoted") =>
        {
            format!("text stands in quotes: \"{word}\"")
        }
        _ => return None,
    })
}

/// The words in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The nearest of some words: also one that the word begins with.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    nearest_by(word, known.iter().copied(), |word, known| word.starts_with(known))
}

fn unknown_key(message: &str) -> Option<String> {
    let words = quoted(message.strip_prefix("unknown field ")?);
    let (key, known) = words.split_first()?;
    Some(match nearest(key, known) {
        Some(near) => format!("there is no key `{key}` here: did you mean `{near}`?"),
        None if known.is_empty() => format!("there is no key `{key}` here"),
        None => format!("there is no key `{key}` here; the keys are {}", known.join(", ")),
    })
}

fn unknown_word(message: &str) -> Option<String> {
    let words = quoted(message.strip_prefix("unknown variant ")?);
    let (word, known) = words.split_first()?;
    Some(match nearest(word, known) {
        Some(near) => format!("`{word}` is not known here: did you mean `{near}`?"),
        None => format!("`{word}` is not known here; write one of {}", known.join(", ")),
    })
}

/// The smallest and the largest number of a type, by the name that serde writes.
fn range(of: &str) -> Option<(i64, i64)> {
    Some(match of {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "i64" => (i64::MIN, i64::MAX),
        _ => return None,
    })
}

fn out_of_range(message: &str) -> Option<String> {
    let (found, expected) = message.strip_prefix("invalid value: ")?.split_once(", expected ")?;
    let number = quoted(found).first().copied()?;
    let (first, last) = range(expected)?;
    Some(format!("{number} is out of range: write a number from {first} to {last}"))
}

fn other_type(message: &str, marked: &str) -> Option<String> {
    let (found, expected) = message.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let text = found.strip_prefix("string \"").and_then(|text| text.strip_suffix('"'));
    let is_number = range(expected).is_some();
    let what = match expected {
        _ if is_number => "a whole number",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a string" => "text in quotes",
        "a map" => "a table",
        expected if expected.starts_with("struct ") => "a table",
        expected => expected,
    };
    let cure = match (found, text) {
        ("map", _) if what == "a list" && marked.starts_with('[') => {
            "write double brackets, as [[service]], once for each".to_owned()
        }
        ("map", _) if marked.starts_with("[[") => {
            "write single brackets, since there is only one".to_owned()
        }
        (_, Some(text)) if is_number && text.parse::<i64>().is_ok() => {
            format!("leave out the quotes: {text}")
        }
        (_, Some(text)) if what == "a list" => format!("write brackets: [\"{text}\"]"),
        (_, Some(_)) if what == "true or false" => "write it without quotes".to_owned(),
        ("sequence", None) if what != "a list" => "write one value, without brackets".to_owned(),
        (_, None) if what == "text in quotes" => match quoted(found).first() {
            Some(value) => format!("write \"{value}\""),
            None => "write it in quotes".to_owned(),
        },
        _ => String::new(),
    };
    let found = match (found, text) {
        ("map", _) => "a table".to_owned(),
        ("sequence", _) => "a list".to_owned(),
        (_, Some(text)) => format!("the text \"{text}\""),
        (found, None) => quoted(found).first().map_or(found, |value| value).to_owned(),
    };
    let sentence = format!("{what} belongs here, not {found}");
    Some(if cure.is_empty() { sentence } else { format!("{sentence}: {cure}") })
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
