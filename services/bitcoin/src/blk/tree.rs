//! The chain of most work among the blocks of all files.

use bitcoin::{Target, pow::CompactTarget};

/// A block as far as its place in the chain goes. Hashes are the first eight bytes of the real ones, because that is enough to tell
/// blocks apart, and a million blocks take 24 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeBlock {
    /// The beginning of its hash.
    pub hash: u64,
    /// The beginning of the hash of the block before it.
    pub previous: u64,
    /// The target of its proof of work.
    pub bits: u32,
}

/// The hashes of the chain of most work, by height, from the block with the hash `first` on. It is empty if that block is not among
/// `blocks`, as in the files of a node that prunes. `blocks` are ascending by hash. Of two chains with the same work, it is the
/// one whose last hash is lower.
pub fn best_chain(blocks: &[TreeBlock], first: u64) -> Vec<u64> {
    let tree = Tree { blocks };
    let Some(root) = tree.find(first) else {
        return Vec::new();
    };
    let works = tree.works(root);
    let mut best = root;
    for (block, work) in works.iter().enumerate() {
        // Ascending hashes, so that an equal one comes later.
        if *work > works[best] {
            best = block;
        }
    }
    drop(works);
    tree.path(root, best)
}

struct Tree<'a> {
    blocks: &'a [TreeBlock],
}

impl Tree<'_> {
    /// The index of a block.
    fn find(&self, hash: u64) -> Option<usize> {
        self.blocks
            .binary_search_by_key(&hash, |block| block.hash)
            .ok()
    }

    /// The work of each block and of all before it; 0 for a block that does not descend from `root`.
    fn works(&self, root: usize) -> Vec<u128> {
        let mut works = vec![0; self.blocks.len()];
        let mut is_seen = vec![false; self.blocks.len()];
        let mut own = OwnWork::default();
        (works[root], is_seen[root]) = (own.of(self.blocks[root].bits), true);
        let mut waiting = Vec::new();
        for block in 0..self.blocks.len() {
            // From the block down to one that is known, or to one without a parent, and back up.
            let mut next = Some(block);
            let mut below = 0;
            while let Some(block) = next {
                if is_seen[block] {
                    below = works[block];
                    break;
                }
                is_seen[block] = true;
                waiting.push(block);
                next = self.find(self.blocks[block].previous);
            }
            while let Some(block) = waiting.pop() {
                if below > 0 {
                    below = own.of(self.blocks[block].bits).saturating_add(below);
                    works[block] = below;
                }
            }
        }
        works
    }

    /// The hashes from `root` to a block that descends from it.
    fn path(&self, root: usize, last: usize) -> Vec<u64> {
        let mut path = vec![self.blocks[last].hash];
        let mut at = last;
        while at != root
            && let Some(previous) = self.find(self.blocks[at].previous)
        {
            at = previous;
            path.push(self.blocks[at].hash);
        }
        path.reverse();
        path
    }
}

/// The work of a target, kept for the next block, which mostly has the same.
#[derive(Default)]
struct OwnWork {
    bits: u32,
    work: u128,
}

impl OwnWork {
    /// The work of a block with this target, at least 1. Above 2^128 it counts as that; the whole of Bitcoin's chain has 2^96.
    fn of(&mut self, bits: u32) -> u128 {
        if self.work == 0 || self.bits != bits {
            let target = Target::from_compact(CompactTarget::from_consensus(bits));
            let bytes = target.to_work().to_be_bytes();
            let (high, low) = bytes.split_at(16);
            let is_within = high.iter().all(|byte| *byte == 0);
            let low = low
                .iter()
                .fold(0u128, |work, byte| work << 8 | u128::from(*byte));
            self.work = if is_within { low.max(1) } else { u128::MAX };
            self.bits = bits;
        }
        self.work
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regtest's target, and one with twice the work.
    const EASY: u32 = 0x207f_ffff;
    const HARDER: u32 = 0x203f_ffff;

    fn chain(blocks: &[(u64, u64, u32)], first: u64) -> Vec<u64> {
        let mut blocks: Vec<TreeBlock> = blocks
            .iter()
            .map(|(hash, previous, bits)| TreeBlock {
                hash: *hash,
                previous: *previous,
                bits: *bits,
            })
            .collect();
        blocks.sort_by_key(|block| block.hash);
        best_chain(&blocks, first)
    }

    #[test]
    fn the_chain_of_most_work_is_not_the_longest() {
        let longer = [(9, 0, EASY), (8, 9, EASY), (7, 8, EASY), (6, 7, EASY)];
        assert_eq!(chain(&longer, 9), [9, 8, 7, 6]);
        let heavier = [(20, 9, HARDER), (30, 20, HARDER)];
        assert_eq!(chain(&[&longer[..], &heavier].concat(), 9), [9, 20, 30]);
    }

    #[test]
    fn a_stale_block_and_blocks_without_a_parent_are_left_out() {
        let blocks = [
            (5, 0, EASY),
            (3, 5, EASY),
            (4, 5, EASY),
            (1, 3, EASY),
            (2, 77, HARDER),
            (6, 2, HARDER),
        ];
        assert_eq!(chain(&blocks, 5), [5, 3, 1]);
        assert_eq!(chain(&blocks, 77), [0; 0]);
        assert_eq!(chain(&[], 0), [0; 0]);
        assert_eq!(
            chain(&[(5, 0, EASY), (4, 5, EASY), (3, 5, EASY)], 5),
            [5, 3]
        );
    }

    #[test]
    fn blocks_in_a_ring_are_left_out() {
        let ring = [
            (1, 2, EASY),
            (2, 3, EASY),
            (3, 1, EASY),
            (4, 1, EASY),
            (9, 9, EASY),
            (10, 9, EASY),
        ];
        assert_eq!(chain(&ring, 9), [9, 10]);
        assert_eq!(chain(&ring, 5), [0; 0]);
    }

    #[test]
    fn a_long_chain_in_any_order_is_found() {
        let hash = |height: u64| height.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let blocks: Vec<_> = (1..50_000)
            .map(|height| (hash(height), hash(height - 1), EASY))
            .chain([(hash(0), 0, EASY)])
            .collect();
        let expected: Vec<u64> = (0..50_000).map(hash).collect();
        assert_eq!(chain(&blocks, hash(0)), expected);
    }

    #[test]
    fn no_target_has_no_work_or_too_much() {
        let mut own = OwnWork::default();
        assert_eq!(own.of(EASY), 2);
        assert_eq!(own.of(0x1d00_ffff), 0x0001_0001_0001);
        for bits in [0, 1, 0x0080_0000, 0xffff_ffff, 0x0100_0001] {
            assert!(own.of(bits) > 0, "{bits:x}");
        }
    }
}
