//! The blocks below those that a chain holds: their headers, and their transactions as far as they can be made again.

use std::fmt::Debug;
use std::sync::Arc;

use bitcoin::BlockHash;
use bitcoin::block::Header;
use bitcoin::hashes::Hash;

use super::Block;
use crate::tx::Tx;

/// Makes the transactions of past blocks.
pub trait Content: Debug + Send + Sync {
    /// The transactions of the block of this height, the coinbase first.
    fn txs(&self, height: u32) -> Vec<Arc<Tx>>;
    /// How many these are.
    fn count(&self, height: u32) -> usize;
}

/// Headers of consecutive heights, and what makes the blocks of the lower ones.
#[derive(Debug)]
pub struct Past {
    first_height: u32,
    /// Oldest first.
    headers: Vec<Header>,
    /// Positions in `headers`, in the order of the blocks' hashes.
    by_hash: Vec<u32>,
    content: Arc<dyn Content>,
    /// The heights whose transactions can be made.
    made: std::ops::Range<u32>,
}

impl Past {
    /// Of these headers, each upon the one before it. Blocks below `pruned_height` have lost their transactions.
    pub fn new(
        first_height: u32,
        headers: Vec<Header>,
        content: Arc<dyn Content>,
        pruned_height: u32,
    ) -> Past {
        let end = first_height + headers.len() as u32;
        let mut past = Past {
            first_height,
            by_hash: (0..headers.len() as u32).collect(),
            headers,
            content,
            made: first_height.max(pruned_height).min(end)..end,
        };
        let mut by_hash = std::mem::take(&mut past.by_hash);
        by_hash.sort_by_cached_key(|at| past.hash(*at as usize));
        past.by_hash = by_hash;
        past
    }

    /// The lowest block that has its transactions.
    pub fn lowest_whole(&self) -> u32 {
        self.made.start
    }

    /// Whether all blocks from [`Past::lowest_whole`] up to the newest have their transactions.
    pub fn is_whole(&self) -> bool {
        !self.made.is_empty() && self.made.end == self.end_height()
    }

    /// Hash of the newest block; all zeros without one.
    pub fn tip_hash(&self) -> BlockHash {
        self.headers
            .last()
            .map_or_else(BlockHash::all_zeros, Header::block_hash)
    }

    /// Adds the block upon the newest, of which nothing but the header is known from now on.
    pub fn push(&mut self, header: Header) {
        let at = self.headers.len() as u32;
        self.headers.push(header);
        let hash = header.block_hash();
        let before = self.place(&hash).unwrap_or_else(|place| place);
        self.by_hash.insert(before, at);
    }

    /// A block without its transactions; `None` outside of the past.
    pub fn at_height(&self, height: u32) -> Option<Block> {
        let at = height.checked_sub(self.first_height)? as usize;
        let header = *self.headers.get(at)?;
        Some(Block {
            hash: self.hash(at),
            previous: header.prev_blockhash,
            height,
            time: header.time,
            header: Some(header),
            txs: None,
        })
    }

    /// Height of a block; `None` if it is not one of the past.
    pub fn height_of(&self, hash: &BlockHash) -> Option<u32> {
        let place = self.place(hash).ok()?;
        let at = self.by_hash.get(place)?;
        Some(self.first_height + at)
    }

    /// What makes the transactions of a block; `None` if they are lost.
    pub fn content(&self, height: u32) -> Option<&Arc<dyn Content>> {
        self.made.contains(&height).then_some(&self.content)
    }

    /// The times of the block of this height and of up to `count - 1` before it, Unix seconds.
    pub fn times(&self, height: u32, count: usize) -> impl Iterator<Item = u32> {
        let end = (height + 1).saturating_sub(self.first_height) as usize;
        let end = end.min(self.headers.len());
        let headers = &self.headers[end.saturating_sub(count)..end];
        headers.iter().map(|header| header.time)
    }

    fn end_height(&self) -> u32 {
        self.first_height + self.headers.len() as u32
    }

    /// The next header has it, so that it is kept once.
    fn hash(&self, at: usize) -> BlockHash {
        let next = self.headers.get(at + 1);
        next.map_or_else(|| self.headers[at].block_hash(), |next| next.prev_blockhash)
    }

    fn place(&self, hash: &BlockHash) -> Result<usize, usize> {
        self.by_hash
            .binary_search_by_key(hash, |at| self.hash(*at as usize))
    }
}
