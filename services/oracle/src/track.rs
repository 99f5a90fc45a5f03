//! The pass forward over the window's minutes: how probable each price is now, given all of them.
//!
//! The price is a hidden chain: from one minute to the next it moves a little, seldom more, and never by a factor. Each
//! minute's evidence makes some prices more probable and others less (the forward algorithm of a hidden Markov model,
//! Rabiner 1989).

use std::ops::Range;

use crate::grid::{BIN, PRICE_BINS};
use crate::kernel::{Kernel, STEPS_PER_NAT};
use crate::minutes::{MINUTE_MS, Minute, Minutes};
use crate::model::Motion;
use crate::window::WINDOW_MS;

/// Half the width of the moving average that smooths the amounts into a background, in bins: 0.03 decades.
const BACKGROUND_BINS: usize = 69;
/// From one minute with payments to the next no price moves so far, in bins: 10 %.
const LEAP_BINS: isize = 100;
/// Minutes that share in the newest price.
const RECENT_MINUTES: u64 = 15;
/// What is less probable than this against all else together is taken as impossible. So little that half an hour of payments
/// that misled do not rule out the price for good.
const IMPOSSIBLE: f64 = 1e-100;
/// A jump that is less probable than this is taken as impossible.
const IMPOSSIBLE_JUMP: f64 = 1e-30;

/// How probable each price is.
#[derive(Debug, Clone)]
pub(crate) struct Posterior {
    /// Probability of each bin of price; the sum is 1.
    pub(crate) weights: Vec<f64>,
    /// How much better the window is explained by round sums at some price than without any, in nats.
    pub(crate) log_evidence: f64,
    /// How probable each price is, in proportion to the best, if it moved as the best one did and what repeats itself is
    /// counted once: to compare prices so far apart that no motion leads from one to the other.
    pub(crate) overall: Vec<f64>,
    /// How well each price fits what is paid as a whole, in nats below the best possible fit.
    pub(crate) typical: Vec<f64>,
    /// How many times over the evidence repeats itself where whole factors of price are compared, 1 or more.
    pub(crate) repetition: f64,
    /// How many of the last minutes have evidence, 1 or more.
    pub(crate) recent_minutes: usize,
}

/// The probability of each price at `now_ms`, or none where there is no amount.
pub(crate) fn forward(minutes: &Minutes, now_ms: u64) -> Option<Posterior> {
    let end_ms = now_ms.saturating_add(1);
    let used = || minutes.range(end_ms.saturating_sub(WINDOW_MS), end_ms);
    let (first, _) = used().next()?;
    let values: usize = used().map(|(_, held)| held.values as usize).sum();
    let kernel = minutes.kernel();
    let temperature = kernel.model.temperature;
    let expected = expected(minutes, kernel, values);
    let typical = typical(minutes, kernel, values);
    let repetition = 1.0 + values as f64 / kernel.model.independent_values;
    let mut chain = Chain::new(prior(&typical, repetition), kernel.model.motion);
    let (mut log_evidence, mut before) = (0.0, first);
    let mut path = Vec::new();
    let nats = |held: &Minute, bin: usize| {
        f64::from(held.evidence[bin]) / STEPS_PER_NAT - f64::from(held.values) * expected[bin]
    };
    for (minute, held) in used() {
        (before..minute).for_each(|_| chain.step());
        before = minute;
        log_evidence += chain.weigh(|bin| nats(held, bin) / temperature);
        path.push(chain.best());
    }
    let mut overall = typical.clone();
    for ((_, held), drift) in used().zip(drifts(&path)) {
        for (bin, overall) in overall.iter_mut().enumerate() {
            if let Some(then) = bin
                .checked_add_signed(drift)
                .filter(|&then| then < PRICE_BINS)
            {
                *overall += nats(held, then) / (temperature * repetition);
            }
        }
    }
    (before..now_ms / MINUTE_MS).for_each(|_| chain.step());
    let recent_ms = now_ms.saturating_sub(RECENT_MINUTES * MINUTE_MS);
    let recent_minutes = minutes.range(recent_ms, end_ms).count().max(1);
    Some(Posterior {
        weights: chain.weights,
        log_evidence,
        overall: proportions(overall),
        typical,
        repetition,
        recent_minutes,
    })
}

/// How far the price lay above its last place at each step of its path, in bins. A leap is no motion but a change of mind.
fn drifts(path: &[usize]) -> Vec<isize> {
    let mut drift = 0;
    let mut drifts = vec![0; path.len()];
    for step in (1..path.len()).rev() {
        let back = path[step - 1] as isize - path[step] as isize;
        drift += if back.abs() <= LEAP_BINS { back } else { 0 };
        drifts[step - 1] = drift;
    }
    drifts
}

/// The evidence against each price that one amount brings for not being a round sum, on average, in nats.
fn expected(minutes: &Minutes, kernel: &Kernel, values: usize) -> Vec<f64> {
    let sums = running_sums(minutes.histogram().iter().map(|&count| f64::from(count)));
    let all = minutes.histogram().len();
    let density: Vec<f64> = (0..all)
        .map(|bin| {
            let (from, to) = (
                bin.saturating_sub(BACKGROUND_BINS),
                (bin + BACKGROUND_BINS + 1).min(all),
            );
            (sums[to] - sums[from]) / (to - from) as f64
        })
        .collect();
    let mut expected = kernel.expected(&density);
    let total = sums[all].max(values as f64).max(1.0);
    expected.iter_mut().for_each(|nats| *nats /= total);
    expected
}

