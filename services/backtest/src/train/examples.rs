//! Labelled blocks as examples for the training, with amounts in dollars.

use satscope_oracle::LATER_FROM_HEIGHT;

use crate::blocks::Block;

/// A block with its price, and its distinct amounts in dollars.
pub(super) struct Example {
    pub(super) block: Block,
    amounts_usd: Vec<f64>,
}

impl Example {
    /// The example of a block; `None` if the block has no reference price or no amount.
    pub(super) fn new(block: Block) -> Option<Self> {
        let price_usd = block.label.reference_price_usd?;
        let mut values_sats: Vec<u64> = block.payments.iter().flatten().copied().collect();
        values_sats.sort_unstable();
        values_sats.dedup();
        let amounts_usd: Vec<f64> = values_sats
            .iter()
            .map(|&value_sats| value_sats as f64 / 1e8 * price_usd)
            .collect();
        (!amounts_usd.is_empty()).then_some(Self { block, amounts_usd })
    }

    /// The block's height; the greatest number if it is not known, so that the block counts as of the present.
    pub(super) fn height(&self) -> u64 {
        self.block.label.height.unwrap_or(u64::MAX)
    }

    /// Whether the block is of the years before 2019.
    pub(super) fn is_early(&self) -> bool {
        self.height() < LATER_FROM_HEIGHT
    }

    /// The number of amounts whose distance from a sum, on either side, is between two percentages.
    pub(super) fn count(&self, sum_usd: f64, from_percent: f64, to_percent: f64) -> f64 {
        let below = |percent: f64| {
            self.amounts_usd
                .partition_point(|&usd| usd < sum_usd * (percent / 100.0).exp())
        };
        let above = below(to_percent) - below(from_percent);
        let beneath = below(-from_percent) - below(-to_percent);
        (above + beneath) as f64
    }

    /// The median amount, in decades of a dollar.
    pub(super) fn median_decade(&self) -> f64 {
        self.amounts_usd[self.amounts_usd.len() / 2].log10()
    }

    /// Standard deviation of the amounts, in decades.
    pub(super) fn spread_decades(&self) -> f64 {
        let decades = self.amounts_usd.iter().map(|usd| usd.log10());
        mean_and_deviation(&decades.collect::<Vec<_>>()).1
    }
}

/// The mean and the standard deviation of some values.
pub(super) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / values.len() as f64;
    (mean, variance.sqrt())
}
