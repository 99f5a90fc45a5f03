//! Turns the probabilities of all prices into an answer: a price, its interval and its confidence.

use std::ops::RangeInclusive;

use crate::estimate::{Estimate, Evidence, NINETY_PERCENT};
use crate::grid::BIN;
use crate::kernel::Kernel;
use crate::peaks::{self, Neighbour};
use crate::track::Posterior;

/// The least evidence for a price, in nats, that is an answer: 3 to 1 against chance.
pub(crate) const LEAST_EVIDENCE: f64 = 1.0;
/// The variance of the shared error halves over this many minutes with payments. Payments of one block share an error
/// because their senders look at one market, and often pay through one service; an hour or two later both have changed.
/// Measured on blocks: alone, spread over ten minutes, and 3, 6 and 18 in a row.
const SHARED_MINUTES: f64 = 50.0;
/// A peak beside the price leaves the price in doubt unless it is lower by this share of the height of the price's own peak.
const LEAST_LEAD: f64 = 0.5;
/// Bins by which the interval reaches beyond the top of such a peak.
const BEYOND: f64 = 3.0;
/// A price that is less probable than this beside its rivals is ambiguous.
const CLEAR: f64 = 0.95;
/// A price without a payment for this long is stale, milliseconds: ten minutes.
const STALE_MS: f64 = 600_000.0;
/// The highest confidence in a price that is ambiguous or stale.
const DOUBTFUL: f64 = 0.49;

/// A price whose fit to the median amount is this many nats below the best possible one is as likely wrong as right:
/// the median payment lies more than four standard deviations from where it was ever seen.
const UNLIKE_NATS: f64 = 9.0;

/// The payments that were used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) payments: u64,
    pub(crate) newest_payment_ms: u64,
}

/// The answer at `now_ms`, Unix milliseconds. `None` if round sums at the best price explain the payments no better
/// than chance, or if that price is out of range.
pub(crate) fn estimate(
    posterior: &Posterior,
    kernel: &Kernel,
    used: Used,
    now_ms: u64,
) -> Option<Estimate> {
    let evidence = posterior.log_evidence / posterior.background.repetition;
    if evidence < LEAST_EVIDENCE {
        return None;
    }
    let masses = peaks::masses(&posterior.weights);
    let best = peaks::best(&posterior.weights, &masses);
    let place = peaks::place(&posterior.weights, best);
    let price_usd = kernel.scale.price_usd(place);
    if !kernel.scale.answers_usd().contains(&price_usd) {
        return None;
    }
    let margin = peaks::margin(&peaks::masses(&posterior.overall), best);
    let neighbour = peaks::neighbour(&posterior.together, best);
    let clear = probability(margin)
        * probability(peaks::margin(&masses, best))
        * probability(evidence)
        * probability(posterior.background.typical[best] + UNLIKE_NATS)
        * peaks::said(&posterior.weights, best)
        * alone(neighbour);
    let shared = shared(kernel.model.shared_percent, posterior.minutes);
    let (below, above) = interval(posterior, best, place, shared, neighbour);
    Some(Estimate {
        price_usd,
        low_usd: price_usd / libm::exp(below),
        high_usd: price_usd * libm::exp(above),
        confidence: confidence(used, kernel.model.least_trusted_payments, clear, now_ms),
        evidence: Evidence {
            payments: used.payments,
            margin,
            newest_payment_ms: used.newest_payment_ms,
        },
    })
}

/// The probability that the true price is not at the peak beside it: 0.5 if both are equally high, because heights
/// hardly tell which of two peaks is made by a fee.
pub(crate) fn alone(neighbour: Neighbour) -> f64 {
    match neighbour.lead < LEAST_LEAD {
        true => (0.5 + 0.5 * neighbour.lead).max(0.0),
        false => 1.0,
    }
}

/// Half the width of the 90 % interval of the shared error alone, as a natural logarithm. `percent` is the error's standard
/// deviation in one block, `minutes` the number of minutes with payments.
fn shared(percent: f64, minutes: usize) -> f64 {
    let others = 1.0 + (minutes.max(1) - 1) as f64 / SHARED_MINUTES;
    NINETY_PERCENT * percent / 100.0 / others.sqrt()
}

