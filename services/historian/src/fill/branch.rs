//! The newest headers of the node's chain, and the comparison of known blocks with them.

use std::ops::Range;

use bitcoin::BlockHash;

use crate::{node::Header, times};

/// Consecutive headers, the last of which is the node's best block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    headers: Vec<Header>,
}

impl Branch {
    /// The branch of these headers, each of which must be the child of the one before.
    pub fn new(headers: Vec<Header>) -> Branch {
        Branch { headers }
    }

    /// Height of the first header; `None` if there is none.
    pub fn first_height(&self) -> Option<u32> {
        self.headers.first().map(|header| header.height)
    }

    /// The header of the best block.
    pub fn tip(&self) -> Option<&Header> {
        self.headers.last()
    }

    /// The header at a height; `None` if the branch does not have it.
    pub fn at(&self, height: u32) -> Option<&Header> {
        let at = height.checked_sub(self.first_height()?)?;
        self.headers.get(at as usize)
    }

    /// The headers of these heights, as far as the branch has them.
    pub fn of(&self, heights: Range<u32>) -> &[Header] {
        let Some(first) = self.first_height() else {
            return &[];
        };
        let at = |height: u32| (height.saturating_sub(first) as usize).min(self.headers.len());
        &self.headers[at(heights.start)..at(heights.end)]
    }

    /// Adds headers, and returns true, if they follow the best block.
    pub fn extend(&mut self, headers: &[Header]) -> bool {
        let follows = match (self.tip(), headers.first()) {
            (Some(tip), Some(first)) => first.previous == tip.hash,
            _ => false,
        };
        if follows {
            self.headers.extend_from_slice(headers);
        }
        follows
    }

    /// Drops the headers below a height.
    pub fn forget_below(&mut self, height: u32) {
        let known = self
            .headers
            .partition_point(|header| header.height < height);
        self.headers.drain(..known);
    }

    /// The first block of `known` (height and hash, ascending) that is not in this chain. Blocks below the branch are
    /// not compared. `None` if all others are in it.
    pub fn leaves(&self, known: &[(u32, BlockHash)]) -> Option<u32> {
        let differs = |(height, hash): &&(u32, BlockHash)| match self.at(*height) {
            Some(header) => header.hash != *hash,
            None => self.tip().is_some_and(|tip| tip.height < *height),
        };
        known.iter().find(differs).map(|(height, _)| *height)
    }

    /// The times of the blocks of these heights, Unix seconds; see [`times::of_blocks`].
    pub fn times(&self, heights: Range<u32>) -> Vec<u64> {
        let Some(first) = self.first_height() else {
            return Vec::new();
        };
        let header_times: Vec<u64> = self.headers.iter().map(|header| header.time).collect();
        times::of_blocks(first, &header_times, heights)
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;

    use super::*;

    fn header(height: u32, branch: u8) -> Header {
        let hash = |height: u32, branch: u8| {
            let mut bytes = [branch; 32];
            bytes[..4].copy_from_slice(&height.to_le_bytes());
            BlockHash::from_byte_array(bytes)
        };
        Header {
            height,
            hash: hash(height, branch),
            previous: hash(height.saturating_sub(1), branch),
            time: 600 * u64::from(height),
        }
    }

    fn branch(heights: Range<u32>) -> Branch {
        Branch::new(heights.map(|height| header(height, 1)).collect())
    }

    #[test]
    fn blocks_that_follow_are_added_and_others_are_not() {
        let mut known = branch(100..110);
        let next: Vec<Header> = (110..113).map(|height| header(height, 1)).collect();
        let other: Vec<Header> = (110..113).map(|height| header(height, 2)).collect();
        assert!(!known.extend(&other));
        assert!(known.extend(&next));
        assert_eq!(known, branch(100..113));
        assert!(!known.extend(&[]));
        known.forget_below(105);
        assert_eq!(known, branch(105..113));
        assert_eq!(known.of(0..107).len(), 2);
        assert_eq!((known.at(104), known.of(120..130).len()), (None, 0));
    }

    #[test]
    fn the_first_block_that_another_branch_has_in_its_place_is_found() {
        let chain = branch(100..110);
        let known = |fork: u32, end: u32| -> Vec<(u32, BlockHash)> {
            let hash = |height: u32| header(height, 1 + u8::from(height >= fork)).hash;
            (90..end).map(|height| (height, hash(height))).collect()
        };
        assert_eq!(chain.leaves(&known(107, 110)), Some(107));
        assert_eq!(chain.leaves(&known(200, 110)), None);
        assert_eq!(
            chain.leaves(&known(200, 112)),
            Some(110),
            "a chain that has become shorter"
        );
        assert_eq!(chain.leaves(&[]), None);
    }
}
