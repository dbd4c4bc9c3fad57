//! How long something lasts.

use serde::Deserialize;

use super::number_or_text::NumberOrText;

/// The longest that `ipvsadm` takes: 31 days, in seconds.
const LONGEST: u64 = 31 * 24 * 60 * 60;

/// Whole seconds: `300`, `"300"`, `"300s"`, `"5m"`, `"1h"` or `"1d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub(in crate::config) struct Seconds(pub(in crate::config) u32);

impl TryFrom<NumberOrText> for Seconds {
    type Error = String;

    fn try_from(NumberOrText(text): NumberOrText) -> Result<Self, String> {
        let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "" | "s" => Some(1),
            "m" => Some(60),
            "h" => Some(60 * 60),
            "d" => Some(24 * 60 * 60),
            _ => None,
        };
        let seconds = number.parse::<u64>().ok().zip(factor);
        let seconds = seconds.and_then(|(number, factor)| number.checked_mul(factor));
        match seconds.filter(|seconds| (1..=LONGEST).contains(seconds)) {
            Some(seconds) => Ok(Self(u32::try_from(seconds).unwrap_or(u32::MAX))),
            None => {
                Err(format!("{text:?} is not 1 second to 31 days: write 300, \"5m\" or \"1h\""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_may_follow_the_number() {
        let read =
            |text: &str| Seconds::try_from(NumberOrText(text.to_owned())).map(|seconds| seconds.0);
        assert_eq!(read("300"), Ok(300));
        assert_eq!(read("300s"), Ok(300));
        assert_eq!(read("5m"), Ok(300));
        assert_eq!(read("2h"), Ok(7200));
        assert_eq!(read("31d"), Ok(2_678_400));
        for bad in ["", "0", "m", "5 m", "5min", "-5", "1.5m", "32d", "99999999999999999999d"] {
            assert!(read(bad).unwrap_err().contains("31 days"), "{bad}");
        }
    }
}
