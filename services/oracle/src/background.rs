//! What all amounts together say before any of them is taken for a round sum: how many lie near one by chance, and which
//! price fits what is paid as a whole.

use multiversion::multiversion;

use crate::exp::exp;
use crate::grid::{BIN, PRICE_BINS};
use crate::kernel::Kernel;
use crate::lanes;
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
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn proportions(mut nats: Vec<f64>) -> Vec<f64> {
    let most = lanes::highest(&nats);
    nats.iter_mut().for_each(|nats| *nats = exp(*nats - most));
    nats
}

/// See [`Background::expected`].
fn expected(kernel: &Kernel, histogram: &[u32], values: usize) -> Vec<f64> {
    let above = running_sums(histogram);
    let total = above[above.len() - 1].max(values as f64).max(1.0);
    let mut expected = kernel.expected(&density(&above));
    expected.iter_mut().for_each(|nats| *nats /= total);
    expected
}

/// The mean number of amounts in a bin and those around it, from the highest amount down; given the [`running_sums`].
#[multiversion(targets("x86_64+avx2"))]
fn density(above: &[f64]) -> Vec<f64> {
    let around = 2 * BACKGROUND_BINS + 1;
    let ends = above.iter().zip(&above[around..]);
    ends.map(|(from, to)| (to - from) / around as f64).collect()
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

/// How many amounts lie above each bin and the [`BACKGROUND_BINS`] next to it, from the highest amount down until none is
/// left.
fn running_sums(histogram: &[u32]) -> Vec<f64> {
    let beyond = std::iter::repeat_n(&0, BACKGROUND_BINS);
    let counts = beyond.clone().chain(histogram.iter().rev()).chain(beyond);
    let mut sum = 0;
    let mut sums = vec![0.0];
    sums.extend(counts.map(|count| {
        sum += u64::from(*count);
        sum as f64
    }));
    sums
}
