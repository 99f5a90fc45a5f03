//! The price as a hidden chain: how probable each price is, as it moves from minute to minute and evidence comes in.

use std::ops::Range;

use crate::exp::exp;
use crate::grid::{BIN, PRICE_BINS};
use crate::model::Motion;

/// What is less probable than this against all else together is taken as impossible.
const IMPOSSIBLE: f64 = 1e-30;
/// No minute makes a price less probable than another by more than this, in nats: somebody who pays out hundreds of like
/// amounts within a minute, none of them round, would otherwise move the price to where they are. Of 68 blocks spread
/// over ten minutes each, 6 to 10 read 67 right and trust none that is wrong; without a limit it is 65, and 2 wrong.
const MOST_OF_A_MINUTE: f64 = 8.0;

/// The probability of each price as it goes from minute to minute.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) weights: Vec<f64>,
    /// Where the weights are not 0.
    active: Range<usize>,
    /// Room for a value of each bin, and for one on each side.
    scratch: Vec<f64>,
    stay: f64,
    aside: f64,
    jump: f64,
    decay: f64,
    /// A jump beyond so many bins is impossible.
    reach: usize,
    /// The first minute speaks of all prices and in full; later ones of those that are left, and no louder than
    /// [`MOST_OF_A_MINUTE`].
    has_evidence: bool,
}

impl Chain {
    pub(crate) fn new(mut weights: Vec<f64>, motion: Motion) -> Self {
        normalise(&mut weights);
        let calm_bins = motion.calm_percent / 100.0 / BIN;
        let aside = 0.5 * calm_bins * calm_bins * (1.0 - motion.jump);
        let jump_bins = motion.jump_percent / 100.0 / BIN;
        let decay = (-1.0 / jump_bins).exp();
        Self {
            active: 0..PRICE_BINS,
            scratch: vec![0.0; PRICE_BINS + 2],
            weights,
            stay: 1.0 - motion.jump - 2.0 * aside,
            aside,
            jump: motion.jump * (1.0 - decay) / (1.0 + decay),
            decay,
            has_evidence: false,
            reach: (jump_bins * -IMPOSSIBLE.ln()).ceil() as usize,
        }
    }

    /// Lets the price move for one minute: calmly to a bin beside it, or by a jump whose length is distributed as
    /// exp(−length).
    pub(crate) fn step(&mut self) {
        let reached = self.active.start.saturating_sub(self.reach)
            ..(self.active.end + self.reach).min(PRICE_BINS);
        let (weights, jumped) = (
            &mut self.weights[reached.clone()],
            &mut self.scratch[reached.clone()],
        );
        let mut from_below = 0.0;
        for (sum, weight) in jumped.iter_mut().zip(&*weights) {
            *sum = from_below;
            from_below = (from_below + weight) * self.decay;
        }
        let mut from_above = 0.0;
        for (sum, weight) in jumped.iter_mut().zip(&*weights).rev() {
            *sum += from_above + weight;
            from_above = (from_above + weight) * self.decay;
        }
        let mut below = weights[0];
        for bin in 0..weights.len() {
            let here = weights[bin];
            let above = weights.get(bin + 1).copied().unwrap_or(here);
            weights[bin] =
                self.stay * here + self.aside * (below + above) + self.jump * jumped[bin];
            below = here;
        }
        self.active = reached;
    }

    /// The most probable bin.
    pub(crate) fn best(&self) -> usize {
        self.active
            .clone()
            .max_by(|&a, &b| self.weights[a].total_cmp(&self.weights[b]))
            .unwrap_or(self.active.start)
    }

    /// Weighs each price by evidence in nats, which is asked for a range of bins; returns the evidence for all of them
    /// together, in nats.
    pub(crate) fn weigh(&mut self, nats: impl FnOnce(Range<usize>, &mut [f64])) -> f64 {
        let active = self.active.clone();
        // One more on each side, as far from its neighbour as nothing.
        let said = &mut self.scratch[..active.len() + 2];
        nats(active.clone(), &mut said[1..=active.len()]);
        let most = said[1..=active.len()]
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let least = match self.has_evidence {
            true => -MOST_OF_A_MINUTE,
            false => f64::NEG_INFINITY,
        };
        said.iter_mut()
            .for_each(|nats| *nats = (*nats - most).max(least));
        said[0] = said[1];
        said[active.len() + 1] = said[active.len()];
        self.has_evidence = true;
        for (weight, near) in self.weights[active.clone()].iter_mut().zip(said.windows(3)) {
            let likely = across(near[0], near[1], near[2]);
            *weight = if *weight > IMPOSSIBLE {
                *weight * likely
            } else {
                0.0
            };
        }
        let evidence = most + normalise(&mut self.weights[active]).ln();
        self.narrow();
        evidence
    }

    /// Leaves out what has become impossible at both ends.
    fn narrow(&mut self) {
        let is_possible = |weight: &f64| *weight > IMPOSSIBLE;
        let weights = &self.weights[self.active.clone()];
        let (first, last) = (
            weights.iter().position(is_possible).unwrap_or(0),
            weights.iter().rposition(is_possible).unwrap_or(0),
        );
        let narrower = self.active.start + first..self.active.start + last + 1;
        self.weights[self.active.start..narrower.start].fill(0.0);
        self.weights[narrower.end..self.active.end].fill(0.0);
        self.active = narrower;
    }
}

/// The mean likelihood across a bin, from the log likelihood in its middle and in its neighbours': much evidence can make a
/// peak that is narrower than a bin and lies between two.
fn across(below: f64, here: f64, above: f64) -> f64 {
    let (slope, bend) = (0.5 * (above - below), 0.5 * (above + below) - here);
    let (third, ninth) = (slope / 3.0, bend / 9.0);
    (exp(here + ninth - third) + exp(here) + exp(here + ninth + third)) / 3.0
}

/// Makes the sum 1; returns what it was.
fn normalise(weights: &mut [f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_keeps_the_sum_and_the_middle() {
        let mut weights = vec![0.0; PRICE_BINS];
        weights[6000] = 1.0;
        let mut chain = Chain::new(weights, crate::Model::trained().motion);
        (0..30).for_each(|_| chain.step());
        let sum: f64 = chain.weights.iter().sum();
        let mean: f64 = chain
            .weights
            .iter()
            .enumerate()
            .map(|(bin, weight)| bin as f64 * weight)
            .sum();
        assert!(
            (sum - 1.0).abs() < 1e-9 && (mean - 6000.0).abs() < 1e-6,
            "{sum} {mean}"
        );
    }

    #[test]
    fn a_peak_between_two_bins_loses_nothing() {
        let nats = |off: f64| -8.0 * off * off;
        let middle = across(nats(-1.0), nats(0.0), nats(1.0))
            + 2.0 * across(nats(0.0), nats(1.0), nats(2.0));
        let between = 2.0 * across(nats(-0.5), nats(0.5), nats(1.5))
            + 2.0 * across(nats(0.5), nats(1.5), nats(2.5));
        assert!((middle / between - 1.0).abs() < 0.1, "{middle} {between}");
    }
}
