//! Which rate serves which price. Pure.
//!
//! A dated rate serves prices within [`REACH`] days of its date. An undated rate has the date of the file's last change, and
//! serves the live price alone, because today's rate on a price of 2019 would be wrong.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339};

use super::Currency;

/// The most days between a rate's date and a price that it serves.
const REACH: u32 = 7;

/// A day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The day in which this moment lies, Unix seconds; the last day of the year 9999 if the moment is later.
    pub fn of(seconds: u64) -> Self {
        let time = i64::try_from(seconds).map(OffsetDateTime::from_unix_timestamp);
        match time {
            Ok(Ok(time)) => Day(time.date()),
            _ => Day(Date::MAX),
        }
    }

    /// Reads `2024-03-01`; `None` if `text` is no such date.
    pub fn read(text: &str) -> Option<Self> {
        let midnight = match text.len() {
            10 => OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339),
            _ => return None,
        };
        midnight.ok().map(|midnight| Day(midnight.date()))
    }

    fn days_to(self, other: Day) -> u32 {
        self.0.to_julian_day().abs_diff(other.0.to_julian_day())
    }

    fn reaches(self, other: Day) -> bool {
        self.days_to(other) <= REACH
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(text)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Units of a currency for one US dollar: finite and above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct UnitsPerDollar(f64);

impl UnitsPerDollar {
    /// The rate of the dollar itself.
    pub const ONE: UnitsPerDollar = UnitsPerDollar(1.0);

    /// `None` if `units` is not finite, or not above 0.
    pub fn read(units: f64) -> Option<Self> {
        (units.is_finite() && units > 0.0).then_some(UnitsPerDollar(units))
    }

    /// The same amount in units of the currency.
    pub fn of_usd(self, usd: f64) -> f64 {
        usd * self.0
    }

    /// The rate itself.
    pub fn units(self) -> f64 {
        self.0
    }
}

/// One row of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub currency: Currency,
    pub units: UnitsPerDollar,
    /// `None` for an undated rate.
    pub day: Option<Day>,
}

/// The rates of one currency.
#[derive(Clone, Debug, Default, PartialEq)]
struct OfCurrency {
    undated: Option<UnitsPerDollar>,
    dated: BTreeMap<Day, UnitsPerDollar>,
}

impl OfCurrency {
    /// The dated rate nearest to `day`, with its date; the earlier of two that are as near. `None` if none reaches `day`.
    fn nearest(&self, day: Day) -> Option<(UnitsPerDollar, Day)> {
        let before = self.dated.range(..=day).next_back();
        let after = self.dated.range(day..).next();
        // `min_by_key` takes the first of two that are as near.
        let nearest = before
            .into_iter()
            .chain(after)
            .min_by_key(|(own, _)| own.days_to(day));
        nearest
            .filter(|(own, _)| own.reaches(day))
            .map(|(own, units)| (*units, *own))
    }
}

/// The rates of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    of: BTreeMap<Currency, OfCurrency>,
    /// The day of the file's last change.
    written: Day,
}

impl Rates {
    /// No rates, of a file that was last changed at this moment, Unix seconds.
    pub fn written_at(seconds: u64) -> Self {
        Rates {
            of: BTreeMap::new(),
            written: Day::of(seconds),
        }
    }

    /// Adds a rate. Returns `false`, and adds nothing, if there is one of the same currency and date.
    #[must_use]
    pub fn add(&mut self, rate: Rate) -> bool {
        let own = self.of.entry(rate.currency).or_default();
        let before = match rate.day {
            None => own.undated.replace(rate.units),
            Some(day) => own.dated.insert(day, rate.units),
        };
        before.is_none()
    }

    /// The currencies that have a rate of any date, in the order of their codes.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.of.keys().copied()
    }

    /// Whether a currency has a rate of any date. The dollar always has.
    pub fn knows(&self, currency: Currency) -> bool {
        currency == Currency::USD || self.of.contains_key(&currency)
    }

    /// The rate for the live price of this moment, Unix seconds, and the rate's date: the undated one if it reaches that far,
    /// else the nearest dated one. `None` if neither reaches.
    pub fn live(&self, currency: Currency, seconds: u64) -> Option<(UnitsPerDollar, Day)> {
        let day = Day::of(seconds);
        let own = self.of.get(&currency)?;
        let undated = own.undated.map(|units| (units, self.written));
        let undated = undated.filter(|(_, written)| written.reaches(day));
        undated.or_else(|| own.nearest(day))
    }

    /// The rate for a price of this moment of the past, Unix seconds: the nearest dated one. `None` if none reaches.
    pub fn past(&self, currency: Currency, seconds: u64) -> Option<UnitsPerDollar> {
        let own = self.of.get(&currency)?;
        own.nearest(Day::of(seconds)).map(|(units, _)| units)
    }

    /// All currencies with a rate for the live price of this moment, Unix seconds.
    pub fn all_live(&self, seconds: u64) -> impl Iterator<Item = (Currency, UnitsPerDollar, Day)> {
        self.currencies().filter_map(move |currency| {
            let (units, day) = self.live(currency, seconds)?;
            Some((currency, units, day))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
