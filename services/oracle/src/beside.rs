//! Peaks beside the true one: what a minute says of a price if some of its amounts are round sums less or plus something.
//!
//! A price is explained by a minute in two ways: its round sums are paid, or they are, and beside them lie others that would
//! be round at another price. The second way costs the chance that it is so, and takes nothing from the first; it leaves a
//! peak that is lower, or that stands elsewhere than the minute before, with some of its probability.

use multiversion::multiversion;

use crate::exp::{exp, ln};
use crate::grid::BIN;
use crate::lanes;
use crate::model::{Clusters, Model};

/// No peak is sought further from the price than this, in bins: 5 %.
pub(crate) const REACH: usize = 50;

/// What lies beside the round sums.
#[derive(Debug)]
pub(crate) struct Beside {
    /// Each fee as its chance and how many bins above the price the peak of what is paid lies.
    fees: Vec<(f64, isize)>,
    chance: f64,
    /// From how many bins beside the price on, and how many more, clusters lie.
    near: usize,
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

    /// What a block says of each price, in nats, where it may have a fee. `nats` are what it says without one; `less` are what
    /// the sums less a fee say, of the same bins and of [`REACH`] more on both sides.
    pub(crate) fn with_fees(&self, mut less: Vec<f64>, nats: &mut [f64]) {
        if self.fees.is_empty() {
            return;
        }
        let most = likelihoods(&mut less);
        let mut lifts = vec![0.0; nats.len()];
        for (chance, place) in &self.fees {
            let from = REACH.saturating_add_signed(*place);
            let beside = lifts.iter_mut().zip(&less[from..]);
            beside.for_each(|(lift, likelihood)| *lift += chance * likelihood);
        }
        let chance = self.fees.iter().map(|(chance, _)| chance).sum();
        let odds = Odds::new(chance, most);
        let prices = nats.iter_mut().zip(&lifts);
        prices.for_each(|(nats, lift)| *nats += odds.lifted(*lift));
    }

    /// What a minute says of each price, in nats, where it may have a cluster. `nats` are what it says without one; `wide` are
    /// the same with [`REACH`] bins more on both sides.
    pub(crate) fn with_clusters(&self, mut wide: Vec<f64>, nats: &mut [f64]) {
        if self.chance == 0.0 {
            return;
        }
        let most = likelihoods(&mut wide);
        let sums = running_sums(&wide);
        let places = self.far - self.near + 1;
        let share = self.chance / (2 * places) as f64;
        let [below, above] = [REACH - self.far, REACH + self.near].map(|from| &sums[from..]);
        let odds = Odds::new(self.chance, most);
        lift(nats, [below, above], places, share, odds);
    }
}

/// What a chance that something lies beside a price is worth where it is as likely as `most`, in nats, at the likeliest.
#[derive(Debug, Clone, Copy)]
struct Odds {
    most: f64,
    /// The chance that there is nothing, beside that likelihood; and its logarithm.
    without: f64,
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
            least: without.max(f64::MIN_POSITIVE).ln(),
        }
    }

    /// What to add to the nats of a price beside which something so likely lies, as a share of the likeliest.
    #[inline(always)]
    fn lifted(self, lift: f64) -> f64 {
        let sum = self.without + lift;
        let lifted = (self.most + ln(sum)).max(self.least);
        if sum > 0.0 { lifted } else { self.least }
    }
}

/// Makes nats the likelihood of each as a share of the highest; returns that one, in nats.
#[multiversion(targets = "simd")]
fn likelihoods(nats: &mut [f64]) -> f64 {
    let most = lanes::highest(nats);
    for nats in nats {
        let below = *nats - most;
        *nats = if below > -700.0 { exp(below) } else { 0.0 };
    }
    most
}

/// The sum of all before each, and of all. Four at a time, because one would have to wait for the other.
fn running_sums(numbers: &[f64]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(numbers.len() + 1);
    let mut sum = 0.0;
    let (fours, rest) = numbers.as_chunks();
    for [a, b, c, d] in fours {
        let (two, rest) = (a + b, c + d);
        sums.extend([sum, sum + a, sum + two, sum + (two + c)]);
        sum += two + rest;
    }
    for number in rest {
        sums.push(sum);
        sum += number;
    }
    sums.push(sum);
    sums
}

/// Adds to the nats of each price what a cluster adds that lies at so many places on both sides; from running sums that begin
/// where these do.
#[multiversion(targets = "simd")]
fn lift(nats: &mut [f64], [below, above]: [&[f64]; 2], places: usize, share: f64, odds: Odds) {
    let below = below.iter().zip(&below[places..]);
    let above = above.iter().zip(&above[places..]);
    for ((nats, (a, b)), (c, d)) in nats.iter_mut().zip(below).zip(above) {
        // Rounding may leave less than nothing.
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

    /// So many nats at places counted from the middle.
    fn wide(peaks: &[(isize, f64)]) -> Vec<f64> {
        let mut wide = vec![0.0; COUNT + 2 * REACH];
        for (place, nats) in peaks {
            wide[(REACH + MIDDLE).saturating_add_signed(*place)] = *nats;
        }
        wide
    }

    /// What those say that are not beside.
    fn within(wide: &[f64]) -> Vec<f64> {
        wide[REACH..REACH + COUNT].to_vec()
    }

    fn at(nats: &[f64], place: isize) -> f64 {
        nats[MIDDLE.saturating_add_signed(place)]
    }

    #[test]
    fn a_fee_explains_the_higher_of_two_peaks() {
        let beside = beside(vec![(0.05, 2.4)], 0.0);
        // At another distance it explains nothing.
        for (place, expected) in [(24, -15.0), (18, 10.0)] {
            let wide = wide(&[(0, 30.0), (place, 40.0)]);
            let less: Vec<f64> = wide.iter().map(|nats| 0.7 * nats).collect();
            let mut nats = within(&wide);
            beside.with_fees(less, &mut nats);
            let off = at(&nats, place) - at(&nats, 0);
            assert!((off - expected).abs() < 0.1, "{place}: {off}");
        }
    }

    #[test]
    fn a_cluster_makes_no_price_beside_it_impossible_and_none_elsewhere_likelier() {
        let beside = beside(Vec::new(), 0.5);
        for place in [-30, 30] {
            let wide = wide(&[(place, 8.0)]);
            let mut nats = within(&wide);
            beside.with_clusters(wide.clone(), &mut nats);
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
            let mut nats = within(&wide);
            beside.with_fees(wide.clone(), &mut nats);
            assert!(nats.iter().all(|nats| nats.is_finite()), "{most}");
            assert!(at(&nats, 50).abs() < 0.2, "{most}: {}", at(&nats, 50));
            let mut nats = within(&wide);
            beside.with_clusters(wide.clone(), &mut nats);
            assert!(nats.iter().all(|nats| nats.is_finite()), "{most}");
        }
    }

    #[test]
    fn chances_of_one_and_more_stay_numbers() {
        for chance in [0.0, 1.0, 1.5, 1e9] {
            let beside = beside(vec![(0.5 * chance, 1.2), (0.5 * chance, -90.0)], chance);
            for most in [-5000.0, 5000.0] {
                let wide = wide(&[(0, most), (12, 0.9 * most)]);
                let (mut fees, mut clusters) = (within(&wide), within(&wide));
                beside.with_fees(wide.clone(), &mut fees);
                beside.with_clusters(wide.clone(), &mut clusters);
                for nats in [fees, clusters] {
                    assert!(nats.iter().all(|nats| nats.is_finite()), "{chance} {most}");
                }
            }
        }
    }
}
