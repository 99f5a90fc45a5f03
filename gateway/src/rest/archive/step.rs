//! Reads steps of time in queries about the past.

use crate::rest::duration;

/// Seconds of a year of 366 days.
const LONGEST_STEP: u64 = 366 * 86_400;

/// Reads the seconds of a step: a whole number with a unit, s, m, h, d or w, or without one for seconds.
///
/// # Errors
/// With the form that was expected.
pub fn step(text: &str) -> Result<u64, String> {
    duration::seconds(text)
        .filter(|seconds| (1..=LONGEST_STEP).contains(seconds))
        .ok_or_else(|| "a step from 1s to 366d, such as 90s, 10m, 1h, 1d or 1w".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_number_with_its_unit() {
        for (text, seconds) in [
            ("1", 1),
            ("90s", 90),
            ("10m", 600),
            ("3h", 10_800),
            ("1d", 86_400),
            ("2w", 1_209_600),
            ("366d", 31_622_400),
        ] {
            assert_eq!(step(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "0",
            "0h",
            "-1h",
            "+1h",
            "1.5h",
            "1 h",
            "1y",
            "1é",
            "367d",
            "18446744073709551615w",
        ] {
            assert!(step(text).is_err(), "{text}");
        }
    }
}