/// The distances of the 90 % interval's ends below and above the price at `place`, as natural logarithms. A peak that
/// leaves the price in doubt lies within the interval.
fn interval(
    posterior: &Posterior,
    best: usize,
    place: f64,
    shared: f64,
    neighbour: Neighbour,
) -> (f64, f64) {
    let (below, above) = peaks::reach(&posterior.weights, best, place, 0.9);
    let wider = |bins: f64| libm::hypot(bins * BIN, shared);
    let (below, above) = (wider(below), wider(above));
    // The distance of the peak above the price, in bins. `off` counts from the best bin, which may be some bins from
    // the price.
    let off = best as f64 + neighbour.off as f64 - place;
    reaching(below, above, neighbour, off)
}

/// The distances of an interval's ends below and above a price, as natural logarithms. The interval is widened to hold
/// the peak, `off` bins above the price, if that peak leaves the price in doubt.
pub(crate) fn reaching(below: f64, above: f64, neighbour: Neighbour, off: f64) -> (f64, f64) {
    match neighbour.lead < LEAST_LEAD {
        true => (
            below.max((BEYOND - off) * BIN),
            above.max((BEYOND + off) * BIN),
        ),
        false => (below, above),
    }
}

/// The probability with these log odds.
pub(crate) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

/// The confidence in a price that is right with probability `clear` and rests on payments that may be old.
///
/// The number of payments gives a band (see [`band`]); clear and fresh evidence gives the place in it. An ambiguous or stale
/// price falls below the band, and so does one that rests on fewer than `least_trusted` payments.
fn confidence(used: Used, least_trusted: u64, clear: f64, now_ms: u64) -> f64 {
    let age = now_ms.saturating_sub(used.newest_payment_ms) as f64 / STALE_MS;
    if clear < CLEAR || age >= 1.0 || used.payments < least_trusted {
        return clear * band(used.payments).start().min(DOUBTFUL) / age.max(1.0);
    }
    let (low, high) = band(used.payments).into_inner();
    low + (high - low) * (clear - CLEAR) / (1.0 - CLEAR) * (1.0 - age)
}

/// The confidence in a price of the past that is right with probability `clear`: see [`confidence`].
pub(crate) fn placed(payments: u64, clear: f64) -> f64 {
    let used = Used {
        payments,
        newest_payment_ms: 0,
    };
    confidence(used, 0, clear, 0)
}

