//! What the probabilities of all prices come to: a price, its interval, and how far to trust it.

use multiversion::multiversion;

use crate::estimate::{Estimate, Evidence, NINETY_PERCENT};
use crate::grid::{self, ANSWERS_USD, BIN, PRICE_BINS};
use crate::row::Row;
use crate::track::{Posterior, RIVAL_BINS};

/// What lies within this many bins of a price is the same answer: 1 %.
const SAME_BINS: usize = 10;
/// A peak of probability ends within this many bins: 3 %.
const PEAK_BINS: usize = 30;
/// The least evidence for a price, in nats, that is an answer: 3 to 1 against chance.
const LEAST_EVIDENCE: f64 = 1.0;
/// Where the best bin is more probable than those beside it by so many nats, it is nearly certain.
const STEEP: f64 = 1.0;
/// Error that the payments of one minute share, in percent: what their senders took for the price, and when. Measured on
/// blocks alone, whose other errors are small.
const SHARED_PERCENT: f64 = 0.235;
/// By how much the spread of the probabilities is to be multiplied so that the interval holds 90 %. Measured on days.
const SPREAD_SCALE: f64 = 0.8;
/// A price that is less probable than this beside its rivals is ambiguous.
const CLEAR: f64 = 0.95;
/// Without a payment for so long, a price is stale: ten minutes.
const STALE_MS: f64 = 600_000.0;
/// The highest confidence in what is ambiguous or stale.
const DOUBTFUL: f64 = 0.49;

/// A price at which what is paid as a whole fits this many nats worse than it might is as likely wrong as right: the median
/// payment lies more than four standard deviations from where it was ever seen.
const UNLIKE_NATS: f64 = 9.0;

/// The payments that were used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) payments: u64,
    pub(crate) newest_payment_ms: u64,
}

/// The answer at `now_ms`, or none where round sums at some price explain the payments no better than chance, or where that
/// price is out of range.
pub(crate) fn estimate(posterior: &Posterior, used: Used, now_ms: u64) -> Option<Estimate> {
    let evidence = posterior.log_evidence / posterior.background.repetition;
    if evidence < LEAST_EVIDENCE {
        return None;
    }
    let masses = masses(&posterior.weights);
    let best = best(&posterior.weights, &masses);
    let margin = margin(&self::masses(&posterior.overall), best);
    let clear = probability(margin)
        * probability(self::margin(&masses, best))
        * probability(evidence)
        * probability(posterior.background.typical[best] + UNLIKE_NATS);
    let price_usd = grid::price_usd(place(&posterior.weights, best));
    let factor = half_interval(posterior, best).exp();
    if !(ANSWERS_USD.0..=ANSWERS_USD.1).contains(&price_usd) {
        return None;
    }
    Some(Estimate {
        price_usd,
        low_usd: price_usd / factor,
        high_usd: price_usd * factor,
        confidence: confidence(used, clear, now_ms),
        evidence: Evidence {
            payments: used.payments,
            margin,
            newest_payment_ms: used.newest_payment_ms,
        },
    })
}

/// The probability that lies around each bin, [`SAME_BINS`] to both sides: three bins each, then seven of these threes.
fn masses(weights: &Row) -> Row {
    const { assert!(2 * SAME_BINS + 1 == 3 * 7) };
    let first = weights.first.saturating_sub(SAME_BINS);
    let end = (weights.bins().end + SAME_BINS).min(PRICE_BINS);
    let mut padded = vec![0.0; end - first];
    padded[weights.first - first..][..weights.numbers.len()].copy_from_slice(&weights.numbers);
    Row {
        first,
        numbers: with_neighbours(&with_neighbours(&padded, 1, 1), 3, 3),
    }
}

/// The sum of each item and its neighbours at so many steps to both sides.
#[multiversion(targets = "simd")]
fn with_neighbours(items: &[f64], step: usize, reach: usize) -> Vec<f64> {
    let mut sums = items.to_vec();
    for off in (1..=reach).map(|steps| steps * step) {
        let below = sums.iter_mut().skip(off).zip(items);
        below.for_each(|(sum, item)| *sum += item);
        let above = sums.iter_mut().zip(items.iter().skip(off));
        above.for_each(|(sum, item)| *sum += item);
    }
    sums
}

