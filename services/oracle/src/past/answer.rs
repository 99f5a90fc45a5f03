//! The price of a block from the blocks before and after it, with its interval and its confidence.

use crate::estimate::NINETY_PERCENT;
use crate::grid::{BIN, PRICE_BINS};
use crate::kernel::Kernel;
use crate::past::BlockPrice;
use crate::past::corridor::{Corridor, Expected};
use crate::past::lock::NEAR_BINS;
use crate::past::motion::{self, Moving};
use crate::peaks::{self, Neighbour};
use crate::reading::{self, LEAST_EVIDENCE};
use crate::row::Row;

/// The number of blocks on each side that decide whether a peak beside a price leaves it in doubt: an hour and a half.
/// The block itself counts among those before.
const NEAR_BLOCKS: usize = 9;
/// Fewer payments than this in the near blocks show no price, because all prices that were measured rest on more.
const LEAST_PAYMENTS: u64 = 100;
/// All payments of one block share an error. This fraction of it is left in a price that several blocks share.
const SHARED: f64 = 0.45;
/// Bins on each side of a price that are searched for peaks beside it.
const BESIDE: usize = 200;

/// A row of blocks, one of which is the block whose price is asked for.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) kernel: &'a Kernel,
    /// The evidence of each block.
    pub(crate) corridors: &'a [Corridor],
    /// The lock at each block, as a bin of price.
    pub(crate) path: &'a [usize],
    /// The number of payments of each block.
    pub(crate) payments: &'a [u64],
    /// The expected evidence of one amount.
    pub(crate) expected: &'a Expected,
    /// The index of the block whose price is asked for.
    pub(crate) at: usize,
    /// How much more probable the lock is than its best rival, as the logarithm of the odds.
    pub(crate) margin: f64,
}

impl Around<'_> {
    /// The price; `None` if there are too few payments, or none of round sums.
    pub(crate) fn price(&self) -> Option<BlockPrice> {
        let payments: u64 = self.payments[self.near()].iter().sum();
        let (weights, log_evidence) = self.posterior()?;
        if payments < LEAST_PAYMENTS || log_evidence < LEAST_EVIDENCE {
            return None;
        }
        let masses = peaks::masses(&weights);
        let best = peaks::best(&weights, &masses);
        let place = peaks::place(&weights, best);
        let scale = self.kernel.scale;
        let price_usd = scale.price_usd(place);
        if !scale.answers_usd().contains(&price_usd) {
            return None;
        }
        let neighbour = peaks::neighbour(&self.together(), best);
        let clear = reading::probability(self.margin)
            * reading::probability(peaks::margin(&masses, best))
            * peaks::said(&weights, best)
            * reading::alone(neighbour);
        let (below, above) = self.interval(&weights, best, place, neighbour);
        Some(BlockPrice {
            price_cents: cents(price_usd),
            low_cents: cents(price_usd * libm::exp(-below)),
            high_cents: cents(price_usd * libm::exp(above)),
            confidence_thousandths: (1000.0 * reading::placed(payments, clear)).round() as u16,
        })
    }

    /// The indices of the blocks whose payments decide the price's confidence.
    fn near(&self) -> std::ops::Range<usize> {
        let first = (self.at + 1).saturating_sub(NEAR_BLOCKS);
        first..(self.at + 1 + NEAR_BLOCKS).min(self.path.len())
    }

    /// The probability of each price at the end of the block, given the blocks before and after it, and the evidence
    /// for all prices together, in nats. `None` if there is no block.
    fn posterior(&self) -> Option<(Row, f64)> {
        let (first, last) = (*self.path.first()?, *self.path.last()?);
        let (before, after) = self.corridors.split_at(self.at + 1);
        let mut forward = Moving::near(self.kernel, first, NEAR_BINS);
        before
            .iter()
            .for_each(|corridor| forward.pass(corridor, self.expected));
        let mut backward = Moving::near(self.kernel, last, 2 * NEAR_BINS);
        after
            .iter()
            .rev()
            .for_each(|corridor| backward.pass(corridor, self.expected));
        let both = motion::both(forward.weights(), backward.weights());
        let weights = both.unwrap_or_else(|| forward.weights().clone());
        Some((weights, forward.log_evidence + backward.log_evidence))
    }

    /// The evidence of the near blocks for each price, in nats, if the price moved as the lock did.
    fn together(&self) -> Vec<f64> {
        let here = self.path[self.at].min(PRICE_BINS - 1);
        let bins = here.saturating_sub(BESIDE)..(here + BESIDE + 1).min(PRICE_BINS);
        let mut together = vec![0.0; PRICE_BINS];
        let mut said = vec![0.0; bins.len()];
        for block in self.near() {
            let moved = self.path[block] as isize - here as isize;
            self.corridors[block].say(self.expected, bins.start as isize + moved, &mut said);
            let sums = together[bins.clone()].iter_mut().zip(&said);
            sums.for_each(|(sum, nats)| *sum += nats);
        }
        together
    }

    /// The distances of the 90 % interval's ends below and above the price at `place`, as natural logarithms.
    fn interval(&self, weights: &Row, best: usize, place: f64, beside: Neighbour) -> (f64, f64) {
        let shared = NINETY_PERCENT * SHARED * self.kernel.model.shared_percent / 100.0;
        let (below, above) = peaks::reach(weights, best, place, 0.9);
        let wider = |bins: f64| libm::hypot(bins * BIN, shared);
        let off = best as f64 + beside.off as f64 - place;
        reading::reaching(wider(below), wider(above), beside, off)
    }
}

fn cents(usd: f64) -> u64 {
    (100.0 * usd).round() as u64
}