/// The range of confidence that this number of payments can give.
fn band(payments: u64) -> RangeInclusive<f64> {
    match payments {
        0..100 => 0.0..=0.3,
        100..1000 => 0.3..=0.8,
        _ => 0.8..=1.0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::background::Background;
    use crate::grid::PRICE_BINS;
    use crate::model::Model;
    use crate::row::Row;

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
            together: peaks
                .map(|(bin, weight)| (bin, 100.0 * weight))
                .iter()
                .fold(vec![0.0; PRICE_BINS], |mut nats, (bin, height)| {
                    nats[*bin] = *height;
                    nats
                }),
            log_evidence: 100.0,
            minutes: 1,
        }
    }

    fn read(posterior: &Posterior, used: Used) -> Option<Estimate> {
        estimate(posterior, &Kernel::new(Model::trained()), used, NOW_MS)
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
                confidence(used(payments, 0), 0, 1.0, NOW_MS),
                high,
                "{payments}"
            );
            assert_eq!(
                confidence(used(payments, 0), 0, CLEAR, NOW_MS),
                low,
                "{payments}"
            );
            let old = confidence(used(payments, 300_000), 0, 1.0, NOW_MS);
            assert!((low..high).contains(&old), "{payments}: {old}");
        }
    }

    #[test]
    fn doubt_pulls_below_the_band_whatever_the_count() {
        for (payments, band) in [(50, 0.0), (500, 0.3), (50_000, 0.5)] {
            for (clear, age_ms) in [(0.9, 0), (1.0, 600_000), (0.5, 10_000_000)] {
                let doubtful = confidence(used(payments, age_ms), 0, clear, NOW_MS);
                assert!(
                    doubtful <= band && doubtful < 0.5,
                    "{payments} {clear} {age_ms}: {doubtful}"
                );
            }
        }
    }

    #[test]
    fn a_rival_as_probable_halves_the_trust() {
        let clear = read(&posterior([(5000, 1.0), (7000, 1e-9)]), used(2000, 0)).unwrap();
        let ambiguous = read(&posterior([(5000, 0.5), (7000, 0.49)]), used(2000, 0)).unwrap();
        assert!(
            clear.confidence > 0.99 && ambiguous.confidence < 0.5,
            "{clear:?} {ambiguous:?}"
        );
        assert!(ambiguous.evidence.margin < 0.1 && clear.evidence.margin > 15.0);
        let scale = Kernel::new(Model::trained()).scale;
        assert!((clear.price_usd / scale.price_usd(5000.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_peak_beside_the_price_leaves_it_in_doubt_and_lies_within_the_interval() {
        for off in [-24, 24] {
            let beside = 5000_usize.saturating_add_signed(off);
            // However sure the minutes are of one of the two.
            let two = Posterior {
                together: posterior([(5000, 0.5), (beside, 0.45)]).together,
                ..posterior([(5000, 1.0), (7000, 1e-9)])
            };
            let doubted = read(&two, used(2000, 0)).unwrap();
            let other_usd = doubted.price_usd * (off as f64 * BIN).exp();
            assert!(doubted.confidence < 0.5, "{doubted:?}");
            assert!(
                (doubted.low_usd..doubted.high_usd).contains(&other_usd),
                "{doubted:?}"
            );
            let one = Posterior {
                together: posterior([(5000, 0.5), (beside, 0.2)]).together,
                ..two
            };
            assert!(read(&one, used(2000, 0)).unwrap().confidence > 0.99);
        }
    }

    #[test]
    fn the_interval_holds_the_peak_beside_a_price_that_lies_off_its_best_bin() {
        for side in [-1, 1] {
            let at = |off: isize| 5000_usize.saturating_add_signed(side * off);
            let mut weights = vec![0.0; PRICE_BINS];
            (-30..=10).for_each(|off| weights[at(off)] = 1.0);
            weights[5000] = 1.01;
            let mut together = vec![0.0; PRICE_BINS];
            (together[5000], together[at(24)]) = (50.0, 45.0);
            let skewed = Posterior {
                overall: Row::new(weights.clone()),
                weights: Row::new(weights),
                together,
                ..posterior([(5000, 1.0), (7000, 1e-9)])
            };
            let doubted = read(&skewed, used(2000, 0)).unwrap();
            let scale = Kernel::new(Model::trained()).scale;
            let rival_usd = scale.price_usd(at(24) as f64);
            assert!(
                (doubted.low_usd..doubted.high_usd).contains(&rival_usd),
                "{rival_usd}: {doubted:?}"
            );
        }
    }

    #[test]
    fn too_few_payments_are_never_trusted() {
        for (payments, most) in [(3999, 0.49), (4000, 1.0)] {
            let answer = confidence(used(payments, 0), 4000, 1.0, NOW_MS);
            assert!((most - answer).abs() < 1e-9, "{payments}: {answer}");
        }
    }

    #[test]
    fn no_more_evidence_than_chance_is_no_price() {
        let chance = Posterior {
            log_evidence: LEAST_EVIDENCE - 0.1,
            ..posterior([(5000, 1.0), (7000, 1e-9)])
        };
        assert_eq!(read(&chance, used(2000, 0)), None);
    }

    #[test]
    fn hours_make_the_interval_narrower_and_minutes_hardly() {
        let width = |minutes: usize| {
            let posterior = Posterior {
                minutes,
                ..posterior([(5000, 1.0), (7000, 1e-9)])
            };
            let answer = read(&posterior, used(2000, 0)).unwrap();
            (answer.high_usd / answer.low_usd).ln()
        };
        let one = width(1);
        assert!(width(10) > 0.9 * one && width(181) < 0.6 * one && width(181) > 0.4 * one);
    }

    #[test]
    fn out_of_range_there_is_no_price() {
        for bin in [1, 2000, PRICE_BINS - 2000, PRICE_BINS - 2] {
            let outside = posterior([(bin, 1.0), (5000, 1e-9)]);
            assert_eq!(read(&outside, used(2000, 0)), None, "{bin}");
        }
    }

    #[test]
    fn what_was_never_paid_is_doubtful() {
        let usual = posterior([(5000, 1.0), (7000, 1e-9)]);
        let unusual = Posterior {
            background: Arc::new(background(-15.0)),
            ..usual
        };
        let doubtful = read(&unusual, used(2000, 0)).unwrap();
        assert!(doubtful.confidence < 0.5, "{doubtful:?}");
    }
}
