//! The price as a hidden chain: the probability of each price as it moves from minute to minute and evidence comes in.

use std::ops::Range;

use multiversion::multiversion;

use crate::beside::REACH;
use crate::exp::exp;
use crate::grid::{BIN, PRICE_BINS};
use crate::lanes;
use crate::model::Motion;
use crate::row::Row;

/// A weight below this counts as impossible; the sum of all weights is 1.
const IMPOSSIBLE: f64 = 1e-20;
/// Limit of the first minute's evidence, in nats: a price that is less likely by more is impossible anyway.
const MOST_AT_FIRST: f64 = 600.0;
/// The power to which [`across`] expects its likelihoods to be raised.
const ROOT: f64 = 1.0 / 18.0;

/// The probabilities of all prices, from minute to minute.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The weight of each possible bin; the sum is 1.
    pub(crate) weights: Row,
    step: Step,
    /// Limit of all evidence after the first, in nats: it makes no price less probable than another by more.
    most_nats: f64,
    /// Whether evidence has been weighed; the first has the wider limit [`MOST_AT_FIRST`].
    has_evidence: bool,
    room: Room,
}

/// The chances of the price's moves within one minute, by distance in bins.
#[derive(Debug, Clone, Copy)]
struct Step {
    stay: f64,
    /// The chance of a move to the bin above; the move to the bin below has the same chance.
    aside: f64,
    /// A jump to a bin at a distance has this chance, times [`Step::decay`] to the power of that distance.
    jump: f64,
    decay: f64,
}

/// Buffers for intermediate results, reused from minute to minute.
#[derive(Debug, Clone, Default)]
struct Room {
    /// The weight that jumps to each bin from all bins below it, then from all above it; not yet multiplied by
    /// [`Step::jump`].
    from_below: Vec<f64>,
    from_above: Vec<f64>,
    /// The weights of the next minute.
    next: Vec<f64>,
    /// The evidence of a minute for each bin, with [`REACH`] more on each side.
    said: Vec<f64>,
}

impl Step {
    fn new(motion: Motion) -> Self {
        let calm_bins = motion.calm_percent / 100.0 / BIN;
        let aside = 0.5 * calm_bins * calm_bins * (1.0 - motion.jump);
        let jump_bins = motion.jump_percent / 100.0 / BIN;
        let decay = libm::exp(-1.0 / jump_bins);
        Self {
            stay: 1.0 - motion.jump - 2.0 * aside,
            aside,
            jump: motion.jump * (1.0 - decay) / (1.0 + decay),
            decay,
        }
    }

    /// The number of bins beyond the last one that a jump can reach before it is impossible; `arriving` jumps to the
    /// first of them.
    fn reach(&self, arriving: f64) -> usize {
        let bins = libm::log(IMPOSSIBLE / (self.jump * arriving)) / libm::log(self.decay);
        bins.ceil().max(1.0) as usize
    }
}

impl Chain {
    /// A chain that begins with weights of all bins, whose sum need not be 1. `most_nats` limits all evidence after the
    /// first.
    pub(crate) fn new(mut weights: Vec<f64>, motion: Motion, most_nats: f64) -> Self {
        let sum: f64 = lanes::sum(&weights);
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self {
            weights: Row::new(weights),
            step: Step::new(motion),
            most_nats,
            has_evidence: false,
            room: Room::default(),
        }
    }

    /// A chain whose first evidence is limited as later evidence is.
    pub(crate) fn limited(weights: Vec<f64>, motion: Motion, most_nats: f64) -> Self {
        Self {
            has_evidence: true,
            ..Self::new(weights, motion, most_nats)
        }
    }

    /// Lets the price move for one minute: calmly to a bin beside it, or by a jump whose length is distributed as
    /// exp(−length).
    pub(crate) fn step(&mut self) {
        let (step, bins) = (self.step, self.weights.bins());
        let weights = &mut self.weights.numbers;
        let Room {
            from_below,
            from_above,
            next,
            ..
        } = &mut self.room;
        let (upwards, downwards) = jumps(weights, from_below, from_above, step.decay);
        let down = step.reach(downwards).min(bins.start);
        let up = step.reach(upwards).min(PRICE_BINS - bins.end);
        next.resize(down + bins.len() + up, 0.0);
        let (below, rest) = next.split_at_mut(down);
        let (within, above) = rest.split_at_mut(bins.len());
        move_within(within, weights, from_below, from_above, step);
        fade(below.iter_mut().rev(), step.jump * downwards, step.decay);
        fade(above.iter_mut(), step.jump * upwards, step.decay);
        // A calm move beyond an end of the grid stays at it; a jump beyond is lost.
        let (lowest, highest) = (weights[0], weights[bins.len() - 1]);
        next[down.saturating_sub(1)] += step.aside * lowest;
        let last = next.len() - 1;
        next[(down + bins.len()).min(last)] += step.aside * highest;
        std::mem::swap(weights, next);
        self.weights.first = bins.start - down;
    }

