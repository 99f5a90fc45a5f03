//! The effect of amounts that lie beside the round sums: round sums less a fee, or plus one, and clusters.
//!
//! A price can explain a minute in two ways. Either only its round sums stand out, or amounts beside them stand out as
//! well, which would be round at another price. Each way counts by its chance, so a price loses less to a higher peak
//! beside it than to one far away.

use multiversion::multiversion;

use crate::exp::{exp, roughly_exp, roughly_ln};
use crate::grid::BIN;
use crate::lanes;
use crate::model::{Clusters, Model};

/// Fees and clusters lie at most this many bins from the price: 5 %.
pub(crate) const REACH: usize = 50;

/// The fees and clusters of a model, as distances in bins of price.
#[derive(Debug)]
pub(crate) struct Beside {
    /// Each fee: its chance, and the number of bins by which its peak lies above the price. A fee that is added makes a
    /// peak below.
    fees: Vec<(f64, isize)>,
    /// The chance that a minute has a cluster.
    chance: f64,
    /// The least distance of a cluster from the price, in bins.
    near: usize,
    /// Its greatest distance, in bins.
    far: usize,
}

impl Beside {
    pub(crate) fn new(model: &Model) -> Self {
        let Clusters { chance, percent } = model.clusters;
        let bins = |percent: f64| (percent / 100.0 / BIN).round();
        let fee = |&(chance, percent): &(f64, f64)| {
            let place = bins(percent).clamp(-(REACH as f64), REACH as f64);
            (chance, place as isize)
        };
        let far = (bins(percent.1) as usize).clamp(1, REACH);
        Self {
            fees: model.fees.fees.iter().map(fee).collect(),
            chance,
            near: (bins(percent.0) as usize).clamp(1, far),
            far,
        }
    }

    /// Adds to each price's nats the effect of a possible fee of the block. `less` is the evidence of the amounts as
    /// round sums with a fee, in nats. Both rows have [`REACH`] bins more on both sides than there are prices to weigh.
    pub(crate) fn with_fees(&self, less: &[f64], nats: &mut [f64], room: &mut Room) {
        if self.fees.is_empty() {
            return;
        }
        let most = likelihoods(less, &mut room.likelihoods);
        let prices = inner(nats);
        room.sums.clear();
        room.sums.resize(prices.len(), 0.0);
        for (chance, place) in &self.fees {
            let from = REACH.saturating_add_signed(*place);
            let beside = room.sums.iter_mut().zip(&room.likelihoods[from..]);
            beside.for_each(|(lift, likelihood)| *lift += chance * likelihood);
        }
        let chance = self.fees.iter().map(|(chance, _)| chance).sum();
        let odds = Odds::new(chance, most);
        let prices = prices.iter_mut().zip(&room.sums);
        prices.for_each(|(nats, lift)| *nats += odds.lifted(*lift));
    }

    /// Adds to each price's nats the effect of a possible cluster of the minute. The row has [`REACH`] bins more on
    /// both sides.
    pub(crate) fn with_clusters(&self, nats: &mut [f64], room: &mut Room) {
        if self.chance == 0.0 {
            return;
        }
        let most = likelihoods(nats, &mut room.likelihoods);
        running_sums(&room.likelihoods, &mut room.sums);
        let places = self.far - self.near + 1;
        let share = self.chance / (2 * places) as f64;
        let [below, above] = [REACH - self.far, REACH + self.near].map(|from| &room.sums[from..]);
        let odds = Odds::new(self.chance, most);
        lift(inner(nats), [below, above], places, share, odds);
    }
}

/// Buffers for intermediate results, reused from call to call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room {
    likelihoods: Vec<f64>,
    sums: Vec<f64>,
}

/// A row without the [`REACH`] bins on both sides.
fn inner(nats: &mut [f64]) -> &mut [f64] {
    let end = nats.len() - REACH;
    &mut nats[REACH..end]
}

/// The amount that a possible peak beside a price adds to its nats. Likelihoods are shares of the highest, so that none
/// overflows.
#[derive(Debug, Clone, Copy)]
struct Odds {
    /// The highest likelihood, in nats.
    most: f64,
    /// The chance that there is no such peak, divided by the highest likelihood.
    without: f64,
    /// The logarithm of that chance before the division, which is the least that is added to a price.
    least: f64,
}

impl Odds {
    fn new(chance: f64, most: f64) -> Self {
        let without = (1.0 - chance).max(0.0);
        Self {
            most,
            without: if most < 700.0 {
                without * exp(-most)
            } else {
                0.0
            },
            least: libm::log(without.max(f64::MIN_POSITIVE)),
        }
    }

    /// The amount to add to a price's nats. `lift` is the likelihood of a peak beside it, times the peak's chance, as a
    /// share of the highest.
    #[inline(always)]
    fn lifted(self, lift: f64) -> f64 {
        let sum = self.without + lift;
        let lifted = (self.most + roughly_ln(sum)).max(self.least);
        if sum > 0.0 { lifted } else { self.least }
    }
}

/// Turns nats into likelihoods, as shares of the highest; returns the highest in nats.
#[multiversion(targets = "simd")]
fn likelihoods(nats: &[f64], likelihoods: &mut Vec<f64>) -> f64 {
    let most = lanes::highest(nats);
    likelihoods.resize(nats.len(), 0.0);
    for (likelihood, nats) in likelihoods.iter_mut().zip(nats) {
        let below = nats - most;
        *likelihood = if below > -700.0 {
            roughly_exp(below)
        } else {
            0.0
        };
    }
    most
}

