//! The probability of each price now, given all minutes of the window.
//!
//! The evidence of the minutes before the current ten is worked out once and kept ([`Settled`]) until one of them
//! changes, so that an estimate goes over the newer minutes alone. The result is the same to the bit as if nothing had
//! been kept.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::background::{Background, proportions};
use crate::grid::{self, PRICE_BINS};
use crate::kernel;
use crate::minute::{MINUTE_MS, SLOT_MINUTES, WINDOW_MS};
use crate::minutes::Minutes;
use crate::pass::{Pass, View, drifts};
use crate::peaks::RIVAL_BINS;
use crate::row::Row;

/// Minutes are settled only if they have at least this many times the amounts of the newer ones, because fewer are no
/// background for these.
const SETTLED_TIMES: u32 = 4;

/// The probabilities of all prices, given the window.
#[derive(Debug, Clone)]
pub(crate) struct Posterior {
    /// Probability of each bin of price; the sum is 1.
    pub(crate) weights: Row,
    /// How much better round sums at some price explain the window than chance does, in nats.
    pub(crate) log_evidence: f64,
    /// The probability of each price, in proportion to the best, if the price moved as the best one did and repeated
    /// evidence is counted once. It compares prices that are too far apart for any motion to lead from one to the
    /// other.
    pub(crate) overall: Row,
    /// The background that the evidence was compared with.
    pub(crate) background: Arc<Background>,
    /// The evidence of all minutes for each price, in nats, if the price moved as the best one did. Fees and clusters
    /// are left out: each minute counts by its round sums alone.
    pub(crate) together: Vec<f64>,
    /// The number of minutes with an amount, 1 or more.
    pub(crate) minutes: usize,
}

/// The evidence of the minutes before the current ten.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    minutes: Range<u64>,
    background: Arc<Background>,
    pass: Pass,
    /// The evidence of all these minutes for each price of the last of them, in nats, if the price moved as the best
    /// one did.
    together: Vec<f64>,
}

/// The probability of each price at `now_ms`, Unix milliseconds; `None` if the window has no amount. The value `kept`
/// from one call to the next saves work and changes nothing.
///
/// A pass that begins with the wrong one of two prices a whole factor apart does not come back to the right one,
/// because no motion leads from one to the other. So all minutes are also added up, each counted alike. If their sum
/// favours another price than the pass ends with, the pass is made again near that price.
pub(crate) fn forward(
    minutes: &mut Minutes,
    kept: &mut Option<Settled>,
    now_ms: u64,
) -> Option<Posterior> {
    let now = now_ms / MINUTE_MS;
    let used = used(now);
    minutes.within(&used).next()?;
    let (old, new) = parts(minutes, &used);
    // If the older minutes are too few to be a background, the background is that of all minutes.
    let have_stayed = minutes.hold_together(if old.is_empty() { &used } else { &old });
    let settled = match kept.take() {
        Some(kept) if kept.minutes == old && have_stayed => kept,
        _ => Settled::new(minutes, old),
    };
    let view = View {
        minutes,
        background: &settled.background,
    };
    let mut pass = settled.pass.clone();
    view.go_on(&mut pass, &new);
    pass.wait(now);
    let together = settled.together(&view, &pass.path, &new);
    let overall = settled.overall(&together);
    let favoured = overall.top();
    if pass.chain.weights.top().abs_diff(favoured) > RIVAL_BINS {
        pass = pass_near(&view, favoured, &pass.path, &used);
        pass.wait(now);
    }
    let posterior = Posterior {
        weights: pass.chain.weights,
        log_evidence: pass.log_evidence,
        overall,
        background: Arc::clone(&settled.background),
        together,
        minutes: minutes.within(&used).count().max(1),
    };
    *kept = Some(settled);
    Some(posterior)
}

/// The minutes that count, up to the current one. They begin at a whole multiple of ten minutes, so that no payment
/// leaves them before the next ten begins.
fn used(now: u64) -> Range<u64> {
    let first = now + SLOT_MINUTES - now % SLOT_MINUTES;
    first.saturating_sub(WINDOW_MS / MINUTE_MS)..now + 1
}

