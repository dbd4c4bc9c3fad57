//! Control characters in text from outside: a file or an interface name must not steer a terminal.

use std::io::{self, Write};

/// Replaces control characters by escapes such as `\\x1b`, except for line ends and tabs; those that
/// reverse the direction of text, too.
pub(super) struct Escaped<'a>(pub(super) &'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        // Nearly all text, of which a page of metrics has megabytes.
        if text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
            return self.0.write_all(text).map(|()| text.len());
        }
        for chunk in text.utf8_chunks() {
            self.write_valid(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(self.0, "\\x{byte:02x}")?;
            }
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// One line of text without control characters.
pub(super) fn escaped(text: &str) -> String {
    let mut line = Vec::new();
    // Writing to memory cannot fail.
    let _ = Escaped(&mut line).write_all(text.as_bytes());
    String::from_utf8_lossy(&line).replace(['\n', '\t'], " ")
}

/// A line end in a snapshot's string must not forge the next line.
pub(super) fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

impl Escaped<'_> {
    fn write_valid(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, it)| is_unsafe(*it)) {
            let (before, after) = rest.split_at(at);
            self.0.write_all(before.as_bytes())?;
            match u32::from(found) {
                code @ ..=0xff => write!(self.0, "\\x{code:02x}")?,
                code => write!(self.0, "\\u{{{code:x}}}")?,
            }
            rest = after.get(found.len_utf8()..).unwrap_or_default();
        }
        self.0.write_all(rest.as_bytes())
    }
}

fn is_unsafe(character: char) -> bool {
    let reverses = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    reverses || character.is_control() && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_other_text_stays() {
        for (text, expected) in [
            (&b"plain \xc3\xa4\ttext\n"[..], "plain \u{e4}\ttext\n"),
            (b"\x1b[2J\r", "\\x1b[2J\\x0d"),
            (b"\xd7\xdc\x7f", "\\xd7\\xdc\\x7f"),
            ("a\u{9b}b\u{202e}c".as_bytes(), "a\\x9bb\\u{202e}c"),
        ] {
            let mut output = Vec::new();
            Escaped(&mut output).write_all(text).unwrap();
            assert_eq!(String::from_utf8(output).unwrap(), expected);
        }
    }
}