/// How well each price fits what is paid as a whole, in nats below the best possible fit.
fn typical(minutes: &Minutes, kernel: &Kernel, values: usize) -> Vec<f64> {
    median_sats(minutes.histogram())
        .and_then(|median_sats| kernel.typical(median_sats, values))
        .unwrap_or_else(|| vec![0.0; PRICE_BINS])
}

/// How probable each price is before any evidence: by what is paid as a whole, raised to the power by which the evidence
/// repeats itself, so that their proportion is that of independent amounts.
fn prior(typical: &[f64], repetition: f64) -> Vec<f64> {
    proportions(typical.iter().map(|nats| repetition * nats).collect())
}

/// Probabilities in proportion to the highest, from their logarithms.
fn proportions(mut nats: Vec<f64>) -> Vec<f64> {
    let most = nats.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    nats.iter_mut()
        .for_each(|nats| *nats = (*nats - most).exp());
    nats
}

/// The median of the distinct amounts.
fn median_sats(histogram: &[u32]) -> Option<f64> {
    let total: u64 = histogram.iter().map(|&count| u64::from(count)).sum();
    let mut below = 0;
    let middle = histogram.iter().position(|&count| {
        below += u64::from(count);
        2 * below >= total && total > 0
    })?;
    Some(((middle as f64 + 0.5) * BIN).exp())
}

/// The probability of each price as it goes from minute to minute.
struct Chain {
    weights: Vec<f64>,
    /// Where the weights are not 0.
    active: Range<usize>,
    scratch: Vec<f64>,
    stay: f64,
    aside: f64,
    jump: f64,
    decay: f64,
    /// A jump beyond so many bins is impossible.
    reach: usize,
}

impl Chain {
    fn new(mut weights: Vec<f64>, motion: Motion) -> Self {
        normalise(&mut weights);
        let calm_bins = motion.calm_percent / 100.0 / BIN;
        let aside = 0.5 * calm_bins * calm_bins * (1.0 - motion.jump);
        let jump_bins = motion.jump_percent / 100.0 / BIN;
        let decay = (-1.0 / jump_bins).exp();
        Self {
            active: 0..PRICE_BINS,
            scratch: vec![0.0; PRICE_BINS],
            weights,
            stay: 1.0 - motion.jump - 2.0 * aside,
            aside,
            jump: motion.jump * (1.0 - decay) / (1.0 + decay),
            decay,
            reach: (jump_bins * -IMPOSSIBLE_JUMP.ln()).ceil() as usize,
        }
    }

    /// Lets the price move for one minute: calmly to a bin beside it, or by a jump whose length is distributed as
    /// exp(−length).
    fn step(&mut self) {
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
    fn best(&self) -> usize {
        self.active
            .clone()
            .max_by(|&a, &b| self.weights[a].total_cmp(&self.weights[b]))
            .unwrap_or(self.active.start)
    }

    /// Weighs each price by evidence in nats; returns the evidence for all of them together, in nats.
    fn weigh(&mut self, nats: impl Fn(usize) -> f64) -> f64 {
        let active = self.active.clone();
        active.clone().for_each(|bin| self.scratch[bin] = nats(bin));
        let most = self.scratch[active.clone()]
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        for bin in active.clone() {
            if self.weights[bin] > IMPOSSIBLE {
                let (below, here) = (
                    self.scratch[bin.saturating_sub(1).max(active.start)],
                    self.scratch[bin],
                );
                let above = self.scratch[(bin + 1).min(active.end - 1)];
                self.weights[bin] *= across(below - most, here - most, above - most);
            } else {
                self.weights[bin] = 0.0;
            }
        }
        let evidence = most + normalise(&mut self.weights[self.active.clone()]).ln();
        while self.active.len() > 1 && self.weights[self.active.start] <= IMPOSSIBLE {
            self.weights[self.active.start] = 0.0;
            self.active.start += 1;
        }
        while self.active.len() > 1 && self.weights[self.active.end - 1] <= IMPOSSIBLE {
            self.active.end -= 1;
            self.weights[self.active.end] = 0.0;
        }
        evidence
    }
}

/// The mean likelihood across a bin, from the log likelihood in its middle and in its neighbours': much evidence can make a
/// peak that is narrower than a bin and lies between two.
fn across(below: f64, here: f64, above: f64) -> f64 {
    let (slope, bend) = (0.5 * (above - below), 0.5 * (above + below) - here);
    let at = |place: f64| (here + slope * place + bend * place * place).exp();
    (at(-1.0 / 3.0) + at(0.0) + at(1.0 / 3.0)) / 3.0
}

/// Makes the sum 1; returns what it was.
fn normalise(weights: &mut [f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    sum
}

/// The sum of all items before each, and of all.
fn running_sums(items: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = vec![0.0];
    sums.extend(items.map(|item| {
        sum += item;
        sum
    }));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drifts_follow_motion_and_ignore_leaps() {
        assert_eq!(drifts(&[]), []);
        assert_eq!(drifts(&[500, 510, 490, 490]), [10, 20, 0, 0]);
        assert_eq!(drifts(&[7000, 505, 500]), [5, 5, 0]);
    }

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