    /// Weighs each price by evidence in nats, and returns the evidence for all prices together, in nats. The closure
    /// gets the range of bins and a slice to write to. The slice has [`REACH`] numbers more on each side, which the
    /// closure may use.
    pub(crate) fn weigh(&mut self, nats: impl FnOnce(Range<usize>, &mut [f64])) -> f64 {
        let bins = self.weights.bins();
        let said = &mut self.room.said;
        said.resize(bins.len() + 2 * REACH, 0.0);
        nats(bins.clone(), said);
        // One neighbour on each side is kept.
        let said = &mut said[REACH - 1..=REACH + bins.len()];
        let limit = match self.has_evidence {
            true => self.most_nats,
            false => MOST_AT_FIRST,
        };
        self.has_evidence = true;
        let evidence = weigh(&mut self.weights.numbers, said, limit);
        self.narrow();
        evidence
    }

    /// Drops the bins at both ends that have become impossible.
    fn narrow(&mut self) {
        let Row { first, numbers } = &mut self.weights;
        let is_possible = |weight: &f64| *weight > IMPOSSIBLE;
        let last = numbers.iter().rposition(is_possible).unwrap_or(0);
        numbers.truncate(last + 1);
        let impossible = numbers.iter().position(is_possible).unwrap_or(0);
        numbers.drain(..impossible);
        *first += impossible;
    }
}

/// Writes the weight that jumps to each bin from all bins below it and from all above. Returns the weights that arrive
/// at the first bin beyond each end, upwards and downwards.
fn jumps(
    weights: &[f64],
    from_below: &mut Vec<f64>,
    from_above: &mut Vec<f64>,
    decay: f64,
) -> (f64, f64) {
    from_below.resize(weights.len(), 0.0);
    from_above.resize(weights.len(), 0.0);
    let squared = decay * decay;
    let powers = [decay, squared, squared * decay, squared * squared];
    let (blocks, rest) = weights.as_chunks();
    let (arriving, rest_arriving) = from_below.as_chunks_mut();
    let mut upwards = 0.0;
    for (block, arriving) in blocks.iter().zip(arriving) {
        *arriving = carried(*block, &mut upwards, powers);
    }
    for (weight, arriving) in rest.iter().zip(rest_arriving) {
        *arriving = upwards;
        upwards = (upwards + weight) * decay;
    }
    let (rest, blocks) = weights.as_rchunks();
    let (rest_arriving, arriving) = from_above.as_rchunks_mut();
    let mut downwards = 0.0;
    for (&[a, b, c, d], arriving) in blocks.iter().zip(arriving).rev() {
        *arriving = carried([d, c, b, a], &mut downwards, powers);
        arriving.reverse();
    }
    for (weight, arriving) in rest.iter().zip(rest_arriving).rev() {
        *arriving = downwards;
        downwards = (downwards + weight) * decay;
    }
    (upwards, downwards)
}

/// The weight that arrives at each of four bins from all bins before it, in the direction of the jumps. `arriving` is
/// that of the first bin; it becomes that of the bin after the four. Four are done at a time, because one by one each
/// would wait for the one before.
#[inline(always)]
fn carried(weights: [f64; 4], arriving: &mut f64, powers: [f64; 4]) -> [f64; 4] {
    let [decay, second, third, fourth] = powers;
    let one = weights[0] * decay;
    let two = (one + weights[1]) * decay;
    let three = (two + weights[2]) * decay;
    let four = (three + weights[3]) * decay;
    let first = *arriving;
    *arriving = first * fourth + four;
    [
        first,
        first * decay + one,
        first * second + two,
        first * third + three,
    ]
}

