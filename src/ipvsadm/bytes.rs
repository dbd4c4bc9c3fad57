//! Text that need not be UTF-8. Arguments and rules are bytes, of which the reference repeats parts in
//! its messages.

use std::borrow::Cow;

/// Before the private characters that stand for bytes which are not UTF-8, as Python's
/// `surrogateescape` has it (PEP 383). Nobody writes these characters.
const BEFORE: u32 = 0x0010_FF00;

/// The text of bytes, from which [`bytes()`] makes the same ones.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid();
        text.extend(
            chunk.invalid().iter().filter_map(|byte| char::from_u32(BEFORE + u32::from(*byte))),
        );
    }
    text.into()
}

/// The bytes of a text with parts from [`text`].
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        let byte =
            u32::from(character).checked_sub(BEFORE).and_then(|byte| u8::try_from(byte).ok());
        match byte.filter(|byte| !byte.is_ascii()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_text_are_those_it_was_made_of() {
        for written in
            [&b""[..], b"-L", "\u{e9}\u{fffd}".as_bytes(), b"\xff", b"a\xc3", b"\xc3\xa9\x80-\xf4"]
        {
            assert_eq!(bytes(&text(written)), written, "{written:?}");
        }
        for byte in 0..=u8::MAX {
            assert_eq!(bytes(&text(&[byte, b'x'])), [byte, b'x']);
        }
    }
}
