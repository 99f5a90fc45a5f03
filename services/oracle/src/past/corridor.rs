//! The evidence of each block for the prices around its lock.

use std::ops::Range;

use crate::grid::PRICE_BINS;
use crate::kernel::{self, Kernel};
use crate::past::BlockPayments;

/// A corridor reaches this many bins to both sides of the lock: 28 %, further than a price goes within ten blocks.
const REACH: usize = 250;
/// The evidence of a block for a price outside its corridor, in nats: more against it than the limit for one block.
const OUTSIDE: f64 = -1e6;

/// The evidence of one block's amounts for the prices in its corridor.
#[derive(Debug, Clone)]
pub(crate) struct Corridor {
    /// The lowest bin of price.
    first: usize,
    /// The evidence for each bin from there on.
    evidence: Box<[i32]>,
    /// The number of amounts.
    values: f64,
    temperature: f64,
}

/// The expected evidence of one amount for each price; see `Background::expected`.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The lowest bin of price.
    pub(crate) first: usize,
    /// The evidence for each bin from there on, in nats.
    pub(crate) nats: Vec<f64>,
}

impl Corridor {
    /// The corridor of a block around the bin `middle`.
    pub(crate) fn new(kernel: &Kernel, block: &BlockPayments, middle: usize) -> Self {
        let middle = middle.min(PRICE_BINS - 1);
        let bins = middle.saturating_sub(REACH)..(middle + REACH + 1).min(PRICE_BINS);
        let mut evidence = vec![0; bins.len()];
        let places = kernel.places(block.values_sats());
        kernel.add_all(&places, bins.start, &mut evidence);
        Self {
            first: bins.start,
            evidence: evidence.into(),
            values: block.values_sats().len() as f64,
            temperature: kernel.model.temperature,
        }
    }

    /// The bins of price that the corridor covers.
    pub(crate) fn bins(&self) -> Range<usize> {
        self.first..self.first + self.evidence.len()
    }

    /// Writes to `nats` the evidence of the block for each bin from `from` on, in nats, less the `expected` evidence,
    /// which must cover the corridor.
    pub(crate) fn say(&self, expected: &Expected, from: isize, nats: &mut [f64]) {
        let index = |bin: usize| (bin as isize - from).clamp(0, nats.len() as isize) as usize;
        let inside = index(self.first)..index(self.bins().end);
        nats[..inside.start].fill(OUTSIDE);
        nats[inside.end..].fill(OUTSIDE);
        if inside.is_empty() {
            return;
        }
        let bin = from.saturating_add_unsigned(inside.start) as usize;
        kernel::hold_against(
            &mut nats[inside],
            &self.evidence[bin - self.first..],
            &expected.nats[bin - expected.first..],
            self.temperature,
            self.values,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn what_is_said_does_not_depend_on_where_the_row_begins() {
        let kernel = Kernel::new(Model::trained());
        let block = BlockPayments::new(3, vec![50_000, 100_000, 123_456]);
        let corridor = Corridor::new(&kernel, &block, 6900);
        let expected = Expected {
            first: 6000,
            nats: (0..2000).map(|bin| f64::from(bin) * 1e-4).collect(),
        };
        let said = |from: isize, count: usize| {
            let mut nats = vec![0.0; count];
            corridor.say(&expected, from, &mut nats);
            nats
        };
        let (wide, narrow) = (said(6000, 2000), said(6800, 100));
        assert_eq!(wide[800..900], narrow);
        assert!(narrow.iter().any(|nats| *nats > 0.0));
        assert!(wide[..600].iter().all(|nats| *nats == OUTSIDE));
        for beyond in [said(-500, 100), said(20_000, 100)] {
            assert!(beyond.iter().all(|nats| *nats == OUTSIDE));
        }
    }
}
