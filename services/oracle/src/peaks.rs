//! The shape of a probability over prices: its highest place, its width, and other peaks.

use std::ops::Range;

use multiversion::multiversion;

use crate::grid::PRICE_BINS;
use crate::lanes;
use crate::row::Row;

/// Prices further apart than this, in bins, are rivals: 20 %, which no motion of a minute reaches. The nearest price that
/// maps much of the ladder on to itself is 25 % away.
pub(crate) const RIVAL_BINS: usize = 180;
/// Prices within this many bins of each other are one answer: 1 %.
const SAME_BINS: usize = 10;
/// A peak of probability ends within this many bins: 3 %.
const PEAK_BINS: usize = 30;
/// The best bin is nearly certain if it is more probable than its two neighbours by this many nats.
const STEEP: f64 = 1.0;
/// Probability within this many bins of a price counts as that of the price: 1.5 %.
const SAID_BINS: usize = 15;
/// A peak beside a price lies further from it than the first of these, and at most as far as the second, in bins: 1 and
/// 4.5 %. Anything nearer is the slope of the price's own peak.
const BESIDE_BINS: (usize, usize) = (10, 45);
/// A peak's height is counted from the median of the nats within this many bins: 10 %.
const FLOOR_BINS: usize = 100;
/// The top of a peak is sought within this many bins of the price.
const TOP_BINS: usize = 4;

