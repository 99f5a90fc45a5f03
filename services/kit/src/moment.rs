//! Moments as operators and clients write them: in queries about the past, and on the command line.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The last second of the year 9999, Unix seconds.
const LAST: u64 = 253_402_300_799;

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
}