/// Writes the sum of all numbers before each, and at the end the sum of all. Four are added at a time, because each
/// single addition would wait for the one before it.
fn running_sums(numbers: &[f64], sums: &mut Vec<f64>) {
    sums.resize(numbers.len() + 1, 0.0);
    let (fours, rest) = numbers.as_chunks();
    let mut sum = 0.0;
    for ([a, b, c, d], sums) in fours.iter().zip(sums.as_chunks_mut().0) {
        let (two, other_two) = (a + b, c + d);
        *sums = [sum, sum + a, sum + two, sum + (two + c)];
        sum += two + other_two;
    }
    for (sums, number) in sums[4 * fours.len()..].iter_mut().zip(rest) {
        *sums = sum;
        sum += number;
    }
    sums[numbers.len()] = sum;
}

/// Adds to each price's nats the effect of a cluster at one of `places` bins on each side, each with the chance
/// `share`. The running sums `below` and `above` begin at the first price's lowest place on each side.
#[multiversion(targets = "simd")]
fn lift(nats: &mut [f64], [below, above]: [&[f64]; 2], places: usize, share: f64, odds: Odds) {
    let below = below.iter().zip(&below[places..]);
    let above = above.iter().zip(&above[places..]);
    for ((nats, (a, b)), (c, d)) in nats.iter_mut().zip(below).zip(above) {
        // Rounding can make a difference of running sums negative.
        *nats += odds.lifted(share * ((b - a) + (d - c)).max(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fees;

    const MIDDLE: usize = 100;
    const COUNT: usize = 2 * MIDDLE + 1;

    fn beside(fees: Vec<(f64, f64)>, chance: f64) -> Beside {
        Beside::new(&Model {
            fees: Fees {
                fees,
                ..Model::trained().fees
            },
            clusters: Clusters {
                chance,
                percent: (0.7, 4.5),
            },
            ..Model::trained()
        })
    }

    /// Nats that are 0 except at some places, which are counted from the middle.
    fn wide(peaks: &[(isize, f64)]) -> Vec<f64> {
        let mut wide = vec![0.0; COUNT + 2 * REACH];
        for (place, nats) in peaks {
            wide[(REACH + MIDDLE).saturating_add_signed(*place)] = *nats;
        }
        wide
    }

    fn at(nats: &[f64], place: isize) -> f64 {
        nats[(REACH + MIDDLE).saturating_add_signed(place)]
    }

    /// What fees make of nats, and what clusters do.
    fn with_fees(beside: &Beside, less: &[f64], nats: &[f64]) -> Vec<f64> {
        let mut nats = nats.to_vec();
        beside.with_fees(less, &mut nats, &mut Room::default());
        nats
    }

    fn with_clusters(beside: &Beside, nats: &[f64]) -> Vec<f64> {
        let mut nats = nats.to_vec();
        beside.with_clusters(&mut nats, &mut Room::default());
        nats
    }

    #[test]
    fn running_sums_leave_none_out() {
        for count in 0..20 {
            let numbers: Vec<f64> = (1..=count).map(f64::from).collect();
            let expected: Vec<f64> = (0..=count)
                .map(|end| f64::from(end * (end + 1) / 2))
                .collect();
            let mut sums = vec![7.0; 9];
            running_sums(&numbers, &mut sums);
            assert_eq!(sums, expected);
        }
    }

    #[test]
    fn a_fee_explains_the_higher_of_two_peaks() {
        let beside = beside(vec![(0.05, 2.4)], 0.0);
        // At another distance it explains nothing.
        for (place, expected) in [(24, -15.0), (18, 10.0)] {
            let wide = wide(&[(0, 30.0), (place, 40.0)]);
            let less: Vec<f64> = wide.iter().map(|nats| 0.7 * nats).collect();
            let nats = with_fees(&beside, &less, &wide);
            let off = at(&nats, place) - at(&nats, 0);
            assert!((off - expected).abs() < 0.1, "{place}: {off}");
        }
    }

    #[test]
    fn a_cluster_makes_no_price_beside_it_impossible_and_none_elsewhere_likelier() {
        let beside = beside(Vec::new(), 0.5);
        for place in [-30, 30] {
            let wide = wide(&[(place, 8.0)]);
            let nats = with_clusters(&beside, &wide);
            let off = at(&nats, place) - at(&nats, 0);
            assert!((2.0..5.0).contains(&off), "{off}");
            let far = at(&nats, place) - at(&nats, -2 * place);
            assert!((7.9..8.1).contains(&far), "{far}");
        }
    }

    #[test]
    fn what_is_certain_beyond_all_measure_stays_a_number() {
        let beside = beside(vec![(0.05, 1.2), (0.05, -2.4)], 0.5);
        for most in [-5000.0, 700.0, 5000.0] {
            let wide = wide(&[(0, most), (12, 0.9 * most)]);
            let nats = with_fees(&beside, &wide, &wide);
            assert!(nats.iter().all(|nats| nats.is_finite()), "{most}");
            assert!(at(&nats, 50).abs() < 0.2, "{most}: {}", at(&nats, 50));
            let nats = with_clusters(&beside, &wide);
            assert!(nats.iter().all(|nats| nats.is_finite()), "{most}");
        }
    }

    #[test]
    fn chances_of_one_and_more_stay_numbers() {
        for chance in [0.0, 1.0, 1.5, 1e9] {
            let beside = beside(vec![(0.5 * chance, 1.2), (0.5 * chance, -90.0)], chance);
            for most in [-5000.0, 5000.0] {
                let wide = wide(&[(0, most), (12, 0.9 * most)]);
                let fees = with_fees(&beside, &wide, &wide);
                for nats in [fees, with_clusters(&beside, &wide)] {
                    assert!(nats.iter().all(|nats| nats.is_finite()), "{chance} {most}");
                }
            }
        }
    }
}