/// The probability within [`SAME_BINS`] of each bin: the sums of three bins each, then of seven of these threes.
pub(crate) fn masses(weights: &Row) -> Row {
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

/// The sum of each item and of `reach` neighbours on each side, every `step`th item.
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
pub(crate) fn margin(masses: &Row, best: usize) -> f64 {
    let near = around(best, RIVAL_BINS);
    let most = |bins| masses.highest(bins).max(f64::MIN_POSITIVE);
    let far = most(0..near.start).max(most(near.end..PRICE_BINS));
    libm::log(most(near)) - libm::log(far)
}

fn around(bin: usize, reach: usize) -> Range<usize> {
    bin.saturating_sub(reach)..(bin + reach + 1).min(PRICE_BINS)
}

/// The most probable of the bins around the highest mass; of equal ones the last.
pub(crate) fn best(weights: &Row, masses: &Row) -> usize {
    let middle = masses.top();
    let by_weight = |a: &usize, b: &usize| weights.at(*a).total_cmp(&weights.at(*b));
    around(middle, SAME_BINS)
        .max_by(by_weight)
        .unwrap_or(middle)
}

/// The price's place on the grid, which may be between bins: the mean of the probability around the best bin. If the
/// best bin is nearly certain, it is the top of the parabola through the logarithms of that bin and its two neighbours.
pub(crate) fn place(weights: &Row, best: usize) -> f64 {
    // The bin at an end of the grid stands for its missing neighbour.
    let log = |bin: usize| libm::log(weights.at(bin).max(f64::MIN_POSITIVE));
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

/// The distances from a place on the grid, below and above, that enclose the middle `share` of the price's probability,
/// in bins. Half of the rest lies further below, and half further above.
pub(crate) fn reach(weights: &Row, best: usize, place: f64, share: f64) -> (f64, f64) {
    let bins = around(best, RIVAL_BINS);
    let total: f64 = bins.clone().map(|bin| weights.at(bin)).sum();
    let outside = 0.5 * (1.0 - share);
    let quantile = |share: f64| {
        let mut left = share * total;
        for bin in bins.clone() {
            let weight = weights.at(bin);
            if weight >= left && weight > 0.0 {
                return bin as f64 - 0.5 + left / weight;
            }
            left -= weight;
        }
        bins.end as f64 - 0.5
    };
    let (low, high) = (quantile(outside), quantile(1.0 - outside));
    ((place - low).max(0.0), (high - place).max(0.0))
}

/// The probability within [`SAID_BINS`] of a price, as a share of that within [`RIVAL_BINS`].
pub(crate) fn said(weights: &Row, best: usize) -> f64 {
    let sum = |reach| -> f64 { around(best, reach).map(|bin| weights.at(bin)).sum() };
    sum(SAID_BINS) / sum(RIVAL_BINS)
}

/// The highest of the prices beside a price, within the distance of a fee.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbour {
    /// How much higher the price's own peak is, as a share of its height: about 1 if there is no other peak, 0 if both are as
    /// high, negative if the other one is higher.
    pub(crate) lead: f64,
    /// Its distance above the price, in bins; negative if it lies below.
    pub(crate) off: isize,
}

/// Finds the neighbour of the bin `best` in the nats of all prices.
pub(crate) fn neighbour(nats: &[f64], best: usize) -> Neighbour {
    let (near, far) = BESIDE_BINS;
    let below = best.saturating_sub(far)..best.saturating_sub(near);
    let above = (best + near + 1).min(PRICE_BINS)..(best + far + 1).min(PRICE_BINS);
    let by_nats = |a: &usize, b: &usize| nats[*a].total_cmp(&nats[*b]);
    let rival = below.chain(above).max_by(by_nats).unwrap_or(best);
    let top = lanes::highest(&nats[around(best, TOP_BINS)]);
    let mut floor = nats[around(best, FLOOR_BINS)].to_vec();
    let middle = floor.len() / 2;
    let (_, floor, _) = floor.select_nth_unstable_by(middle, f64::total_cmp);
    Neighbour {
        lead: (top - nats[rival]) / (top - *floor).max(f64::MIN_POSITIVE),
        off: rival as isize - best as isize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probability at some bins.
    fn row(peaks: &[(usize, f64)]) -> Row {
        let mut weights = vec![0.0; PRICE_BINS];
        peaks
            .iter()
            .for_each(|(bin, weight)| weights[*bin] = *weight);
        Row::new(weights)
    }

    #[test]
    fn the_reach_is_that_of_a_normal_distribution_and_of_two_peaks() {
        let bell = |bin: usize| (-0.5 * ((bin as f64 - 5000.0) / 20.0).powi(2)).exp();
        let normal: Vec<(usize, f64)> = (4800..5200).map(|bin| (bin, bell(bin))).collect();
        let (below, above) = reach(&row(&normal), 5000, 5000.0, 0.9);
        assert!(
            (below - 32.9).abs() < 0.1 && (above - 32.9).abs() < 0.1,
            "{below} {above}"
        );
        let two = row(&[(5000, 0.8), (5030, 0.2)]);
        let (below, above) = reach(&two, 5000, 5000.0, 0.9);
        assert!(
            below <= 0.5 && (29.5..30.5).contains(&above),
            "{below} {above}"
        );
        assert!((said(&two, 5000) - 0.8).abs() < 1e-9);
    }

    #[test]
    fn a_neighbour_is_found_on_either_side_and_only_as_far_as_a_fee_reaches() {
        let nats = |place: usize, height: f64| {
            let mut nats = vec![1.0; PRICE_BINS];
            (nats[5000], nats[place]) = (21.0, height);
            neighbour(&nats, 5000)
        };
        for off in [-24, 24] {
            let found = nats(5000_usize.saturating_add_signed(off), 16.0);
            assert!(
                (found.lead - 0.25).abs() < 1e-9 && found.off == off,
                "{found:?}"
            );
        }
        assert!(nats(5024, 31.0).lead < -0.4);
        for place in [5005, 5060] {
            assert_eq!(nats(place, 20.0).lead, 1.0, "{place}");
        }
    }

    #[test]
    fn at_the_ends_of_the_grid_there_is_an_answer_too() {
        for best in [0, 5, PRICE_BINS - 5, PRICE_BINS - 1] {
            let row = row(&[(best, 1.0)]);
            assert!(said(&row, best) > 0.99);
            assert!(neighbour(&row.numbers, best).lead > 0.99);
            assert!(reach(&row, best, best as f64, 0.9).0 < 1.0);
        }
    }
}
