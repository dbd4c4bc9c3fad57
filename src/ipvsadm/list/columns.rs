//! Columns of a row, appended piece by piece. `write!` with widths gives the same text, but takes most
//! of the time of a listing of thousands of rows.

pub(super) trait Columns {
    /// Appends a number.
    fn number(&mut self, number: u64);
    /// Appends blanks up to a length of the row.
    fn pad(&mut self, length: usize);

    /// Appends a left-aligned text.
    fn left(&mut self, text: &str, width: usize);
    /// Appends a left-aligned number.
    fn number_left(&mut self, number: u64, width: usize);
    /// Appends a right-aligned number.
    fn number_right(&mut self, number: u64, width: usize);
    /// Appends a counter or rate, nine characters wide: truncated to a power of 1000 with its suffix if
    /// it does not fit; if `exact`, in full, behind a blank if it has more than eight digits.
    fn counter(&mut self, value: u64, exact: bool);
}

impl Columns for String {
    fn number(&mut self, number: u64) {
        self.push_str(itoa::Buffer::new().format(number));
    }

    fn pad(&mut self, length: usize) {
        const BLANKS: &str = "                                ";
        while let missing @ 1.. = length.saturating_sub(self.len()) {
            self.push_str(BLANKS.get(..missing).unwrap_or(BLANKS));
        }
    }

    fn left(&mut self, text: &str, width: usize) {
        let end = self.len() + width;
        self.push_str(text);
        self.pad(end);
    }

    fn number_left(&mut self, number: u64, width: usize) {
        let end = self.len() + width;
        self.number(number);
        self.pad(end);
    }

    fn number_right(&mut self, number: u64, width: usize) {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        self.pad(self.len() + width.saturating_sub(digits));
        self.number(number);
    }

    fn counter(&mut self, value: u64, exact: bool) {
        if exact {
            self.push(' ');
            self.number_right(value, 8);
            return;
        }
        let (divisor, suffix) = match value {
            0..100_000_000 => return self.number_right(value, 9),
            100_000_000..1_000_000_000 => (1_000, 'K'),
            1_000_000_000..100_000_000_000 => (1_000_000, 'M'),
            100_000_000_000..100_000_000_000_000 => (1_000_000_000, 'G'),
            _ => (1_000_000_000_000, 'T'),
        };
        self.number_right(value / divisor, 8);
        self.push(suffix);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn appended(append: impl Fn(&mut String)) -> String {
        let mut line = "-> ".to_owned();
        append(&mut line);
        line
    }

    fn counter(value: u64, exact: bool) -> String {
        let mut row = String::new();
        row.counter(value, exact);
        row
    }

    #[test]
    fn large_counter_has_a_suffix() {
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
            assert_eq!(counter(value, false), expected);
        }
    }

    #[test]
    fn exact_counter_has_all_digits() {
        assert_eq!(counter(7, true), "        7");
        assert_eq!(counter(12_345_678, true), " 12345678");
        assert_eq!(counter(123_456_789, true), " 123456789");
        assert_eq!(counter(u64::MAX, true), " 18446744073709551615");
    }

    proptest! {
        #[test]
        fn columns_are_those_of_write(number: u64, shift in 0..64_u32, text in "[a-z]{0,12}", width in 0..50_usize) {
            let number = number >> shift;
            prop_assert_eq!(appended(|line| line.number(number)), format!("-> {number}"));
            prop_assert_eq!(appended(|line| line.left(&text, width)), format!("-> {text:<width$}"));
            prop_assert_eq!(
                appended(|line| line.number_left(number, width)),
                format!("-> {number:<width$}")
            );
            prop_assert_eq!(
                appended(|line| line.number_right(number, width)),
                format!("-> {number:>width$}")
            );
        }

        #[test]
        fn counter_is_nine_wide(value: u64) {
            prop_assert_eq!(counter(value, false).len(), 9);
        }

        #[test]
        fn exact_counter_reads_back(value: u64) {
            let text = counter(value, true);
            prop_assert!(text.len() >= 9);
            prop_assert_eq!(text.trim_start().parse(), Ok(value));
        }
    }
}