/// How much more probable a price is than its best rival, as the logarithm of the odds; negative if the rival is more
/// probable.
fn margin(masses: &Row, best: usize) -> f64 {
    let near = around(best, RIVAL_BINS);
    let most = |bins| masses.highest(bins).max(f64::MIN_POSITIVE);
    let far = most(0..near.start).max(most(near.end..PRICE_BINS));
    most(near).ln() - far.ln()
}

fn around(bin: usize, reach: usize) -> std::ops::Range<usize> {
    bin.saturating_sub(reach)..(bin + reach + 1).min(PRICE_BINS)
}

/// The most probable bin where most probability lies; of equal ones the last.
fn best(weights: &Row, masses: &Row) -> usize {
    let middle = masses.top();
    let by_weight = |a: &usize, b: &usize| weights.at(*a).total_cmp(&weights.at(*b));
    around(middle, SAME_BINS)
        .max_by(by_weight)
        .unwrap_or(middle)
}

/// Where the price lies, between bins too: the mean of the probability around the best bin; or where the best bin is nearly
/// certain, the top of the parabola through its logarithm and its neighbours'.
fn place(weights: &Row, best: usize) -> f64 {
    // Beyond the ends of the grid it goes on as it ends.
    let log = |bin: usize| weights.at(bin).max(f64::MIN_POSITIVE).ln();
    let (below, top, above) = (
        log(best.saturating_sub(1)),
        log(best),
        log((best + 1).min(PRICE_BINS - 1)),
    );
    let drop = top - 0.5 * (below + above);
    if drop > STEEP {
        return best as f64 + 0.25 * (above - below) / drop;
    }
    let total: f64 = around(best, PEAK_BINS).map(|bin| weights.at(bin)).sum();
    around(best, PEAK_BINS)
        .map(|bin| bin as f64 * weights.at(bin))
        .sum::<f64>()
        / total
}

/// Half the width of the 90 % interval, as a natural logarithm.
fn half_interval(posterior: &Posterior, best: usize) -> f64 {
    let moment = |power: i32, from: f64| -> f64 {
        around(best, PEAK_BINS)
            .map(|bin| (bin as f64 - from).powi(power) * posterior.weights.at(bin))
            .sum()
    };
    let total = moment(0, 0.0);
    let spread = (moment(2, moment(1, 0.0) / total) / total).sqrt() * BIN;
    let shared = SHARED_PERCENT / 100.0 / (posterior.recent_minutes as f64).sqrt();
    NINETY_PERCENT * (SPREAD_SCALE * spread).hypot(shared)
}

