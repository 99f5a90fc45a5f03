//! The pass forward over the window's minutes: how probable each price is now, given all of them.
//!
//! The price is a hidden chain: from one minute to the next it moves a little, seldom more, and never by a factor. Each
//! minute's evidence makes some prices more probable and others less (the forward algorithm of a hidden Markov model,
//! Rabiner 1989).

use std::collections::BTreeMap;
use std::ops::Range;

use crate::chain::Chain;
use crate::grid::{BIN, PRICE_BINS};
use crate::kernel::{Kernel, STEPS_PER_NAT};
use crate::minutes::{MINUTE_MS, Minute, Minutes};
use crate::window::WINDOW_MS;

/// Half the width of the moving average that smooths the amounts into a background, in bins: 0.03 decades.
const BACKGROUND_BINS: usize = 69;
/// From one minute with payments to the next no price moves so far, in bins: 10 %.
const LEAP_BINS: isize = 100;
/// Prices further apart than this, in bins, are rivals: 20 %, which no motion of a minute reaches. The nearest price that
/// maps much of the ladder on to itself is 25 % away.
pub(crate) const RIVAL_BINS: usize = 180;
/// Minutes that share in the newest price.
const RECENT_MINUTES: u64 = 15;

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
///
/// A pass that has begun with the wrong one of two prices a whole factor apart does not find back: no motion leads from one
/// to the other. So where all minutes together, each counted alike, favour another price than the pass has ended with, it is
/// made again near that one.
pub(crate) fn forward(minutes: &Minutes, now_ms: u64) -> Option<Posterior> {
    let view = View::new(minutes, now_ms)?;
    let anywhere = view.pass(prior(&view.typical, view.repetition));
    let overall = view.overall(&anywhere.path);
    let favoured = maximum(&overall);
    let pass = match anywhere.chain.best().abs_diff(favoured) > RIVAL_BINS {
        true => view.pass_near(favoured, &anywhere.path),
        false => anywhere,
    };
    let recent_ms = now_ms.saturating_sub(RECENT_MINUTES * MINUTE_MS);
    let recent_minutes = minutes.range(recent_ms, view.end_ms).count().max(1);
    Some(Posterior {
        weights: pass.chain.weights,
        log_evidence: pass.log_evidence,
        overall,
        typical: view.typical,
        repetition: view.repetition,
        recent_minutes,
    })
}

/// What the window's minutes say, read at one moment.
struct View<'a> {
    minutes: &'a Minutes,
    now_ms: u64,
    /// The moment after which nothing counts, Unix milliseconds.
    end_ms: u64,
    /// The first minute since 1970 that has an amount.
    first: u64,
    /// See [`expected`].
    expected: Vec<f64>,
    /// See [`Posterior::typical`].
    typical: Vec<f64>,
    /// See [`Posterior::repetition`].
    repetition: f64,
}

/// A pass over all minutes.
struct Pass {
    chain: Chain,
    /// The evidence for all prices together, in nats.
    log_evidence: f64,
    /// The most probable bin after each minute with an amount.
    path: Vec<usize>,
}

impl<'a> View<'a> {
    fn new(minutes: &'a Minutes, now_ms: u64) -> Option<Self> {
        let end_ms = now_ms.saturating_add(1);
        let used = || minutes.range(end_ms.saturating_sub(WINDOW_MS), end_ms);
        let (first, _) = used().next()?;
        let values: usize = used().map(|(_, held)| held.values as usize).sum();
        let kernel = minutes.kernel();
        Some(Self {
            minutes,
            now_ms,
            end_ms,
            first,
            expected: expected(minutes, kernel, values),
            typical: typical(minutes, kernel, values),
            repetition: 1.0 + values as f64 / kernel.model.independent_values,
        })
    }

    fn used(&self) -> impl Iterator<Item = (u64, &'a Minute)> {
        self.minutes
            .range(self.end_ms.saturating_sub(WINDOW_MS), self.end_ms)
    }

