//! The price at each block of the past, from the payments before and after it.

mod answer;
mod corridor;
mod lock;
mod motion;
mod pool;
mod rough;

use std::ops::Range;
use std::sync::Arc;

use answer::Around;
use corridor::Corridor;
pub use lock::Lock;
use pool::Pool;

use crate::kernel::Kernel;
use crate::window;

/// Number of the model; with a new number all blocks are read again.
pub const MODEL: u32 = 1;
/// The number of blocks before a block that its price rests on.
pub const BEFORE: u32 = 144;
/// The number of blocks after a block that its price rests on.
pub const AFTER: u32 = 18;
/// The number of blocks in a period; they share a lock.
pub const PERIOD_BLOCKS: u32 = 2016;
/// Number of the first period that is read; its first block is 336,672, just before 2015.
pub const FIRST_PERIOD: u32 = 167;

/// The payments of one block: their number and their amounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockPayments {
    payments: u32,
    values_sats: Box<[u64]>,
}

impl BlockPayments {
    /// The payments of a block, with all their output values in satoshi, in any order.
    #[must_use]
    pub fn new(payments: u32, mut values_sats: Vec<u64>) -> Self {
        values_sats.sort_unstable();
        values_sats.dedup();
        Self {
            payments,
            values_sats: values_sats.into(),
        }
    }

    /// The number of payments.
    #[must_use]
    pub fn payments(&self) -> u32 {
        self.payments
    }

    /// The distinct amounts in satoshi, ascending.
    #[must_use]
    pub fn values_sats(&self) -> &[u64] {
        &self.values_sats
    }
}

/// The years whose model reads a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Years(u64);

impl Years {
    /// The present, for a chain other than Bitcoin's.
    pub const PRESENT: Self = Self(u64::MAX);

    /// The years around a height of Bitcoin's chain; see [`crate::Model::of_height`].
    #[must_use]
    pub fn of_height(height: u32) -> Self {
        Self(height.into())
    }

    fn kernel(self) -> Arc<Kernel> {
        window::kernel_of_height(self.0)
    }
}

/// Consecutive blocks.
#[derive(Debug, Clone, Copy)]
pub struct Blocks<'a> {
    /// Height of the first.
    pub first_height: u32,
    /// The years whose model reads the blocks.
    pub years: Years,
    /// The payments of each block.
    pub blocks: &'a [BlockPayments],
}

impl Blocks<'_> {
    /// The indices of the blocks at these heights, as far as there are any.
    fn indices(&self, heights: Range<u32>) -> Range<usize> {
        let index = |height: u32| {
            (height.saturating_sub(self.first_height) as usize).min(self.blocks.len())
        };
        index(heights.start)..index(heights.end)
    }
}

/// The price at a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPrice {
    /// US cents for one bitcoin.
    pub price_cents: u64,
    /// Lower end of the 90 % interval.
    pub low_cents: u64,
    /// Upper end of the 90 % interval.
    pub high_cents: u64,
    /// Confidence in the price, in thousandths.
    pub confidence_thousandths: u16,
}

/// The prices of the blocks at these heights; `None` if the evidence is below the least that is calibrated. Each rests
/// on the [`BEFORE`] blocks before it and the [`AFTER`] after it, as far as `blocks` has them, and on the lock, which
/// must cover all of these.
#[must_use]
pub fn prices(blocks: Blocks<'_>, lock: &Lock, heights: Range<u32>) -> Vec<Option<BlockPrice>> {
    let kernel = blocks.years.kernel();
    let Some(reading) = Reading::new(blocks, lock, &kernel, heights.clone()) else {
        return vec![None; heights.len()];
    };
    let mut pool = Pool::of(&[]);
    let mut pooled = 0..0;
    let price = |height: u32| {
        let within = reading.within(reach(&(height..height + 1)));
        reading.held[pooled.end.max(within.start)..within.end]
            .iter()
            .for_each(|block| pool.put(block));
        reading.held[pooled.start..within.start.min(pooled.end)]
            .iter()
            .for_each(|block| pool.take(block));
        pooled = within.clone();
        reading.price(height, within, &pool)
    };
    heights.map(price).collect()
}

/// The heights that the prices at `heights` rest on.
fn reach(heights: &Range<u32>) -> Range<u32> {
    heights.start.saturating_sub(BEFORE)..heights.end.saturating_add(AFTER)
}

/// Blocks that are being read, with the evidence of each for the prices around the lock.
struct Reading<'a> {
    kernel: &'a Kernel,
    first_height: u32,
    held: &'a [BlockPayments],
    payments: Vec<u64>,
    path: Vec<usize>,
    corridors: Vec<Corridor>,
    margin: f64,
}

impl<'a> Reading<'a> {
    /// The blocks that the prices at `heights` rest on; `None` if the lock does not cover them.
    fn new(
        blocks: Blocks<'a>,
        lock: &Lock,
        kernel: &'a Kernel,
        heights: Range<u32>,
    ) -> Option<Self> {
        let indices = blocks.indices(reach(&heights));
        let first_height = blocks.first_height + u32::try_from(indices.start).ok()?;
        let held = &blocks.blocks[indices];
        let heights = (first_height..).take(held.len());
        let path: Vec<usize> = heights
            .map(|height| lock.bin(height, kernel.scale))
            .collect::<Option<_>>()?;
        let corridor = |(block, bin): (&BlockPayments, &usize)| Corridor::new(kernel, block, *bin);
        Some(Self {
            kernel,
            first_height,
            held,
            payments: held.iter().map(|block| block.payments().into()).collect(),
            corridors: held.iter().zip(&path).map(corridor).collect(),
            path,
            margin: lock.margin(),
        })
    }

    /// The indices of the blocks at these heights, as far as there are any.
    fn within(&self, heights: Range<u32>) -> Range<usize> {
        let index =
            |height: u32| (height.saturating_sub(self.first_height) as usize).min(self.held.len());
        index(heights.start)..index(heights.end)
    }

    /// The price at a height by the blocks `within`, whose amounts the pool holds.
    fn price(&self, height: u32, within: Range<usize>, pool: &Pool) -> Option<BlockPrice> {
        let at = (height.checked_sub(self.first_height)? as usize).checked_sub(within.start)?;
        let corridors = &self.corridors[within.clone()];
        let bins = corridors.iter().map(Corridor::bins);
        let bins = bins.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))?;
        if at >= corridors.len() {
            return None;
        }
        let around = Around {
            kernel: self.kernel,
            corridors,
            path: &self.path[within.clone()],
            payments: &self.payments[within],
            expected: &pool.expected(self.kernel, bins),
            at,
            margin: self.margin,
        };
        around.price()
    }
}
