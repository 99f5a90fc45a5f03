//! The number of an update: an epoch above a tick of the event clock.

use std::hash::{BuildHasher as _, RandomState};

/// The event clock's step, milliseconds: updates lie on its whole multiples.
pub const TICK_MS: u64 = 500;
/// The first stamp that no tick can hold, Unix milliseconds: in the year 2106.
pub const END_MS: u64 = TICKS * TICK_MS;

const TICK_BITS: u32 = 33;
const TICKS: u64 = 1 << TICK_BITS;
/// 2^20 epochs and 2^33 ticks together stay below 2^53, up to which JavaScript's numbers are exact.
const EPOCHS: u64 = 1 << 20;

/// The number of an update. Sequences of different epochs cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence(u64);

impl Sequence {
    /// The beginning of a random epoch.
    pub fn begin() -> Sequence {
        Sequence::of(random_epoch(), 0)
    }

    /// The beginning of a random epoch other than this one's.
    #[must_use]
    pub fn begin_anew(self) -> Sequence {
        let epoch = random_epoch();
        match epoch == self.epoch() {
            true => Sequence::of(epoch % (EPOCHS - 1) + 1, 0),
            false => Sequence::of(epoch, 0),
        }
    }

    /// The next sequence of this epoch: at the tick of `event_ms`, Unix milliseconds, but later than this one.
    #[must_use]
    pub fn next(self, event_ms: u64) -> Sequence {
        let tick = (event_ms / TICK_MS).max(self.tick() + 1);
        Sequence::of(self.epoch(), tick.min(TICKS - 1))
    }

    /// The epoch, 1 to 2^20 - 1.
    pub fn epoch(self) -> u64 {
        self.0 >> TICK_BITS
    }

    /// The tick: steps of [`TICK_MS`] since 1970, or more if updates came faster than ticks.
    pub fn tick(self) -> u64 {
        self.0 % TICKS
    }

    /// The number as messages carry it; below 2^53.
    pub fn get(self) -> u64 {
        self.0
    }

    fn of(epoch: u64, tick: u64) -> Sequence {
        Sequence(epoch << TICK_BITS | tick)
    }
}

/// An epoch that is never 0, so that no sequence is 0.
fn random_epoch() -> u64 {
    // The standard library's hashers get random keys, so no other source of random numbers is needed.
    RandomState::new().hash_one(()) % (EPOCHS - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    #[test]
    fn a_sequence_is_the_event_clock_in_an_epoch_and_exact_in_javascript() {
        let sequence = Sequence::begin().next(NOW_MS);
        assert_eq!(sequence.tick(), NOW_MS / TICK_MS);
        let last = Sequence::of(EPOCHS - 1, TICKS - 1);
        assert_eq!(last.get(), (1 << 53) - 1);
        assert_eq!((last.epoch(), last.tick()), (EPOCHS - 1, TICKS - 1));
        assert_eq!(last.next(END_MS).get(), last.get());
    }

    #[test]
    fn within_an_epoch_it_rises_whatever_the_clock_does() {
        let mut last = Sequence::begin().next(NOW_MS);
        for event_ms in [NOW_MS, NOW_MS, NOW_MS - 3_600_000, 0, NOW_MS + 500] {
            let next = last.next(event_ms);
            assert_eq!(next.epoch(), last.epoch());
            assert!(next.tick() > last.tick());
            last = next;
        }
    }

    #[test]
    fn a_new_epoch_is_another_one() {
        for epoch in [1, 2, EPOCHS - 1] {
            let before = Sequence::of(epoch, 7);
            for _ in 0..100 {
                let after = before.begin_anew();
                assert_ne!(after.epoch(), epoch);
                assert!((1..EPOCHS).contains(&after.epoch()));
            }
        }
    }
}
