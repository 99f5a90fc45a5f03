//! The background of all amounts: how many lie near a round sum by chance, and which price fits the median amount.

use std::ops::Range;

use multiversion::multiversion;

use crate::exp::exp;
use crate::grid::{BIN, PRICE_BINS};
use crate::kernel::Kernel;
use crate::lanes;

/// Half the width of the moving average that smooths the amounts into a background, in bins: 0.03 decades.
const BACKGROUND_BINS: usize = 69;
/// Bins that the moving average covers.
const AROUND: usize = 2 * BACKGROUND_BINS + 1;

/// The background that the evidence of single amounts is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    /// The share of one amount that is expected to be a round sum at each price, in nats of evidence. It is subtracted once
    /// for each amount, so that a round sum that is expected and missing counts against a price.
    pub(crate) expected: Vec<f64>,
    /// How well each price fits the median amount, in nats below the best possible fit.
    pub(crate) typical: Vec<f64>,
    /// The factor by which evidence is divided when prices a whole factor apart are compared, because amounts repeat
    /// each other; 1 or more.
    pub(crate) repetition: f64,
}

impl Background {
    /// The background of `values` amounts; `histogram` counts them by bin of amount.
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

    /// The probability of each price before any evidence, in proportion to the highest: the fit of the median amount,
    /// to the power of [`Background::repetition`]. The evidence is too large by that factor, so the two keep their
    /// proportion.
    pub(crate) fn prior(&self) -> Vec<f64> {
        let nats = self.typical.iter().map(|nats| self.repetition * nats);
        proportions(nats.collect())
    }
}

/// The expected evidence of one of `values` amounts for each price in `bins`; `histogram` counts the amounts by bin of
/// amount. See [`Background::expected`].
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

/// Turns the logarithms of probabilities into proportions of the highest one.
#[multiversion(targets = "simd")]
pub(crate) fn proportions(mut nats: Vec<f64>) -> Vec<f64> {
    let most = lanes::highest(&nats);
    nats.iter_mut().for_each(|nats| *nats = exp(*nats - most));
    nats
}

/// Running sums of the histogram from the highest amount down, with more entries at both ends so that [`density`] can
/// look [`BACKGROUND_BINS`] beyond the first and the last bin.
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

/// The number of amounts in the [`AROUND`] bins around each bin, from the highest amount down, given the
/// [`running_sums`].
#[multiversion(targets = "simd")]
fn density(above: &[f64]) -> Vec<f64> {
    let mut density = above[AROUND..].to_vec();
    for (density, above) in density.iter_mut().zip(above) {
        *density -= above;
    }
    density
}

/// The median of the distinct amounts in satoshi, given the [`running_sums`]; `None` if there is no amount.
fn median_sats(above: &[f64]) -> Option<f64> {
    let above = &above[BACKGROUND_BINS..above.len() - BACKGROUND_BINS];
    let total = above.last().filter(|total| **total > 0.0)?;
    // The first entry from the top whose running sum exceeds half of the amounts marks the median's bin.
    let not_above = above.partition_point(|above| 2.0 * above <= *total);
    let middle = above.len() - 1 - not_above;
    Some(libm::exp((middle as f64 + 0.5) * BIN))
}