    /// What a minute says of each of some prices, in nats.
    fn nats(&self, held: &Minute, bins: Range<usize>, nats: &mut [f64]) {
        let temperature = self.minutes.kernel().model.temperature;
        let (per_step, values) = (
            1.0 / (STEPS_PER_NAT * temperature),
            f64::from(held.values) / temperature,
        );
        let said = held.evidence[bins.clone()].iter();
        for ((nats, said), expected) in nats.iter_mut().zip(said).zip(&self.expected[bins]) {
            *nats = f64::from(*said) * per_step - values * expected;
        }
    }

    fn pass(&self, prior: Vec<f64>) -> Pass {
        let mut chain = Chain::new(prior, self.minutes.kernel().model.motion);
        let (mut log_evidence, mut before) = (0.0, self.first);
        let mut path = Vec::new();
        for (minute, held) in self.used() {
            (before..minute).for_each(|_| chain.step());
            before = minute;
            log_evidence += chain.weigh(|bins, nats| self.nats(held, bins, nats));
            path.push(chain.best());
        }
        (before..self.now_ms / MINUTE_MS).for_each(|_| chain.step());
        Pass {
            chain,
            log_evidence,
            path,
        }
    }

    /// A pass that begins near where the price was if it is at `bin` now and moved as `path` did.
    fn pass_near(&self, bin: usize, path: &[usize]) -> Pass {
        let drift = drifts(path).first().copied().unwrap_or(0);
        let then = bin.saturating_add_signed(drift).min(PRICE_BINS - 1);
        let mut prior = proportions(self.typical.clone());
        let all: f64 = prior.iter().sum();
        for (at, weight) in prior.iter_mut().enumerate() {
            if at.abs_diff(then) > RIVAL_BINS / 2 {
                *weight = 0.0;
            }
        }
        let near: f64 = prior.iter().sum();
        let mut pass = self.pass(prior);
        // What is near has only its share of what was believed before.
        pass.log_evidence += (near / all).ln();
        pass
    }

    /// See [`Posterior::overall`].
    fn overall(&self, path: &[usize]) -> Vec<f64> {
        let mut steps = vec![0; PRICE_BINS];
        let mut values_by_drift: BTreeMap<isize, u32> = BTreeMap::new();
        for ((_, held), drift) in self.used().zip(drifts(path)) {
            for (sum, said) in moved(&mut steps, &held.evidence, drift) {
                *sum += i64::from(*said);
            }
            *values_by_drift.entry(drift).or_default() += held.values;
        }
        let mut expected = vec![0.0; PRICE_BINS];
        for (drift, values) in values_by_drift {
            let values = f64::from(values);
            for (sum, nats) in moved(&mut expected, &self.expected, drift) {
                *sum += values * nats;
            }
        }
        let share = 1.0 / (self.minutes.kernel().model.temperature * self.repetition);
        let said = steps.into_iter().zip(expected).zip(&self.typical);
        proportions(
            said.map(|((steps, expected), typical)| {
                typical + share * (steps as f64 / STEPS_PER_NAT - expected)
            })
            .collect(),
        )
    }
}

/// Each item of one row beside that of another which lies `drift` further on; where there is none, none.
fn moved<'a, A, B>(
    row: &'a mut [A],
    other: &'a [B],
    drift: isize,
) -> impl Iterator<Item = (&'a mut A, &'a B)> {
    let (skipped, from) = ((-drift).max(0) as usize, drift.max(0) as usize);
    let (skipped, from) = (skipped.min(row.len()), from.min(other.len()));
    row[skipped..].iter_mut().zip(&other[from..])
}

fn maximum(weights: &[f64]) -> usize {
    let most = |a: &(usize, &f64), b: &(usize, &f64)| a.1.total_cmp(b.1);
    weights
        .iter()
        .enumerate()
        .max_by(most)
        .map_or(0, |(bin, _)| bin)
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
}
