//! The sequence of the analyzer's updates.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Number of the lower bits, which hold the tick of the event clock; the epoch is above them.
const TICK_BITS: u32 = 33;

/// The number of an update. Sequences of different epochs cannot be compared, because the analyzer began again between
/// them, or the event clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(u64);

impl Sequence {
    /// The epoch; it is new at each start of the analyzer, and when the event clock is set.
    pub fn epoch(self) -> u64 {
        self.0 >> TICK_BITS
    }

    /// The tick; it rises within an epoch.
    pub fn tick(self) -> u64 {
        self.0 & ((1 << TICK_BITS) - 1)
    }

    /// The number as messages have it.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for Sequence {
    fn from(number: u64) -> Self {
        Sequence(number)
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.epoch() == other.epoch()).then(|| self.tick().cmp(&other.tick()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_in_order_within_an_epoch_alone() {
        let epoch = 7 << TICK_BITS;
        let [first, second] = [1, 2].map(|tick| Sequence::from(epoch + tick));
        assert!(first < second);
        assert_eq!((second.epoch(), second.tick()), (7, 2));
        let earlier_epoch = Sequence::from(6 << TICK_BITS | 5);
        assert_eq!(first.partial_cmp(&earlier_epoch), None);
        let is_before = earlier_epoch < first;
        assert!(!is_before);
    }
}