/// The probability that belongs to log odds.
fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// How far to trust a price that is right with probability `clear` and rests on payments that may be old.
///
/// The number of payments gives a band (the specification's), clear and fresh evidence the place in it; what is
/// ambiguous or stale falls below it.
fn confidence(used: Used, clear: f64, now_ms: u64) -> f64 {
    let age = now_ms.saturating_sub(used.newest_payment_ms) as f64 / STALE_MS;
    let (low, high): (f64, f64) = match used.payments {
        0..100 => (0.0, 0.3),
        100..1000 => (0.3, 0.8),
        _ => (0.8, 1.0),
    };
    if clear < CLEAR || age >= 1.0 {
        return clear * low.min(DOUBTFUL) / age.max(1.0);
    }
    low + (high - low) * (clear - CLEAR) / (1.0 - CLEAR) * (1.0 - age)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::background::Background;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn used(payments: u64, age_ms: u64) -> Used {
        Used {
            payments,
            newest_payment_ms: NOW_MS - age_ms,
        }
    }

    fn background(typical: f64) -> Background {
        Background {
            expected: vec![0.0; PRICE_BINS],
            typical: vec![typical; PRICE_BINS],
            repetition: 1.0,
        }
    }

    /// All probability around two bins.
    fn posterior(peaks: [(usize, f64); 2]) -> Posterior {
        let mut weights = vec![0.0; PRICE_BINS];
        for (bin, weight) in peaks {
            weights[bin - 1] += 0.25 * weight;
            weights[bin] += 0.5 * weight;
            weights[bin + 1] += 0.25 * weight;
        }
        Posterior {
            overall: Row::new(weights.clone()),
            weights: Row::new(weights),
            background: Arc::new(background(0.0)),
            log_evidence: 100.0,
            recent_minutes: 1,
        }
    }

    #[test]
    fn clear_and_fresh_evidence_decides_the_place_in_the_band() {
        for (payments, low, high) in [
            (0, 0.0, 0.3),
            (99, 0.0, 0.3),
            (100, 0.3, 0.8),
            (999, 0.3, 0.8),
            (1000, 0.8, 1.0),
        ] {
            assert_eq!(
                confidence(used(payments, 0), 1.0, NOW_MS),
                high,
                "{payments}"
            );
            assert_eq!(
                confidence(used(payments, 0), CLEAR, NOW_MS),
                low,
                "{payments}"
            );
            let old = confidence(used(payments, 300_000), 1.0, NOW_MS);
            assert!((low..high).contains(&old), "{payments}: {old}");
        }
    }

    #[test]
    fn doubt_pulls_below_the_band_whatever_the_count() {
        for (payments, band) in [(50, 0.0), (500, 0.3), (50_000, 0.5)] {
            for (clear, age_ms) in [(0.9, 0), (1.0, 600_000), (0.5, 10_000_000)] {
                let doubtful = confidence(used(payments, age_ms), clear, NOW_MS);
                assert!(
                    doubtful <= band && doubtful < 0.5,
                    "{payments} {clear} {age_ms}: {doubtful}"
                );
            }
        }
    }

    #[test]
    fn a_rival_as_probable_halves_the_trust() {
        let clear = estimate(
            &posterior([(5000, 1.0), (7000, 1e-9)]),
            used(2000, 0),
            NOW_MS,
        )
        .unwrap();
        let ambiguous = estimate(
            &posterior([(5000, 0.5), (7000, 0.49)]),
            used(2000, 0),
            NOW_MS,
        )
        .unwrap();
        assert!(
            clear.confidence > 0.99 && ambiguous.confidence < 0.5,
            "{clear:?} {ambiguous:?}"
        );
        assert!(ambiguous.evidence.margin < 0.1 && clear.evidence.margin > 15.0);
        assert!((clear.price_usd / grid::price_usd(5000.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn no_more_evidence_than_chance_is_no_price() {
        let chance = Posterior {
            log_evidence: LEAST_EVIDENCE - 0.1,
            ..posterior([(5000, 1.0), (7000, 1e-9)])
        };
        assert_eq!(estimate(&chance, used(2000, 0), NOW_MS), None);
    }

    #[test]
    fn more_minutes_make_the_interval_narrower() {
        let one = posterior([(5000, 1.0), (7000, 1e-9)]);
        let many = Posterior {
            recent_minutes: 15,
            ..one.clone()
        };
        assert!(half_interval(&many, 5000) < 0.5 * half_interval(&one, 5000));
    }

    #[test]
    fn out_of_range_there_is_no_price() {
        for bin in [1, 2000, PRICE_BINS - 2000, PRICE_BINS - 2] {
            let outside = posterior([(bin, 1.0), (5000, 1e-9)]);
            assert_eq!(estimate(&outside, used(2000, 0), NOW_MS), None, "{bin}");
        }
    }

    #[test]
    fn what_was_never_paid_is_doubtful() {
        let usual = posterior([(5000, 1.0), (7000, 1e-9)]);
        let unusual = Posterior {
            background: Arc::new(background(-15.0)),
            ..usual
        };
        let doubtful = estimate(&unusual, used(2000, 0), NOW_MS).unwrap();
        assert!(doubtful.confidence < 0.5, "{doubtful:?}");
    }
}
