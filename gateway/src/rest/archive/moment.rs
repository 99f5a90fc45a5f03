//! Reads moments and steps of time in queries about the past.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The last second of the year 9999, Unix seconds.
const LAST: u64 = 253_402_300_799;
/// Seconds of a year of 366 days.
const LONGEST_STEP: u64 = 366 * 86_400;

/// Reads Unix seconds: a whole number, a date (its first second in UTC), or a time in the form of RFC 3339, whose
/// fraction of a second is dropped.
///
/// # Errors
/// With the form that was expected.
pub fn moment(text: &str) -> Result<u64, String> {
    let seconds = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().ok(),
        false => dated(text),
    };
    seconds.filter(|seconds| *seconds <= LAST).ok_or_else(|| {
        "a time such as 1709251200 (Unix seconds), 2024-03-01 or 2024-03-01T12:00:00Z".to_owned()
    })
}

/// The Unix seconds of a date, or of a time in the form of RFC 3339; `None` if `text` is neither, or is before 1970.
fn dated(text: &str) -> Option<u64> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    let time = OffsetDateTime::parse(&whole, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp()).ok()
}

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
    fn a_moment_is_a_number_a_date_or_a_time() {
        for (text, seconds) in [
            ("0", 0),
            ("1709251200", 1_709_251_200),
            ("2024-03-01", 1_709_251_200),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("2024-03-01T12:00:00Z", 1_709_294_400),
            ("2024-03-01T12:00:00.75Z", 1_709_294_400),
            ("2024-03-01T13:30:00+01:30", 1_709_294_400),
            ("1970-01-01", 0),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!(moment(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            "now",
            "2024-02-30",
            "2024-13-01",
            "2024-3-1",
            "01.03.2024",
            "1969-12-31",
            "2024-03-01T12:00:00",
            "2024-03-01T25:00:00Z",
            "253402300800",
            "99999999999999999999999",
            "２０２４",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

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
