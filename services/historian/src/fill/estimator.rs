//! The estimator that makes prices of payments: the oracle's, and in tests a quicker one.

use std::ops::Range;

use satscope_oracle::past::{self, BlockPayments, BlockPrice, Blocks, Lock, Years};

/// The payments of consecutive blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Height of the first.
    pub first_height: u32,
    /// The years whose model reads the blocks.
    pub years: Years,
    /// The payments of each block.
    pub blocks: Vec<BlockPayments>,
}

impl Stretch {
    /// The payments of the block at a height; `None` if it is not in the stretch.
    pub fn at(&self, height: u32) -> Option<&BlockPayments> {
        let at = height.checked_sub(self.first_height)?;
        self.blocks.get(at as usize)
    }
}

/// Reads prices out of payments. The same payments give the same prices.
pub trait Estimator: Send + Sync + std::fmt::Debug + 'static {
    /// Number of the model.
    fn model(&self) -> u32;

    /// Decides the lock of a period, as [`Lock::of_period`] does.
    fn lock(&self, stretch: &Stretch) -> Option<Lock>;

    /// Carries a lock forward, as [`Lock::carried`] does.
    fn carried(&self, lock: &Lock, stretch: &Stretch) -> Option<Lock>;

    /// Makes the prices of blocks, as [`past::prices`] does.
    fn prices(
        &self,
        stretch: &Stretch,
        lock: &Lock,
        heights: Range<u32>,
    ) -> Vec<Option<BlockPrice>>;
}

/// The estimator of the past.
#[derive(Clone, Copy, Debug)]
pub struct Oracle;

impl Oracle {
    fn blocks(stretch: &Stretch) -> Blocks<'_> {
        Blocks {
            first_height: stretch.first_height,
            years: stretch.years,
            blocks: &stretch.blocks,
        }
    }
}

impl Estimator for Oracle {
    fn model(&self) -> u32 {
        past::MODEL
    }

    fn lock(&self, stretch: &Stretch) -> Option<Lock> {
        Lock::of_period(Oracle::blocks(stretch))
    }

    fn carried(&self, lock: &Lock, stretch: &Stretch) -> Option<Lock> {
        lock.carried(Oracle::blocks(stretch))
    }

    fn prices(
        &self,
        stretch: &Stretch,
        lock: &Lock,
        heights: Range<u32>,
    ) -> Vec<Option<BlockPrice>> {
        past::prices(Oracle::blocks(stretch), lock, heights)
    }
}
