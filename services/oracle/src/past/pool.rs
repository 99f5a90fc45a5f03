//! The amounts of several blocks, counted: the background that evidence is compared with.

use std::ops::Range;

use crate::background::{self, Background};
use crate::grid::{self, VALUE_BINS};
use crate::kernel::Kernel;
use crate::past::BlockPayments;
use crate::past::corridor::Expected;

/// The number of amounts of some blocks in each bin of amount.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    histogram: Vec<u32>,
    values: usize,
}

impl Pool {
    /// The pool of some blocks.
    pub(crate) fn of(blocks: &[BlockPayments]) -> Self {
        let mut pool = Self {
            histogram: vec![0; VALUE_BINS],
            values: 0,
        };
        blocks.iter().for_each(|block| pool.put(block));
        pool
    }

    /// Counts a block in.
    pub(crate) fn put(&mut self, block: &BlockPayments) {
        for bin in bins(block) {
            self.histogram[bin] += 1;
            self.values += 1;
        }
    }

    /// Counts out a block that was counted in.
    pub(crate) fn take(&mut self, block: &BlockPayments) {
        for bin in bins(block) {
            self.histogram[bin] -= 1;
            self.values -= 1;
        }
    }

    /// Whether the pool has no amount.
    pub(crate) fn is_empty(&self) -> bool {
        self.values == 0
    }

    /// The background for all prices.
    pub(crate) fn background(&self, kernel: &Kernel) -> Background {
        Background::new(kernel, &self.histogram, self.values)
    }

    /// The expected evidence of one amount for each price in `bins`.
    pub(crate) fn expected(&self, kernel: &Kernel, bins: Range<usize>) -> Expected {
        Expected {
            first: bins.start,
            nats: background::expected_within(kernel, &self.histogram, self.values, bins),
        }
    }
}

/// The bin of each amount of a block.
fn bins(block: &BlockPayments) -> impl Iterator<Item = usize> {
    let values_sats = block.values_sats().iter();
    values_sats.filter_map(|value_sats| grid::value_bin(*value_sats))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn what_is_taken_out_leaves_nothing_behind() {
        let block = |from: u64| BlockPayments::new(9, (from..from + 900).collect());
        let mut pool = Pool::of(&[block(1000), block(5000)]);
        pool.put(&block(70_000));
        pool.take(&block(1000));
        let other = Pool::of(&[block(5000), block(70_000)]);
        assert_eq!(pool.histogram, other.histogram);
        let kernel = Kernel::new(Model::trained());
        let (whole, part) = (
            pool.expected(&kernel, 0..9000),
            pool.expected(&kernel, 4000..9000),
        );
        assert_eq!(whole.nats[4000..], part.nats);
    }
}
