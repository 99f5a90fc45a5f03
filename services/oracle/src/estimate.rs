//! The oracle's answer: a price, its confidence, and the evidence that it rests on.

use crate::grid::SATS_PER_BTC;
use crate::minute::MINUTE_MS;
use crate::model::Model;
use crate::trained::LATER;

/// Half the width of the 90 % interval of a normal distribution, in standard deviations.
pub(crate) const NINETY_PERCENT: f64 = 1.645;

/// An output implies a price only if that is within this fraction of the estimate; an output further off is no payment
/// of a round sum.
const IMPLIED_WITHIN: f64 = 0.05;

/// An output is taken only for a round sum of at least this strength, because weaker ones are hardly more frequent than
/// other amounts.
const LEAST_STRENGTH: f64 = 0.5;

/// The interval of a repeated price grows for this many minutes at most, a year, because a clock that jumps far ahead would
/// stretch it from 0 to infinity.
const MOST_MINUTES: f64 = 525_600.0;

/// A price, in dollars for one bitcoin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The price in dollars.
    pub price_usd: f64,
    /// Lower end of the 90 % interval, in dollars.
    pub low_usd: f64,
    /// Upper end of the 90 % interval, in dollars.
    pub high_usd: f64,
    /// Confidence, 0 to 1; under 0.5 the price may be wrong by a whole factor, or by the few percent of a fee.
    pub confidence: f64,
    /// The payments that it rests on.
    pub evidence: Evidence,
}

/// The evidence of an estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Payments that were used.
    pub payments: u64,
    /// How much more probable the price is than its best rival (the best price more than 20 % away), as the natural
    /// logarithm of the odds: 0 if both are equally probable, 3 for 20 to 1, negative if the window as a whole favours
    /// the rival. Evidence that repeats itself is counted once.
    pub margin: f64,
    /// Stamp of the newest of the payments, in Unix milliseconds.
    pub newest_payment_ms: u64,
}

/// The price that one output implies: its dot on the plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Implied {
    /// The price in dollars at which the output is worth exactly `round_usd`.
    pub price_usd: f64,
    /// The round sum in dollars that the output most likely is.
    pub round_usd: f64,
}

impl Estimate {
    /// The same price at `now_ms` (Unix milliseconds), for a window that has none of its own. The interval is wider because the
    /// price may have moved since the newest payment. The confidence is 0 because no payment speaks for the price any more.
    #[must_use]
    pub fn repeated(&self, now_ms: u64) -> Self {
        let since_ms = now_ms.saturating_sub(self.evidence.newest_payment_ms);
        let minutes = (since_ms as f64 / MINUTE_MS as f64).min(MOST_MINUTES);
        let moved =
            NINETY_PERCENT * Model::trained().motion.minute_percent() / 100.0 * minutes.sqrt();
        let wider = |factor: f64| libm::exp(libm::hypot(libm::log(factor), moved));
        Self {
            low_usd: self.price_usd / wider(self.price_usd / self.low_usd),
            high_usd: self.price_usd * wider(self.high_usd / self.price_usd),
            confidence: 0.0,
            ..*self
        }
    }

    /// The price that an output of `value_sats` satoshi implies if it is the nearest round sum; `None` if that price is
    /// more than 5 % away from the estimate.
    #[must_use]
    pub fn implied(&self, value_sats: u64) -> Option<Implied> {
        let value_btc = value_sats as f64 / SATS_PER_BTC;
        let off = |round_usd: f64| libm::log(value_btc * self.price_usd / round_usd).abs();
        let strong = LATER
            .iter()
            .filter(|(_, strength)| *strength >= LEAST_STRENGTH)
            .map(|&(round_usd, _)| round_usd);
        let nearest = strong.min_by(|a, b| off(*a).total_cmp(&off(*b)))?;
        let implied = Implied {
            price_usd: nearest / value_btc,
            round_usd: nearest,
        };
        (off(nearest) <= libm::log(1.0 + IMPLIED_WITHIN)).then_some(implied)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(price_usd: f64) -> Estimate {
        let evidence = Evidence {
            payments: 1,
            margin: 1.0,
            newest_payment_ms: 0,
        };
        Estimate {
            price_usd,
            low_usd: price_usd,
            high_usd: price_usd,
            confidence: 1.0,
            evidence,
        }
    }

    #[test]
    fn a_repeated_price_keeps_the_sides_of_its_interval_apart() {
        let skewed = Estimate {
            low_usd: 97_000.0,
            high_usd: 100_100.0,
            ..at(100_000.0)
        };
        let mut before = skewed.repeated(0);
        assert!((before.low_usd - skewed.low_usd).abs() < 1e-6, "{before:?}");
        assert!(
            (before.high_usd - skewed.high_usd).abs() < 1e-6,
            "{before:?}"
        );
        for minutes in [1, 10, 180, 100_000] {
            let after = skewed.repeated(minutes * MINUTE_MS);
            assert!(
                after.low_usd < before.low_usd && before.high_usd < after.high_usd,
                "{after:?}"
            );
            let (below, above) = (
                after.price_usd / after.low_usd,
                after.high_usd / after.price_usd,
            );
            assert!(below > above && after.confidence == 0.0, "{after:?}");
            before = after;
        }
    }

    #[test]
    fn a_repeated_price_stays_a_number_at_the_end_of_time() {
        let last = at(100_000.0).repeated(u64::MAX);
        assert!(
            last.low_usd > 0.0 && last.high_usd.is_finite() && last.low_usd < last.high_usd,
            "{last:?}"
        );
    }

    #[test]
    fn a_round_sum_implies_its_price() {
        let implied = at(100_000.0).implied(50_100).unwrap();
        assert_eq!(implied.round_usd, 50.0);
        assert!((implied.price_usd - 99_800.4).abs() < 0.1);
    }

    #[test]
    fn what_is_far_from_a_round_sum_implies_nothing() {
        for value_sats in [0, 1, 55_000, 138_000, 2_100_000_000_000_000] {
            assert_eq!(at(100_000.0).implied(value_sats), None, "{value_sats}");
        }
    }
}
