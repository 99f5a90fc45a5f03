//! Reads steps of time in queries about the past.

/// Seconds of a year of 366 days.
const LONGEST_STEP: u64 = 366 * 86_400;

/// Reads the seconds of a step: a whole number with a unit, s, m, h, d or w, or without one for seconds.
///
/// # Errors
/// With the form that was expected.
pub fn step(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        "w" => Some(604_800),
        _ => None,
    };
    // A sign is not a digit, so `+5` is refused.
    let number = digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = number.then(|| digits.parse::<u64>().ok()).flatten();
    let seconds = number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit));
    seconds
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
