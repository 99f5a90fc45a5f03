//! How probable each price is now, given all minutes of the window.
//!
//! What the minutes before the current ten have to say is worked out once and kept ([`Settled`]) for as long as none of them
//! changes, so that an estimate goes over the minutes since. It is the same to the bit as if nothing had been kept.

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

/// Minutes are settled once they have so many times the amounts of those since: fewer are no background for these.
const SETTLED_TIMES: u32 = 4;

/// How probable each price is.
#[derive(Debug, Clone)]
pub(crate) struct Posterior {
    /// Probability of each bin of price; the sum is 1.
    pub(crate) weights: Row,
    /// How much better the window is explained by round sums at some price than without any, in nats.
    pub(crate) log_evidence: f64,
    /// How probable each price is, in proportion to the best, if it moved as the best one did and what repeats itself is
    /// counted once: to compare prices so far apart that no motion leads from one to the other.
    pub(crate) overall: Row,
    /// What the evidence was held against.
    pub(crate) background: Arc<Background>,
    /// What all minutes say of each price, in nats, if it moved as the best one did. Fees and clusters are left out: each minute
    /// counts by its round sums alone.
    pub(crate) together: Vec<f64>,
    /// The number of minutes with an amount, 1 or more.
    pub(crate) minutes: usize,
}

/// What minutes say that are over.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    minutes: Range<u64>,
    background: Arc<Background>,
    pass: Pass,
    /// What all of them say of each price, in nats, if it moved as the best one did; seen from the last of them.
    together: Vec<f64>,
}

/// The probability of each price at `now_ms`, or none where there is no amount. What is `kept` from one call to the next
/// saves work and changes nothing.
///
/// A pass that has begun with the wrong one of two prices a whole factor apart does not find back: no motion leads from one
/// to the other. So where all minutes together, each counted alike, favour another price than the pass has ended with, it is
/// made again near that one.
pub(crate) fn forward(
    minutes: &mut Minutes,
    kept: &mut Option<Settled>,
    now_ms: u64,
) -> Option<Posterior> {
    let now = now_ms / MINUTE_MS;
    let used = used(now);
    minutes.within(&used).next()?;
    let (old, new) = parts(minutes, &used);
    // Where the older ones are too few to be a background, all are.
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

/// The minutes that count, the current one the last: whole tens of them, of which none begins to leave before the next ten
/// begins.
fn used(now: u64) -> Range<u64> {
    let first = now + SLOT_MINUTES - now % SLOT_MINUTES;
    first.saturating_sub(WINDOW_MS / MINUTE_MS)..now + 1
}

/// Those before the current ten, none if they have too few amounts; and the others.
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
    /// Reads these minutes, which are held together; if they are none, what is held together is the background alone.
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

    /// See [`Posterior::together`]; `path` is that over these minutes and the `new` ones.
    fn together(&self, view: &View<'_>, path: &[usize], new: &Range<u64>) -> Vec<f64> {
        let old = self.pass.path.len();
        // From the last old minute on, if there is one: how far the price has gone since is its drift.
        let drifts = drifts(&path[old.saturating_sub(1)..]);
        let (back, drifts) = drifts.split_at(old.min(1));
        let mut together = vec![0.0; PRICE_BINS];
        let (to, from) = grid::moved(back.first().copied().unwrap_or(0));
        let rows = together[to..].iter_mut().zip(&self.together[from..]);
        rows.for_each(|(sum, nats)| *sum = *nats);
        view.add(&mut together, new, drifts);
        together
    }

    /// See [`Posterior::overall`]; from what all minutes say together.
    fn overall(&self, together: &[f64]) -> Row {
        let share = 1.0 / self.background.repetition;
        let rows = together.iter().zip(&self.background.typical);
        let nats = rows.map(|(nats, typical)| typical + share * nats);
        Row::new(proportions(nats.collect()))
    }
}

/// What the minutes that are held together say of each price, in nats, if it lay as far above it then as `drifts` say.
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

/// A pass that begins near where the price was if it is at `bin` now and moved as `path` did.
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
    // What is near has only its share of what was believed before.
    pass.log_evidence += libm::log(near / all);
    pass
}
