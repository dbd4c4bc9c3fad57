//! Lines of text in columns, appended piece by piece. `write!` with widths writes the same, and in
//! a table of thousands takes most of the time.

/// A line that grows.
pub(super) trait Columns {
    /// Appends a number.
    fn number(&mut self, number: u64);
    /// Appends blanks up to that length.
    fn pad(&mut self, length: usize);

    /// Appends a text and blanks up to that width.
    fn left(&mut self, text: &str, width: usize);
    /// Appends a number and blanks up to that width.
    fn number_left(&mut self, number: u64, width: usize);
    /// Appends blanks and a number that end at that width.
    fn number_right(&mut self, number: u64, width: usize);
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

    proptest! {
        #[test]
        fn as_write_does_it(number: u64, shift in 0..64_u32, text in "[a-z]{0,12}", width in 0..50_usize) {
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
    }
}