/// Writes `arriving` to the first bin, and `decay` times the last number to each next one.
fn fade<'a>(bins: impl Iterator<Item = &'a mut f64>, mut arriving: f64, decay: f64) {
    for bin in bins {
        *bin = arriving;
        arriving *= decay;
    }
}

/// Writes the weights of the next minute for the same bins; nothing arrives from beyond them.
#[multiversion(targets = "simd")]
fn move_within(
    next: &mut [f64],
    weights: &[f64],
    from_below: &[f64],
    from_above: &[f64],
    step: Step,
) {
    let jumped = from_below.iter().zip(from_above);
    for ((next, here), (below, above)) in next.iter_mut().zip(weights).zip(jumped) {
        *next = step.stay * here + step.jump * (below + above + here);
    }
    let ends = 1..next.len();
    for (next, below) in next[ends.clone()].iter_mut().zip(weights) {
        *next += step.aside * below;
    }
    for (next, above) in next.iter_mut().zip(&weights[ends]) {
        *next += step.aside * above;
    }
}

/// Multiplies each bin's weight by the likelihood of its evidence `said`, in nats, and returns the evidence for all
/// bins together, in nats. No bin is made less probable than another by more than `limit`. `said` has one number more
/// on each side, and is overwritten.
#[multiversion(targets = "simd")]
fn weigh(weights: &mut [f64], said: &mut [f64], limit: f64) -> f64 {
    let count = weights.len();
    let most = lanes::highest(&said[1..=count]);
    for nats in &mut said[1..=count] {
        *nats = exp((*nats - most).max(-limit) * ROOT);
    }
    // Beyond each end the likelihood is taken to be that of the last bin.
    said[0] = said[1];
    said[count + 1] = said[count];
    let (below, here, above) = (&said[..count], &said[1..=count], &said[2..]);
    let near = below.iter().zip(here).zip(above);
    for (weight, ((below, here), above)) in weights.iter_mut().zip(near) {
        let weighed = *weight * across(*below, *here, *above);
        *weight = if *weight > IMPOSSIBLE { weighed } else { 0.0 };
    }
    let sum = lanes::sum(weights);
    let scale = 1.0 / sum;
    weights.iter_mut().for_each(|weight| *weight *= scale);
    most + libm::log(sum)
}

/// The mean likelihood across a bin, from the likelihoods at its middle and at its neighbours' middles, because much
/// evidence can make a peak that is narrower than a bin and lies between two. It is the mean of three places, a third
/// of a bin apart, on the parabola through the logarithms.
///
/// Each likelihood is given as its 18th root, of which all three places are whole powers, so that one exponential for
/// each bin suffices.
#[inline(always)]
fn across(below: f64, here: f64, above: f64) -> f64 {
    let squared = |x: f64| x * x;
    let cubed = |x: f64| x * x * x;
    let middle = squared(cubed(cubed(here)));
    // With b, h and a for below, here and above: the places on both sides are h¹⁶ a⁴ ÷ b² and h¹⁶ b⁴ ÷ a².
    let sides = squared(squared(squared(squared(here))))
        * (squared(cubed(above)) + squared(cubed(below)))
        / squared(above * below);
    (1.0 / 3.0) * (middle + sides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_keeps_the_sum_and_the_middle() {
        let mut weights = vec![0.0; PRICE_BINS];
        weights[6000] = 1.0;
        let mut chain = Chain::new(weights, crate::Model::trained().motion, 8.0);
        (0..30).for_each(|_| chain.step());
        let (weights, bins) = (&chain.weights.numbers, chain.weights.bins());
        let sum: f64 = weights.iter().sum();
        let mean: f64 = weights
            .iter()
            .zip(bins)
            .map(|(weight, bin)| bin as f64 * weight)
            .sum();
        assert!(
            (sum - 1.0).abs() < 1e-9 && (mean - 6000.0).abs() < 1e-6,
            "{sum} {mean}"
        );
    }

    #[test]
    fn a_peak_between_two_bins_loses_nothing() {
        let root = |off: f64| (-8.0 * off * off * ROOT).exp();
        let middle = across(root(-1.0), root(0.0), root(1.0))
            + 2.0 * across(root(0.0), root(1.0), root(2.0));
        let between = 2.0 * across(root(-0.5), root(0.5), root(1.5))
            + 2.0 * across(root(0.5), root(1.5), root(2.5));
        assert!((middle / between - 1.0).abs() < 0.1, "{middle} {between}");
    }
}
