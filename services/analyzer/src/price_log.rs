//! The log's lines about the price: the first price, changes of its confidence and staleness, a lock elsewhere, and a
//! line every ten minutes. Only `write` has an effect outside; time comes with the calls.

use std::time::Duration;

use satscope_kit::clock::Steady;
use satscope_oracle::Estimate;
use satscope_proto::v1::StaleReason;

use crate::{course::is_elsewhere, report};

/// The price is logged again after this much event time, milliseconds, without a first or regular line.
const EVERY_MS: u64 = 600_000;
/// Least time between two lines of one kind, so at most six a minute, however the price flickers or the event clock
/// runs.
const LEAST: Duration = Duration::from_secs(10);

/// The price as an update gives it.
#[derive(Clone, Copy, Debug)]
pub struct Priced {
    /// The estimate; its confidence is 0 if it is repeated.
    pub estimate: Estimate,
    /// The event clock when the estimate was made, Unix milliseconds.
    pub as_of_ms: u64,
    /// Age of the newest payment, milliseconds.
    pub age_ms: u64,
    /// Whether the window itself has this price; if not, the last one is repeated.
    pub is_own: bool,
    /// Why the price is stale, if it is.
    pub stale: Option<StaleReason>,
}

/// The state of the price's log lines.
#[derive(Debug, Default)]
pub struct PriceLog {
    first: Told<()>,
    level: Told<&'static str>,
    stale: Told<Option<StaleReason>>,
    elsewhere: Told<u64>,
    regular: Told<u64>,
    /// The window's own price that the next is compared with, USD for one BTC; `None` before the first.
    followed_usd: Option<f64>,
    /// The event clock at the last first or regular line, Unix milliseconds; `None` before any price.
    regular_ms: Option<u64>,
}

/// One line of the log. `held_back` is the number of changes of its kind that had no line of their own since the last
/// line of that kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    First,
    Level { level: &'static str, held_back: u64 },
    Stale { reason: StaleReason, held_back: u64 },
    Fresh { held_back: u64 },
    Elsewhere { from_usd: f64, held_back: u64 },
    Regular,
}

/// A value that the log follows. A change too soon after a line is held back, and logged later if it still holds. So
/// the last line of a kind is true once the value has stood still for [`LEAST`].
#[derive(Debug)]
struct Told<T> {
    said: Option<T>,
    seen: Option<T>,
    changes: u64,
    at: Option<Steady>,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Told {
            said: None,
            seen: None,
            changes: 0,
            at: None,
        }
    }
}

impl<T: Copy + PartialEq> Told<T> {
    /// The number of changes held back, if `value` is to be logged at `now`.
    fn news(&mut self, value: T, now: Steady) -> Option<u64> {
        if self.seen.replace(value) != Some(value) {
            self.changes += 1;
        }
        let is_soon = self
            .at
            .is_some_and(|at| u128::from(now.since_ms(at)) < LEAST.as_millis());
        if self.said == Some(value) || is_soon {
            return None;
        }
        self.at = Some(now);
        self.said = Some(value);
        Some(std::mem::take(&mut self.changes).saturating_sub(1))
    }

    /// Records that another line has logged `value`.
    fn said(&mut self, value: T) {
        (self.said, self.seen) = (Some(value), Some(value));
    }
}

impl PriceLog {
    /// Logs what is new about the price of an update; `priced` is `None` if the update has no price. `time_ms` is the
    /// event clock, Unix milliseconds.
    pub fn look(&mut self, priced: Option<Priced>, time_ms: u64, now: Steady) {
        let Some(priced) = priced else {
            // The next price is of another node, so it is logged as a first one.
            self.first.said = None;
            self.followed_usd = None;
            return;
        };
        for line in self.lines(&priced, time_ms, now) {
            write(line, &priced);
        }
    }

    fn lines(&mut self, priced: &Priced, time_ms: u64, now: Steady) -> Vec<Line> {
        let mut lines = Vec::new();
        let level = level(priced.estimate.confidence);
        if priced.is_own && self.first.news((), now).is_some() {
            self.level.said(level);
            self.stale.said(priced.stale);
            self.regular_ms = Some(time_ms);
            lines.push(Line::First);
        }
        if let Some(held_back) = self.stale.news(priced.stale, now) {
            lines.push(match priced.stale {
                Some(reason) => Line::Stale { reason, held_back },
                None => Line::Fresh { held_back },
            });
        }
        if priced.is_own {
            if let Some(held_back) = self.level.news(level, now) {
                lines.push(Line::Level { level, held_back });
            }
            lines.extend(self.lock(priced.estimate.price_usd, now));
        }
        // A clock that was set back begins the ten minutes anew.
        let since_ms = self.regular_ms.map_or(time_ms, |ms| ms.min(time_ms));
        self.regular_ms = Some(since_ms);
        if time_ms - since_ms >= EVERY_MS && self.regular.news(time_ms, now).is_some() {
            self.regular_ms = Some(time_ms);
            lines.push(Line::Regular);
        }
        lines
    }

