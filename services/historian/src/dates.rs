//! Unix seconds as operators read them, in UTC.

use time::OffsetDateTime;

/// The month of a time, such as `March 2021`; the seconds themselves if they lie beyond the calendar.
pub fn month(seconds: u64) -> String {
    match moment(seconds) {
        Some(moment) => format!("{} {}", moment.month(), moment.year()),
        None => seconds.to_string(),
    }
}

/// A time such as `2024-03-01 12:00 UTC`; the seconds themselves if they lie beyond the calendar.
pub fn utc(seconds: u64) -> String {
    let Some(moment) = moment(seconds) else {
        return seconds.to_string();
    };
    let (date, hour, minute) = (moment.date(), moment.hour(), moment.minute());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// The date of a time, such as `2024-03-01` with the separator `-`; the seconds themselves if they lie beyond the calendar.
pub fn day(seconds: u64, separator: char) -> String {
    let Some(moment) = moment(seconds) else {
        return seconds.to_string();
    };
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    format!("{year}{separator}{month:02}{separator}{day:02}")
}

/// The time of the day, such as `23:59:59`.
pub fn clock(seconds: u64) -> String {
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{hour:02}:{minute:02}:{second:02}")
}

fn moment(seconds: u64) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(seconds).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_months_are_those_of_the_calendar() {
        for (time, expected) in [
            (0, "January 1970"),
            (1_420_070_399, "December 2014"),
            (1_420_070_400, "January 2015"),
            (1_709_164_800, "February 2024"),
            (1_709_251_200, "March 2024"),
            (1_735_689_599, "December 2024"),
        ] {
            assert_eq!(month(time), expected);
        }
    }

    #[test]
    fn a_day_and_a_time_of_it_are_told_apart() {
        let last = 1_709_251_199;
        assert_eq!(
            (day(last, '-'), clock(last)),
            ("2024-02-29".to_owned(), "23:59:59".to_owned())
        );
        assert_eq!(
            (day(last + 1, '/'), clock(last + 1)),
            ("2024/03/01".to_owned(), "00:00:00".to_owned())
        );
    }

    #[test]
    fn times_are_told_in_days() {
        assert_eq!(utc(u64::MAX), u64::MAX.to_string());
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400 + 3660), "2000-02-29 01:01 UTC");
        assert_eq!(utc(1_709_251_199), "2024-02-29 23:59 UTC");
        assert_eq!(utc(1_735_689_599), "2024-12-31 23:59 UTC");
    }
}
