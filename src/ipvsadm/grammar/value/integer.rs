//! Integers, as `strtol` of the C library reads them in base ten.

use std::ops::RangeInclusive;

/// What `isspace` takes for white space in the C locale.
pub(super) const WHITE_SPACE: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];

/// A whole text that is one integer of that range. White space and a sign may stand before it.
pub(in super::super) fn integer<T>(text: &str, range: RangeInclusive<T>) -> Option<T>
where
    T: TryFrom<i64> + PartialOrd,
{
    let number: i64 = text.trim_start_matches(WHITE_SPACE).parse().ok()?;
    T::try_from(number).ok().filter(|number| range.contains(number))
}

/// The integer that a text begins with, 0 where there is none: `atoi`, with the wrap-around that
/// glibc gives it on 64-bit machines.
pub(super) fn leading_integer(text: &str) -> i32 {
    let text = text.trim_start_matches(WHITE_SPACE);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number: i64 = 0;
    for digit in digits.chars().map_while(|character| character.to_digit(10)) {
        let digit = i64::from(digit);
        number = number.saturating_mul(10);
        number = if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) };
    }
    number as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_and_sign_before_digits_and_nothing_after() {
        for text in ["5", " 5", "\t\n\x0b\x0c\r5", "+5", "005"] {
            assert_eq!(integer(text, 0..=9), Some(5), "{text:?}");
        }
        for text in ["", " ", "+", "-", "5 ", "0x5", "1e0", "5.0", "+ 5", "--5", "\u{a0}5"] {
            assert_eq!(integer(text, 0..=9), None, "{text:?}");
        }
        assert_eq!(integer("-0", 0..=9), Some(0));
    }

    #[test]
    fn the_range_holds_at_both_ends() {
        assert_eq!(integer("4294967295", 1..=u32::MAX), Some(u32::MAX));
        assert_eq!(integer("4294967296", 1..=u32::MAX), None);
        assert_eq!(integer("0", 1..=u32::MAX), None);
        assert_eq!(integer::<u32>("-1", 0..=u32::MAX), None);
        assert_eq!(integer("99999999999999999999", 0..=i64::MAX), None);
    }

    #[test]
    fn a_leading_integer_ends_where_digits_end() {
        assert_eq!(leading_integer(" 64abc"), 64);
        assert_eq!(leading_integer("+7"), 7);
        assert_eq!(leading_integer("-7"), -7);
        assert_eq!(leading_integer("abc"), 0);
        assert_eq!(leading_integer("4294967360"), 64, "seen of the reference");
        assert_eq!(leading_integer("99999999999999999999"), -1);
    }
}
