//! Ranges of block height with one table of weights each, because the sums that people pay have changed over the years.

/// The weights learned from the payments between one height of the chain and the next era's.
#[derive(Debug)]
pub(crate) struct Era {
    /// Height of its first block.
    pub(crate) from_height: u64,
    /// See [`crate::Typical::median_decade`].
    pub(crate) median_decade: f64,
    /// See [`crate::Typical::between_decades`].
    pub(crate) between_decades: f64,
    /// See [`crate::Typical::within_decades`].
    pub(crate) within_decades: f64,
    /// See [`crate::Model::premium_percent`].
    pub(crate) premium_percent: f64,
    /// See [`crate::Model::rungs`].
    pub(crate) rungs: &'static [(f64, f64)],
}

impl Era {
    /// The index of the era of a block at `height`; the first era's if the block is older. `eras` are in the order of height.
    pub(crate) fn index(eras: &[Self], height: u64) -> usize {
        eras.partition_point(|era| era.from_height <= height)
            .saturating_sub(1)
    }
}
