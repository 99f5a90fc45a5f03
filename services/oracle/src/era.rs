//! Years in which people paid alike.

/// What was learned of the payments from one height of the chain to the next era's.
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
    /// See [`crate::Model::rungs`].
    pub(crate) rungs: &'static [(f64, f64)],
}

impl Era {
    /// Which of some eras, in the order of their heights, a block at `height` belongs to: the first if it is before all.
    pub(crate) fn index(eras: &[Self], height: u64) -> usize {
        eras.partition_point(|era| era.from_height <= height)
            .saturating_sub(1)
    }
}
