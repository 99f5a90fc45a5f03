//! A simple estimator, kept to compare the real one with.
//!
//! It slides the ladder of round sums along a histogram of the amounts' logarithms, less the histogram's smooth
//! background. The price is where the two fit best.

use std::collections::BTreeMap;

use crate::estimate::{Estimate, Evidence};
use crate::grid::SATS_PER_BTC;
use crate::window::Window;

/// Round sums in dollars, ascending, with the weight of each: about how strongly it stands out of the background.
const LADDER: [(f64, f64); 37] = [
    (1.0, 0.3),
    (2.0, 0.3),
    (3.0, 0.3),
    (4.0, 0.3),
    (5.0, 0.5),
    (6.0, 0.2),
    (7.0, 0.2),
    (8.0, 0.2),
    (10.0, 1.0),
    (12.0, 0.2),
    (15.0, 0.5),
    (20.0, 1.0),
    (25.0, 0.5),
    (30.0, 0.8),
    (35.0, 0.2),
    (40.0, 0.5),
    (50.0, 1.2),
    (60.0, 0.4),
    (70.0, 0.3),
    (80.0, 0.3),
    (100.0, 1.5),
    (150.0, 0.7),
    (200.0, 1.0),
    (250.0, 0.5),
    (300.0, 0.7),
    (350.0, 0.2),
    (400.0, 0.4),
    (500.0, 0.8),
    (600.0, 0.3),
    (700.0, 0.2),
    (800.0, 0.2),
    (1000.0, 0.7),
    (1500.0, 0.3),
    (2000.0, 0.4),
    (3000.0, 0.3),
    (5000.0, 0.3),
    (10000.0, 0.2),
];
/// Bins for each factor of ten in amount or price.
const BINS_PER_DECADE: f64 = 1000.0;
/// The histogram begins at 1000 satoshi and ends ten decades later.
const FIRST_DECADE: f64 = 3.0;
const BINS: usize = 10_000;
/// The prices that are searched: four decades from $1,000 on.
const FIRST_PRICE_DECADE: f64 = 3.0;
const PRICE_BINS: usize = 4001;
/// Half the width of the moving average that makes the background, in bins.
const BACKGROUND_BINS: usize = 30;
/// Half the width of a round sum's peak, in bins, and its standard deviation.
const PEAK_BINS: i64 = 4;
const PEAK_SIGMA_BINS: f64 = 1.5;
/// A bin counts at most this many standard deviations above its background: spam repeats amounts.
const CLIP_SIGMAS: f64 = 6.0;
/// Time in milliseconds over which a payment's weight falls to 1/e.
const AGE_SCALE_MS: f64 = 15.0 * 60.0 * 1000.0;
/// The least score, in standard deviations, that is evidence of a price: the best of 4000 chance scores reaches 4.
const LEAST_SCORE: f64 = 5.0;
/// Rivals lie at least this far, in bins, from the best price.
const RIVAL_BINS: usize = 30;

/// The price at `now_ms` (Unix milliseconds); `None` if the window shows none.
#[must_use]
pub fn estimate(window: &Window, now_ms: u64) -> Option<Estimate> {
    let (newest_payment_ms, _) = window.current(now_ms).last()?;
    let payments = window.current(now_ms).count() as u64;
    let histogram = histogram(window, now_ms);
    let scores = scores(&histogram);
    let (best, score) = highest(scores.iter().copied().enumerate())?;
    if score < LEAST_SCORE {
        return None;
    }
    let rivals = scores
        .iter()
        .copied()
        .enumerate()
        .filter(|(bin, _)| bin.abs_diff(best) > RIVAL_BINS);
    let (_, rival_score) = highest(rivals)?;
    let margin = libm::log(score / rival_score.max(1.0));
    let price_usd = libm::pow(
        10.0,
        FIRST_PRICE_DECADE + (best as f64 + vertex(&scores, best)) / BINS_PER_DECADE,
    );
    let spread = libm::pow(10.0, 4.0 * PEAK_SIGMA_BINS / BINS_PER_DECADE / score.sqrt());
    Some(Estimate {
        price_usd,
        low_usd: price_usd / spread,
        high_usd: price_usd * spread,
        confidence: confidence(payments, margin),
        evidence: Evidence {
            payments,
            margin,
            newest_payment_ms,
        },
    })
}

