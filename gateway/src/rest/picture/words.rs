//! The words and numbers of the pictures.

use time::{OffsetDateTime, UtcOffset};

/// A price in US dollars: whole dollars, and cents below $1,000, as the page has it.
pub fn dollars(usd: f64) -> String {
    let text = match usd < 1000.0 {
        true => format!("{usd:.2}"),
        false => format!("{usd:.0}"),
    };
    let (whole, cents) = text.split_once('.').unwrap_or((&text, ""));
    let mut parted = String::from("$");
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    match cents {
        "" => parted,
        cents => format!("{parted}.{cents}"),
    }
}

/// Half the width of an interval, as a share of the price: `± 0.13 %`.
pub fn doubt(price: f64, low: f64, high: f64) -> String {
    format!("± {:.2} %", (high - low) / 2.0 / price * 100.0)
}

/// A confidence in one of three levels, with the page's limits between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    High,
    Medium,
    Low,
}

impl Level {
    /// The level of a confidence from 0 to 1.
    pub fn of(confidence: f64) -> Self {
        match confidence {
            confidence if confidence > 0.8 => Level::High,
            confidence if confidence >= 0.5 => Level::Medium,
            _ => Level::Low,
        }
    }

    /// The level in one word.
    pub fn word(self) -> &'static str {
        match self {
            Level::High => "high",
            Level::Medium => "medium",
            Level::Low => "low",
        }
    }
}

/// An age: `45 s`, `12 min`, `3 h 5 min`, from two days on `3 d`.
pub fn age(seconds: u64) -> String {
    let minutes = seconds / 60;
    let hours = minutes / 60;
    match (hours, minutes % 60) {
        (48.., _) => format!("{} d", hours / 24),
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A moment in UTC: `2025-11-22 12:30:07 UTC`; empty if it is after the year 9999.
pub fn utc(unix_seconds: u64) -> String {
    let Some(moment) = moment(unix_seconds) else {
        return String::new();
    };
    let (hour, minute, second) = moment.to_hms();
    let (year, month, day) = moment.to_calendar_date();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// A time of day in UTC: `12:30`.
pub fn time_of_day(unix_seconds: u64) -> String {
    let minutes = unix_seconds / 60 % 1440;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn moment(unix_seconds: u64) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(unix_seconds).ok()?;
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    Some(moment.to_offset(UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_its_thousands_parted_and_cents_below_a_thousand() {
        for (usd, text) in [
            (97_188.4, "$97,188"),
            (1000.0, "$1,000"),
            (999.999, "$1,000.00"),
            (850.126, "$850.13"),
            (0.5, "$0.50"),
            (1_234_567.0, "$1,234,567"),
            (123_456.5, "$123,456"),
        ] {
            assert_eq!(dollars(usd), text);
        }
    }

    #[test]
    fn ages_have_the_units_that_fit() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (11_100, "3 h 5 min"),
            (172_800, "2 d"),
            (u64::MAX, "213503982334601 d"),
        ] {
            assert_eq!(age(seconds), text);
        }
    }

    #[test]
    fn moments_are_in_utc() {
        assert_eq!(utc(1_709_294_407), "2024-03-01 12:00:07 UTC");
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(u64::MAX), "");
        assert_eq!(time_of_day(1_709_294_407), "12:00");
    }

    #[test]
    fn levels_begin_where_those_of_the_page_do() {
        let words = [0.81, 0.8, 0.5, 0.49].map(|confidence| Level::of(confidence).word());
        assert_eq!(words, ["high", "medium", "medium", "low"]);
    }

    #[test]
    fn the_doubt_is_half_the_interval() {
        assert_eq!(doubt(100_000.0, 99_870.0, 100_130.0), "± 0.13 %");
    }
}
