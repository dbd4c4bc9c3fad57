//! Names that the kernel keeps in a field of fixed size.

/// The text, cut to that many bytes, or to fewer where a character would be torn.
pub(in super::super) fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rfind(|&end| text.is_char_boundary(end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_too_long_is_cut() {
        assert_eq!(cut("wlc", 15), "wlc");
        assert_eq!(cut("abcdefghijklmnop", 15), "abcdefghijklmno");
        assert_eq!(cut("abcdefghijklmn\u{e9}", 15), "abcdefghijklmn");
    }
}