    /// A line if the window's own price has locked on elsewhere since the last price that was followed.
    fn lock(&mut self, price_usd: f64, now: Steady) -> Option<Line> {
        let from_usd = *self.followed_usd.get_or_insert(price_usd);
        if !is_elsewhere(price_usd, from_usd) {
            self.followed_usd = Some(price_usd);
            self.elsewhere.said(from_usd.to_bits());
            return None;
        }
        let held_back = self.elsewhere.news(price_usd.to_bits(), now)?;
        self.followed_usd = Some(price_usd);
        Some(Line::Elsewhere {
            from_usd,
            held_back,
        })
    }
}

/// The level of a confidence: `high`, `medium` or `low`, as the page names it.
fn level(confidence: f64) -> &'static str {
    match confidence {
        confidence if confidence > 0.8 => "high",
        confidence if confidence >= 0.5 => "medium",
        _ => "low",
    }
}

/// Writes the line, with the price in fields of its own.
fn write(line: Line, priced: &Priced) {
    let estimate = &priced.estimate;
    let cents = |usd: f64| (usd * 100.0).round() / 100.0;
    let [price_usd, low_usd, high_usd] =
        [estimate.price_usd, estimate.low_usd, estimate.high_usd].map(cents);
    let confidence = cents(estimate.confidence);
    let payments = estimate.evidence.payments;
    let [as_of, age_seconds] = [priced.as_of_ms, priced.age_ms].map(|ms| ms as f64 / 1000.0);
    let reason = priced.stale.map(report::stale_label);
    // A log event with the fields that all lines share; `tests/documents.rs` finds the calls by this name.
    macro_rules! info {
        ($($own:tt)*) => {
            tracing::info!(price_usd, confidence, low_usd, high_usd, payments, as_of, age_seconds, reason, $($own)*)
        };
    }
    match line {
        Line::First => info!("the first price"),
        Line::Level { level, held_back } => info!(level, held_back, "the confidence has changed"),
        Line::Stale { held_back, .. } => info!(held_back, "the price is stale"),
        Line::Fresh { held_back } => info!(held_back, "the price is of this moment again"),
        Line::Elsewhere {
            from_usd,
            held_back,
        } => {
            let from_usd = cents(from_usd);
            info!(from_usd, held_back, "the price has locked on elsewhere");
        }
        Line::Regular => info!("the price, as every ten minutes"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_oracle::Evidence;

    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn priced(price_usd: f64, confidence: f64) -> Priced {
        let evidence = Evidence {
            payments: 3000,
            margin: 5.0,
            newest_payment_ms: NOW_MS,
        };
        let estimate = Estimate {
            price_usd,
            low_usd: price_usd - 50.0,
            high_usd: price_usd + 50.0,
            confidence,
            evidence,
        };
        Priced {
            estimate,
            as_of_ms: NOW_MS,
            age_ms: 300,
            is_own: true,
            stale: None,
        }
    }

    fn stale(reason: StaleReason) -> Priced {
        Priced {
            stale: Some(reason),
            ..priced(50_000.0, 0.9)
        }
    }

    /// The lines of these prices, half a second apart by both clocks.
    fn lines(log: &mut PriceLog, from: Steady, prices: &[Priced]) -> Vec<Line> {
        let step = |number: usize| 500 * number as u64;
        let look = |(number, priced): (usize, &Priced)| {
            let now = from.after(Duration::from_millis(step(number)));
            log.lines(priced, NOW_MS + step(number), now)
        };
        prices.iter().enumerate().flat_map(look).collect()
    }

    fn later(seconds: u64) -> Steady {
        Steady::now().after(Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_price_is_one_line_and_its_likes_are_none() {
        let mut log = PriceLog::default();
        let prices = [priced(50_000.0, 0.9), priced(50_010.0, 0.85)];
        assert_eq!(lines(&mut log, later(0), &prices), [Line::First]);
        // Another node's price is a first one again.
        log.look(None, NOW_MS, later(15));
        assert_eq!(lines(&mut log, later(20), &prices), [Line::First]);
    }

    #[test]
    fn a_restored_price_is_stale_until_the_window_has_the_first() {
        let mut log = PriceLog::default();
        let restored = Priced {
            is_own: false,
            ..stale(StaleReason::UpstreamLost)
        };
        let reason = StaleReason::UpstreamLost;
        let prices = [restored, restored, priced(60_000.0, 0.3)];
        let expected = [
            Line::Stale {
                reason,
                held_back: 0,
            },
            Line::First,
        ];
        assert_eq!(lines(&mut log, later(0), &prices), expected);
    }

    #[test]
    fn a_change_of_level_staleness_or_place_is_told() {
        let mut log = PriceLog::default();
        lines(&mut log, later(0), &[priced(50_000.0, 0.9)]);
        let medium = priced(50_000.0, 0.6);
        let (level, held_back) = ("medium", 0);
        let told = lines(&mut log, later(20), &[medium, medium]);
        assert_eq!(told, [Line::Level { level, held_back }]);
        let reason = StaleReason::NoPayments;
        let told = lines(&mut log, later(40), &[stale(reason)]);
        assert_eq!(told[0], Line::Stale { reason, held_back });
        let told = lines(&mut log, later(60), &[priced(50_000.0, 0.9)]);
        assert_eq!(told, [Line::Fresh { held_back }]);
        let from_usd = 50_000.0;
        let elsewhere = priced(60_000.0, 0.9);
        let told = lines(&mut log, later(80), &[elsewhere, elsewhere]);
        assert_eq!(
            told,
            [Line::Elsewhere {
                from_usd,
                held_back
            }]
        );
    }

    #[test]
    fn a_price_that_flickers_writes_a_bounded_number_of_lines_and_the_last_is_true() {
        let mut log = PriceLog::default();
        let from = later(0);
        lines(&mut log, from, &[priced(50_000.0, 0.9)]);
        let reason = StaleReason::Resyncing;
        let flickering = |number: usize| match number % 3 {
            0 => stale(reason),
            1 => priced(50_000.0, 0.6),
            _ => priced(70_000.0, 0.9),
        };
        let minute: Vec<Priced> = (0..120).map(flickering).collect();
        let told = lines(&mut log, from.after(Duration::from_secs(20)), &minute);
        assert!((6..=3 * 6).contains(&told.len()), "{told:?}");
        let held_back = told.iter().map(|line| match line {
            Line::Level { held_back, .. }
            | Line::Stale { held_back, .. }
            | Line::Fresh { held_back }
            | Line::Elsewhere { held_back, .. } => *held_back,
            Line::First | Line::Regular => 0,
        });
        assert!(held_back.sum::<u64>() > 50, "{told:?}");
        // It stays stale, which was held back; after a while the log says so.
        let still = [stale(reason); 40];
        let after = from.after(Duration::from_secs(80));
        let told = [told, lines(&mut log, after, &still)].concat();
        let of_staleness = |line: &&Line| matches!(line, Line::Stale { .. } | Line::Fresh { .. });
        let last = told.iter().rev().find(of_staleness).unwrap();
        assert!(matches!(last, Line::Stale { .. }), "{told:?}");
    }

    #[test]
    fn a_calm_price_is_logged_every_ten_minutes_of_the_event_clock() {
        let mut log = PriceLog::default();
        let from = later(0);
        let calm = priced(50_000.0, 0.9);
        let look = |log: &mut PriceLog, minutes: u64, seconds: u64| {
            let now = from.after(Duration::from_secs(seconds));
            log.lines(&calm, NOW_MS + minutes * 60_000, now)
        };
        assert_eq!(look(&mut log, 0, 0), [Line::First]);
        assert_eq!(look(&mut log, 9, 540), []);
        assert_eq!(look(&mut log, 10, 600), [Line::Regular]);
        assert_eq!(look(&mut log, 11, 660), []);
        assert_eq!(look(&mut log, 20, 1200), [Line::Regular]);
        // Nor faster than others where a replay makes an hour of a second.
        assert_eq!(look(&mut log, 80, 1201), []);
        assert_eq!(look(&mut log, 90, 1210), [Line::Regular]);
        // A clock that is set back by an hour.
        assert_eq!(look(&mut log, 30, 1300), []);
        assert_eq!(look(&mut log, 40, 1900), [Line::Regular]);
    }
}
