//! The number of blocks to ask for at once, so that answers have a good size however large the blocks are.

use std::sync::{Mutex, PoisonError};

/// The size of an answer that is aimed at, in bytes of raw blocks.
const GOOD_BYTES: usize = 4 << 20;
/// Most blocks in one answer. At four million bytes each (BIP 141), as hex, they are 128 MB.
const MOST_BLOCKS: usize = 16;

/// The sizes seen in the last answers.
#[derive(Debug, Default)]
pub struct Weight(Mutex<Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Blocks to ask for next.
    next: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { next: 1 }
    }
}

impl Weight {
    /// The number of blocks to ask for next.
    pub fn next(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next
    }

    /// Learns from an answer of `blocks` blocks, the largest of which had `largest` bytes. The number of blocks at most
    /// doubles, and neighbours are of similar size, so an answer is never much larger than those before.
    pub fn learn(&self, blocks: usize, largest: usize) {
        let fitting = GOOD_BYTES / largest.max(1);
        let next = fitting.clamp(1, MOST_BLOCKS).min(2 * blocks.max(1));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next = next;
    }

    /// Asks for one block next, because the last answer was too large or did not come.
    pub fn begin_anew(&self) {
        self.learn(1, GOOD_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_grow_to_a_good_size_and_shrink_at_once() {
        let weight = Weight::default();
        let mut asked = Vec::new();
        for _ in 0..6 {
            asked.push(weight.next());
            weight.learn(weight.next(), 100_000);
        }
        assert_eq!(asked, [1, 2, 4, 8, 16, 16]);
        weight.learn(16, 1_500_000);
        assert_eq!(weight.next(), 2);
        weight.learn(2, 4_000_000);
        assert_eq!(weight.next(), 1);
        weight.learn(16, 250);
        assert_eq!(weight.next(), MOST_BLOCKS);
        weight.begin_anew();
        assert_eq!(weight.next(), 1);
    }
}
