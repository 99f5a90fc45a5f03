//! What all amounts together say before any of them is taken for a round sum: how many lie near one by chance, and which
//! price fits what is paid as a whole.

use std::ops::Range;

use multiversion::multiversion;

use crate::exp::exp;
use crate::grid::{BIN, PRICE_BINS};
use crate::kernel::Kernel;
use crate::lanes;

/// Half the width of the moving average that smooths the amounts into a background, in bins: 0.03 decades.
const BACKGROUND_BINS: usize = 69;
/// Bins in it.
const AROUND: usize = 2 * BACKGROUND_BINS + 1;

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
    /// That of `values` amounts, of which so many lie in each bin of amount.
    pub(crate) fn new(kernel: &Kernel, histogram: &[u32], values: usize) -> Self {
        let above = running_sums(histogram);
        let typical = median_sats(&above)
            .and_then(|median_sats| kernel.typical(median_sats, values))
            .unwrap_or_else(|| vec![0.0; PRICE_BINS]);
        Self {
            expected: expected(kernel, &above, values, 0..PRICE_BINS),
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

/// The expected evidence of one of `values` amounts for each price in `bins`, of which so many lie in each bin of amount; see
/// [`Background::expected`].
pub(crate) fn expected_within(
    kernel: &Kernel,
    histogram: &[u32],
    values: usize,
    bins: Range<usize>,
) -> Vec<f64> {
    expected(kernel, &running_sums(histogram), values, bins)
}

fn expected(kernel: &Kernel, above: &[f64], values: usize, bins: Range<usize>) -> Vec<f64> {
    kernel.expected(&density(above), AROUND * values.max(1), bins)
}

/// Probabilities in proportion to the highest, from their logarithms.
#[multiversion(targets = "simd")]
pub(crate) fn proportions(mut nats: Vec<f64>) -> Vec<f64> {
    let most = lanes::highest(&nats);
    nats.iter_mut().for_each(|nats| *nats = exp(*nats - most));
    nats
}

/// How many amounts lie above each bin and the [`BACKGROUND_BINS`] next to it, from the highest amount down until none is
/// left.
fn running_sums(histogram: &[u32]) -> Vec<f64> {
    let mut sum = 0;
    let mut sums = vec![0.0; BACKGROUND_BINS + 1];
    sums.extend(histogram.iter().rev().map(|count| {
        sum += count;
        f64::from(sum)
    }));
    sums.resize(sums.len() + BACKGROUND_BINS, f64::from(sum));
    sums
}

/// The number of amounts in the [`AROUND`] bins around each, from the highest amount down; given the [`running_sums`].
#[multiversion(targets = "simd")]
fn density(above: &[f64]) -> Vec<f64> {
    let mut density = above[AROUND..].to_vec();
    for (density, above) in density.iter_mut().zip(above) {
        *density -= above;
    }
    density
}

/// The median of the distinct amounts; given the [`running_sums`].
fn median_sats(above: &[f64]) -> Option<f64> {
    let above = &above[BACKGROUND_BINS..above.len() - BACKGROUND_BINS];
    let total = above.last().filter(|total| **total > 0.0)?;
    // The lowest bin above which lies no more than half.
    let not_above = above.partition_point(|above| 2.0 * above <= *total);
    let middle = above.len() - 1 - not_above;
    Some(libm::exp((middle as f64 + 0.5) * BIN))
}
