//! The motion of the price from block to block, and the evidence of each block.

use crate::beside::{REACH, Room};
use crate::chain::Chain;
use crate::grid::PRICE_BINS;
use crate::kernel::Kernel;
use crate::model::Motion;
use crate::past::corridor::{Corridor, Expected};
use crate::row::Row;

/// The motion of the price in a quarter of the time between two blocks, measured on the days of `docs/ACCURACY.md`. It is
/// the same for all blocks, because a price that moves by the time between two headers is not read better.
const MOTION: Motion = Motion {
    calm_percent: 0.08,
    jump: 0.1,
    jump_percent: 0.2,
};
/// The number of such steps in half of the time between two blocks.
const STEPS: usize = 2;
/// No block makes a price less probable than another by more than this, in nats. A service may pay hundreds of like
/// amounts in one block, none of them round, which the blocks before and after do not confirm.
const MOST_OF_A_BLOCK: f64 = 5.0;

/// The probability of each price from block to block, in the direction of time or against it: a price moves by the same
/// law both ways. Each block's payments lie, on average, in the middle between the block before and their own. So the
/// price moves for half of that time before they are weighed, and for the other half after.
#[derive(Debug, Clone)]
pub(crate) struct Moving<'a> {
    kernel: &'a Kernel,
    chain: Chain,
    room: Room,
    /// How much better round sums at some price explain the payments than chance does, in nats.
    pub(crate) log_evidence: f64,
}

impl<'a> Moving<'a> {
    /// Begins with weights of all bins. `most_nats` limits the evidence of one block.
    pub(crate) fn new(kernel: &'a Kernel, weights: Vec<f64>, most_nats: f64) -> Self {
        Self {
            kernel,
            chain: Chain::limited(weights, MOTION, most_nats),
            room: Room::default(),
            log_evidence: 0.0,
        }
    }

    /// Begins with equal weights within `reach` bins of a price.
    pub(crate) fn near(kernel: &'a Kernel, bin: usize, reach: usize) -> Self {
        let mut weights = vec![0.0; PRICE_BINS];
        let bin = bin.min(PRICE_BINS - 1);
        weights[bin.saturating_sub(reach)..(bin + reach + 1).min(PRICE_BINS)].fill(1.0);
        Self::new(kernel, weights, MOST_OF_A_BLOCK)
    }

    /// The probability of each price; the sum is 1.
    pub(crate) fn weights(&self) -> &Row {
        &self.chain.weights
    }

    /// Continues over a block whose evidence is known around its lock.
    pub(crate) fn pass(&mut self, corridor: &Corridor, expected: &Expected) {
        self.weigh(|from, nats| corridor.say(expected, from, nats));
    }

    /// Continues over a block. `say` writes the evidence of the block for each bin from a first one on, in nats.
    pub(crate) fn weigh(&mut self, say: impl FnOnce(isize, &mut [f64])) {
        self.half();
        let Self {
            kernel,
            chain,
            room,
            ..
        } = self;
        self.log_evidence += chain.weigh(|bins, nats| {
            say(bins.start as isize - REACH as isize, nats);
            kernel.beside.with_clusters(nats, room);
        });
        self.half();
    }

    fn half(&mut self) {
        (0..STEPS).for_each(|_| self.chain.step());
    }
}

/// The product of two independent probabilities of each price; `None` if they have no price in common.
pub(crate) fn both(one: &Row, other: &Row) -> Option<Row> {
    let (one_bins, other_bins) = (one.bins(), other.bins());
    let bins = one_bins.start.max(other_bins.start)..one_bins.end.min(other_bins.end);
    let numbers: Vec<f64> = bins
        .clone()
        .map(|bin| one.at(bin) * other.at(bin))
        .collect();
    let sum: f64 = numbers.iter().sum();
    (sum > 0.0).then(|| Row {
        first: bins.start,
        numbers: numbers.iter().map(|number| number / sum).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_share_no_price_have_no_product() {
        let row = |first: usize| Row {
            first,
            numbers: vec![1.0, 3.0],
        };
        assert!(both(&row(5), &row(7)).is_none());
        let shared = both(&row(5), &row(6)).map(|row| (row.first, row.numbers));
        assert_eq!(shared, Some((6, vec![1.0])));
    }
}