/// The minutes before the current ten, none if they have too few amounts; and the other minutes.
fn parts(minutes: &Minutes, used: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let now = used.end - 1;
    let slot = (now - now % SLOT_MINUTES).max(used.start);
    let count = |range: &Range<u64>| -> u32 {
        let held = minutes.within(range);
        held.map(|(_, held)| held.values).sum()
    };
    let (old, new) = (used.start..slot, slot..used.end);
    match count(&old) >= SETTLED_TIMES * count(&new) {
        true => (old, new),
        false => (used.start..used.start, used.clone()),
    }
}

impl Settled {
    /// Reads these minutes, whose evidence is held as one sum. If the range is empty, the sum gives only the
    /// background.
    fn new(minutes: &mut Minutes, range: Range<u64>) -> Self {
        let background = Background::new(
            minutes.kernel(),
            minutes.stack().histogram(),
            minutes.stack().values(),
        );
        let view = View {
            minutes,
            background: &background,
        };
        let mut pass = view.begin(background.prior());
        view.go_on(&mut pass, &range);
        let drifts = drifts(&pass.path);
        minutes.settle(&drifts);
        let together = match range.is_empty() {
            true => vec![0.0; PRICE_BINS],
            false => together(minutes, &background, &drifts),
        };
        Self {
            minutes: range,
            background: Arc::new(background),
            pass,
            together,
        }
    }

    /// See [`Posterior::together`]; `path` is the path over these minutes and the `new` ones.
    fn together(&self, view: &View<'_>, path: &[usize], new: &Range<u64>) -> Vec<f64> {
        let old = self.pass.path.len();
        // The drifts begin at the last old minute, if there is one: the price has moved by its drift since.
        let drifts = drifts(&path[old.saturating_sub(1)..]);
        let (back, drifts) = drifts.split_at(old.min(1));
        let mut together = vec![0.0; PRICE_BINS];
        let (to, from) = grid::moved(back.first().copied().unwrap_or(0));
        let rows = together[to..].iter_mut().zip(&self.together[from..]);
        rows.for_each(|(sum, nats)| *sum = *nats);
        view.add(&mut together, new, drifts);
        together
    }

    /// See [`Posterior::overall`]; `together` is the evidence of all minutes.
    fn overall(&self, together: &[f64]) -> Row {
        let share = 1.0 / self.background.repetition;
        let rows = together.iter().zip(&self.background.typical);
        let nats = rows.map(|(nats, typical)| typical + share * nats);
        Row::new(proportions(nats.collect()))
    }
}

/// The evidence of the minutes in the sum for each price of now, in nats. `drifts` says for each minute how many bins above
/// its present place the price lay then.
fn together(minutes: &Minutes, background: &Background, drifts: &[isize]) -> Vec<f64> {
    let temperature = minutes.kernel().model.temperature;
    let mut values = BTreeMap::new();
    for ((_, held), drift) in minutes.within(minutes.stack().minutes()).zip(drifts) {
        *values.entry(*drift).or_insert(0.0) += f64::from(held.values);
    }
    let mut together = minutes.stack().nats();
    for (drift, values) in values {
        let (to, from) = grid::moved(drift);
        let expected = &background.expected[from..];
        kernel::add_scaled(&mut together[to..], expected, -values);
    }
    together.iter_mut().for_each(|nats| *nats /= temperature);
    together
}

/// A pass over the `used` minutes for a price that is at `bin` now and moved as `path` did; it begins near its first
/// place.
fn pass_near(view: &View<'_>, bin: usize, path: &[usize], used: &Range<u64>) -> Pass {
    let drift = drifts(path).first().copied().unwrap_or(0);
    let then = bin.saturating_add_signed(drift).min(PRICE_BINS - 1);
    let mut prior = proportions(view.background.typical.clone());
    let all: f64 = prior.iter().sum();
    for (at, weight) in prior.iter_mut().enumerate() {
        if at.abs_diff(then) > RIVAL_BINS / 2 {
            *weight = 0.0;
        }
    }
    let near: f64 = prior.iter().sum();
    let mut pass = view.begin(prior);
    view.go_on(&mut pass, used);
    // The prices near the first place have only their share of the prior.
    pass.log_evidence += libm::log(near / all);
    pass
}
