//! What all amounts together say before any of them is taken for a round sum: how many lie near one by chance, and which
//! price fits what is paid as a whole.

use crate::exp::exp;
use crate::grid::{BIN, PRICE_BINS};
use crate::kernel::Kernel;
use crate::stack::Stack;

/// Half the width of the moving average that smooths the amounts into a background, in bins: 0.03 decades.
const BACKGROUND_BINS: usize = 69;

/// What the evidence of single amounts is held against.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    /// The evidence against each price that one amount brings for not being a round sum, on average, in nats.
    pub(crate) expected: Vec<f64>,
    /// How well each price fits what is paid as a whole, in nats below the best possible fit.
    pub(crate) typical: Vec<f64>,
    /// How many times over the evidence repeats itself where whole factors of price are compared, 1 or more.
    pub(crate) repetition: f64,
}

impl Background {
    /// That of all amounts of a stack.
    pub(crate) fn new(kernel: &Kernel, stack: &Stack) -> Self {
        let (histogram, values) = (stack.histogram(), stack.values());
        let typical = median_sats(histogram)
            .and_then(|median_sats| kernel.typical(median_sats, values))
            .unwrap_or_else(|| vec![0.0; PRICE_BINS]);
        Self {
            expected: expected(kernel, histogram, values),
            typical,
            repetition: 1.0 + values as f64 / kernel.model.independent_values,
        }
    }

    /// How probable each price is before any evidence: by what is paid as a whole, raised to the power by which the evidence
    /// repeats itself, so that their proportion is that of independent amounts.
    pub(crate) fn prior(&self) -> Vec<f64> {
        let nats = self.typical.iter().map(|nats| self.repetition * nats);
        proportions(nats.collect())
    }
}

/// Probabilities in proportion to the highest, from their logarithms.
pub(crate) fn proportions(mut nats: Vec<f64>) -> Vec<f64> {
    let most = nats.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    nats.iter_mut().for_each(|nats| *nats = exp(*nats - most));
    nats
}

/// See [`Background::expected`].
fn expected(kernel: &Kernel, histogram: &[u32], values: usize) -> Vec<f64> {
    let sums = running_sums(histogram.iter().map(|&count| f64::from(count)));
    let all = histogram.len();
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
