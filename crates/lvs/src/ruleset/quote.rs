//! Words of a shell.

use std::borrow::Cow;
use std::fmt::Write;

/// Quotes a word for a shell, if it must be. Control characters need a shell that knows `$'…'`.
///
/// # Examples
///
/// ```
/// use lvs::table::quoted;
///
/// assert_eq!(quoted("eth0.100"), "eth0.100");
/// assert_eq!(quoted(";id>x;#"), "';id>x;#'");
/// assert_eq!(quoted("\x1b[2J"), "$'\\033[2J'");
/// ```
#[must_use]
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    if !word.chars().any(char::is_control) {
        return Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")));
    }
    let mut text = "$'".to_owned();
    for character in word.chars() {
        match character {
            '\'' | '\\' => text.extend(['\\', character]),
            control if control.is_control() => {
                let mut bytes = [0; 4];
                for byte in control.encode_utf8(&mut bytes).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "\\{byte:03o}");
                }
            }
            other => text.push(other),
        }
    }
    text.push('\'');
    Cow::Owned(text)
}
