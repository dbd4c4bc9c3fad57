//! Counters and rates, nine characters wide.

use crate::ipvsadm::columns::Columns;

/// Appends a number with a suffix where it would not fit, powers of 1000 and cut, not rounded; or all
/// of its digits, behind a blank where there are more than eight.
pub(super) fn append_number(row: &mut String, value: u64, exact: bool) {
    if exact {
        row.push(' ');
        row.number_right(value, 8);
        return;
    }
    let (divisor, suffix) = match value {
        0..100_000_000 => return row.number_right(value, 9),
        100_000_000..1_000_000_000 => (1_000, 'K'),
        1_000_000_000..100_000_000_000 => (1_000_000, 'M'),
        100_000_000_000..100_000_000_000_000 => (1_000_000_000, 'G'),
        _ => (1_000_000_000_000, 'T'),
    };
    row.number_right(value / divisor, 8);
    row.push(suffix);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(value: u64, exact: bool) -> String {
        let mut row = String::new();
        append_number(&mut row, value, exact);
        row
    }

    #[test]
    fn suffixes() {
        let cases = [
            (0, "        0"),
            (99_999_999, " 99999999"),
            (100_000_000, "  100000K"),
            (999_999_999, "  999999K"),
            (1_000_000_000, "    1000M"),
            (1_999_999_999, "    1999M"),
            (99_999_999_999, "   99999M"),
            (100_000_000_000, "     100G"),
            (99_999_999_999_999, "   99999G"),
            (100_000_000_000_000, "     100T"),
            (u64::MAX, "18446744T"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value, false), expected);
        }
    }

    #[test]
    fn exact() {
        assert_eq!(number(7, true), "        7");
        assert_eq!(number(12_345_678, true), " 12345678");
        assert_eq!(number(123_456_789, true), " 123456789");
        assert_eq!(number(u64::MAX, true), " 18446744073709551615");
    }

    proptest! {
        #[test]
        fn always_nine_wide(value: u64) {
            prop_assert_eq!(number(value, false).len(), 9);
        }

        #[test]
        fn exact_reads_back(value: u64) {
            let text = number(value, true);
            prop_assert!(text.len() >= 9);
            prop_assert_eq!(text.trim_start().parse(), Ok(value));
        }
    }
}
