//! Reference prices: the open of each candle, by the candle's start.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::input::open_csv;

/// Opens of candles in dollars, by their start in Unix seconds.
#[derive(Debug, Default)]
pub(crate) struct Prices(BTreeMap<u64, f64>);

#[derive(Debug, Deserialize)]
struct Candle {
    date: String,
    open: f64,
}

impl Prices {
    /// Reads candles: a CSV file, gzip or plain, with at least the columns `date` (`2025-01-31 14:00:00+00:00`) and
    /// `open` (dollars).
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut prices = BTreeMap::new();
        for (index, candle) in open_csv(path, &["date", "open"])?.deserialize().enumerate() {
            let context = || format!("{}: candle {}", path.display(), index + 1);
            let candle: Candle = candle.with_context(context)?;
            ensure!(
                is_price(candle.open),
                "{}: the open is {}; expected dollars",
                context(),
                candle.open
            );
            prices.insert(
                unix_seconds(&candle.date).with_context(context)?,
                candle.open,
            );
        }
        Ok(Self(prices))
    }

    /// The open of the candle that starts at `time` (Unix seconds); `None` if there is none.
    pub(crate) fn at(&self, time: u64) -> Option<f64> {
        self.0.get(&time).copied()
    }
}

/// Candles that are further apart than this, in seconds, are not interpolated.
const LONGEST_CANDLE: u64 = 3600;

impl Prices {
    /// The price at `time` (Unix seconds), interpolated between the opens of the candles around it; `None` if they are
    /// missing or too far apart.
    pub(crate) fn between(&self, time: u64) -> Option<f64> {
        let (&from, &open) = self.0.range(..=time).next_back()?;
        if from == time {
            return Some(open);
        }
        let (&to, &next) = self.0.range(time..).next()?;
        let share = (time - from) as f64 / (to - from) as f64;
        (to - from <= LONGEST_CANDLE).then_some(open + share * (next - open))
    }
}

/// Whether a number can be a price in dollars.
pub(crate) fn is_price(usd: f64) -> bool {
    usd.is_finite() && usd > 0.0
}

/// Reads a date such as `2025-01-31 14:00:00+00:00`, which is in UTC.
fn unix_seconds(date: &str) -> anyhow::Result<u64> {
    let fields: Vec<u64> = date
        .split(['-', ' ', 'T', ':', '+', 'Z'])
        .take(6)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    let (
        &[
            year @ 1970..=9999,
            month @ 1..=12,
            day @ 1..=31,
            hour @ 0..=23,
            minute @ 0..=59,
            second @ 0..=59,
        ],
        true,
    ) = (
        &fields[..],
        ["", "Z", "+00:00"].contains(&date.get(19..).unwrap_or("?")),
    )
    else {
        bail!("the date is {date:?}; expected one in UTC such as 2025-01-31 14:00:00+00:00");
    };
    Ok(((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// The year of a moment (Unix seconds, UTC).
pub(crate) fn year(time: u64) -> u64 {
    let days = time / (24 * 3600);
    // A year has 365.2425 days on average, and begins at most a day or two before or after this mean.
    let guess = 1970 + days * 400 / 146_097;
    match days_since_1970(guess, 1, 1) > days {
        true => guess - 1,
        false if days_since_1970(guess + 1, 1, 1) <= days => guess + 1,
        false => guess,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March, so that the leap day
/// comes last.
pub(crate) fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let years = if month > 2 { year } else { year - 1 };
    let months = (month + 9) % 12;
    years * 365 + years / 4 - years / 100 + years / 400 + (months * 306 + 5) / 10 + day - 719_469
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_utc() {
        assert_eq!(unix_seconds("1970-01-01 00:00:00+00:00").unwrap(), 0);
        assert_eq!(
            unix_seconds("2024-02-29 23:59:59+00:00").unwrap(),
            1_709_251_199
        );
        assert_eq!(unix_seconds("2026-06-20T09:00:00Z").unwrap(), 1_781_946_000);
    }

    #[test]
    fn a_bad_date_is_named() {
        for date in [
            "",
            "yesterday",
            "2024-13-01 00:00:00",
            "2024-01-01 00:00",
            "2024-01-01 00:00:00+02:00",
        ] {
            let error = unix_seconds(date).unwrap_err().to_string();
            assert!(error.contains(&format!("{date:?}")), "{error}");
        }
    }
}