/// The bin and the value of the highest score; the last of equal ones.
fn highest(scores: impl Iterator<Item = (usize, f64)>) -> Option<(usize, f64)> {
    scores.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The histogram of distinct values by their logarithm, each with the weight of its newest payment.
fn histogram(window: &Window, now_ms: u64) -> Vec<f64> {
    let mut weights: BTreeMap<u64, f64> = BTreeMap::new();
    for (first_seen_ms, values) in window.current(now_ms) {
        let weight = libm::exp(-((now_ms - first_seen_ms) as f64) / AGE_SCALE_MS);
        weights.extend(values.iter().map(|&value_sats| (value_sats, weight)));
    }
    let mut histogram = vec![0.0; BINS];
    for (value_sats, weight) in weights {
        let bin = (libm::log10(value_sats as f64) - FIRST_DECADE) * BINS_PER_DECADE;
        if let Some(count) = (bin >= 0.0)
            .then(|| histogram.get_mut(bin as usize))
            .flatten()
        {
            *count += weight;
        }
    }
    histogram
}

/// The moving average of a histogram.
fn background(histogram: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    sums.extend(histogram.iter().scan(0.0, |sum, count| {
        *sum += count;
        Some(*sum)
    }));
    (0..histogram.len())
        .map(|bin| {
            let from = bin.saturating_sub(BACKGROUND_BINS);
            let to = (bin + BACKGROUND_BINS + 1).min(histogram.len());
            (sums[to] - sums[from]) / (to - from) as f64
        })
        .collect()
}

/// The fit of each price, in standard deviations of a score by chance.
fn scores(histogram: &[f64]) -> Vec<f64> {
    let background = background(histogram);
    let excess: Vec<f64> = histogram
        .iter()
        .zip(&background)
        .map(|(h, b)| (h - b).min(CLIP_SIGMAS * b.sqrt()))
        .collect();
    let ladder: Vec<(f64, f64)> = LADDER
        .iter()
        .map(|&(round_usd, weight)| (rung_bins(round_usd), weight))
        .collect();
    (0..PRICE_BINS)
        .map(|price_bin| {
            let (mut sum, mut variance) = (0.0, 0.0f64);
            for (rung, weight) in &ladder {
                let centre = rung - price_bin as f64;
                for offset in -PEAK_BINS..=PEAK_BINS {
                    let Ok(bin) = usize::try_from(centre.floor() as i64 + offset) else {
                        continue;
                    };
                    let Some(excess) = excess.get(bin) else {
                        continue;
                    };
                    let off_bins = bin as f64 + 0.5 - centre;
                    let peak = weight
                        * libm::exp(
                            -0.5 * (off_bins / PEAK_SIGMA_BINS) * (off_bins / PEAK_SIGMA_BINS),
                        );
                    sum += peak * excess;
                    variance += peak * peak * background[bin];
                }
            }
            if variance > 0.0 {
                sum / variance.sqrt()
            } else {
                0.0
            }
        })
        .collect()
}

/// The place of a round sum's amount at the lowest price searched, in bins.
fn rung_bins(round_usd: f64) -> f64 {
    let value_sats = round_usd * SATS_PER_BTC / libm::pow(10.0, FIRST_PRICE_DECADE);
    (libm::log10(value_sats) - FIRST_DECADE) * BINS_PER_DECADE
}

/// The top of the parabola through the best bin and its neighbours, −0.5 to 0.5 bins from the best.
fn vertex(scores: &[f64], best: usize) -> f64 {
    let at = |bin: Option<usize>| bin.and_then(|bin| scores.get(bin)).copied();
    let (Some(before), Some(after)) = (at(best.checked_sub(1)), at(best.checked_add(1))) else {
        return 0.0;
    };
    let curvature = before - 2.0 * scores[best] + after;
    if curvature < 0.0 {
        (0.5 * (before - after) / curvature).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}

/// The confidence. It grows with the number of payments, within fixed bands, and is lower the nearer the best rival
/// comes.
fn confidence(payments: u64, margin: f64) -> f64 {
    let (from, to, low, high) = match payments {
        0..100 => (0.0, 100.0, 0.0, 0.3),
        100..1000 => (100.0, 1000.0, 0.3, 0.8),
        _ => (1000.0, 10_000.0, 0.8, 1.0),
    };
    let by_count = low + (high - low) * ((payments as f64 - from) / (to - from)).min(1.0);
    let clearness = (margin / 0.3).clamp(0.0, 1.0);
    by_count * clearness.max(0.1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    /// Payments of each round sum at $64,000, a little off, and others of any size between them.
    fn market(rounds: u64) -> Window {
        let mut window = Window::new();
        let sums = [
            5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0,
        ];
        for number in 0..rounds * sums.len() as u64 {
            let share = |step: f64| (number as f64 * step).fract();
            let quoted = sums[(number % sums.len() as u64) as usize]
                * (1.0 + 0.004 * (share(0.618_034) - 0.5));
            let other = 10f64.powf(3.5 + 4.0 * share(0.414_214));
            let values = [quoted / 64_000.0 * SATS_PER_BTC, other].map(|value| value as u64);
            window.insert(NOW_MS - number, &values);
        }
        window
    }

    #[test]
    fn the_price_is_where_the_sums_fit_best() {
        for rounds in [8, 60] {
            let estimate = estimate(&market(rounds), NOW_MS).unwrap();
            assert!(
                (estimate.price_usd / 64_000.0 - 1.0).abs() < 0.005,
                "{estimate:?}"
            );
            assert!(
                estimate.low_usd < estimate.price_usd && estimate.price_usd < estimate.high_usd
            );
        }
    }

    #[test]
    fn the_number_of_payments_gives_the_band_and_a_near_rival_takes_it_away() {
        for (payments, band) in [(50, 0.0..=0.3), (500, 0.3..=0.8), (5000, 0.8..=1.0)] {
            assert!(band.contains(&confidence(payments, 1.0)), "{payments}");
            assert!(confidence(payments, 0.0) < 0.11, "{payments}");
        }
    }

    #[test]
    fn without_round_sums_there_is_none() {
        assert_eq!(estimate(&Window::new(), NOW_MS), None);
        let mut window = Window::new();
        for number in 0..500_u64 {
            let value = 10f64.powf(3.5 + 4.0 * (number as f64 * 0.414_214).fract());
            window.insert(NOW_MS - number, &[value as u64]);
        }
        assert_eq!(estimate(&window, NOW_MS), None);
    }
}
