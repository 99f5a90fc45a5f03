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
    /// The number of these transactions.
    fn count(&self, height: u32) -> usize;
}

/// Headers of consecutive heights, and the maker of the lower blocks' transactions.
#[derive(Debug)]
pub struct PastChain {
    first_height: u32,
    /// Oldest first.
    headers: Vec<Header>,
    /// Positions in `headers`, in the order of the blocks' hashes.
    by_hash: Vec<u32>,
    content: Arc<dyn Content>,
    /// The heights whose transactions can be made.
    made: std::ops::Range<u32>,
}

impl PastChain {
    /// A past of these headers, each upon the one before it. Blocks below `pruned_height` have lost their transactions.
    pub fn new(
        first_height: u32,
        headers: Vec<Header>,
        content: Arc<dyn Content>,
        pruned_height: u32,
    ) -> PastChain {
        let end = first_height + headers.len() as u32;
        let mut past = PastChain {
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

    /// Whether all blocks from [`PastChain::lowest_whole`] up to the newest have their transactions.
    pub fn is_whole(&self) -> bool {
        !self.made.is_empty() && self.made.end == self.end_height()
    }

    /// Hash of the newest block; all zeros without one.
    pub fn tip_hash(&self) -> BlockHash {
        self.headers
            .last()
            .map_or_else(BlockHash::all_zeros, Header::block_hash)
    }

    /// Adds a block upon the newest; only its header is kept.
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

    /// The maker of a block's transactions; `None` if they are lost.
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

    /// A block's hash. It is read from the next header, so that it is kept once.
    fn hash(&self, at: usize) -> BlockHash {
        let next = self.headers.get(at + 1);
        next.map_or_else(|| self.headers[at].block_hash(), |next| next.prev_blockhash)
    }

    fn place(&self, hash: &BlockHash) -> Result<usize, usize> {
        self.by_hash
            .binary_search_by_key(hash, |at| self.hash(*at as usize))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::{Network, TxMerkleNode};

    use super::*;
    use crate::chain::{Chain, FULL_BLOCKS, KNOWN_BLOCKS};
    use crate::simulation::miner;

    #[derive(Debug)]
    struct Nothing;

    impl Content for Nothing {
        fn txs(&self, _height: u32) -> Vec<Arc<Tx>> {
            Vec::new()
        }

        fn count(&self, _height: u32) -> usize {
            0
        }
    }

    /// A block with these transactions upon another, ten minutes later.
    fn upon(previous: BlockHash, height: u32, txs: Vec<Arc<Tx>>) -> Block {
        let header = miner::seal(previous, TxMerkleNode::all_zeros(), height * 600);
        Block::new(header, height, txs)
    }

    /// A chain of a block of height 100 upon 50 of the past, of which those below `pruned` are.
    fn chain(pruned: u32) -> Chain {
        let mut headers = Vec::new();
        let mut previous = BlockHash::all_zeros();
        for height in 50..100 {
            let block = upon(previous, height, Vec::new());
            previous = block.hash;
            headers.extend(block.header);
        }
        let past = PastChain::new(50, headers, Arc::new(Nothing), pruned);
        Chain::upon(
            Some(past),
            Network::Bitcoin,
            upon(previous, 100, Vec::new()),
        )
    }

    fn connect(chain: &mut Chain, txs: &[Arc<Tx>]) {
        let (previous, height) = (chain.tip().hash, chain.tip().height + 1);
        chain.connect(upon(previous, height, txs.to_vec()));
    }

    /// Looks each block up in all ways, from the first to the tip.
    fn check_all(chain: &Chain) {
        let mut previous = None;
        for height in 50..=chain.tip().height {
            let block = chain.at_height(height).unwrap();
            if let Some(previous) = previous.replace(Arc::clone(&block)) {
                assert_eq!(block.previous, previous.hash);
                assert_eq!(chain.next_block(&previous), Some(block.hash));
            }
            let (same, active) = chain.block(&block.hash).unwrap();
            assert!(same.height == height && active);
            // The median of eleven times ten minutes apart is the sixth; the first block has itself alone.
            let median = height - (height - 50).min(10) / 2;
            assert_eq!(chain.median_time(&block), Some(median * 600), "{height}");
        }
        assert!(chain.at_height(49).is_none());
        assert!(chain.at_height(chain.tip().height + 1).is_none());
        assert_eq!(chain.next_block(chain.tip()), None);
    }

    #[test]
    fn blocks_are_found_below_and_above_the_seam() {
        let mut chain = chain(0);
        assert_eq!(chain.lowest_whole(), 50);
        for _ in 0..20 {
            connect(&mut chain, &[]);
        }
        check_all(&chain);
        assert_eq!(chain.lowest_whole(), 50);
    }

    #[test]
    fn a_pruned_past_has_its_headers() {
        let chain = chain(80);
        check_all(&chain);
        assert_eq!(chain.lowest_whole(), 80);
        let content = |height| chain.content(&chain.at_height(height).unwrap()).is_some();
        assert!(!content(79) && content(80) && !content(100));
        assert_eq!(super::tests::chain(1000).lowest_whole(), 100);
    }

    #[test]
    fn headers_stay_when_blocks_go() {
        let mut chain = chain(0);
        for _ in 0..KNOWN_BLOCKS + 30 {
            connect(&mut chain, &[]);
        }
        check_all(&chain);
        let oldest = chain.at_height(100).unwrap();
        assert!(oldest.txs.is_none() && chain.content(&oldest).is_none());
        assert!(chain.lowest_whole() > 100);
    }

    #[test]
    fn transactions_are_kept_while_they_are_small() {
        let large = Tx::decode(transaction_of(1 << 20)).unwrap();
        let mut chain = chain(0);
        for _ in 0..500 {
            connect(&mut chain, &[]);
        }
        assert_eq!(chain.lowest_whole(), 50);
        for _ in 0..FULL_BLOCKS + 80 {
            connect(&mut chain, &[Arc::clone(&large)]);
        }
        let lowest = chain.tip().height - 63 - FULL_BLOCKS as u32;
        assert!(chain.lowest_whole().abs_diff(lowest) <= 1);
    }

    /// A serialized transaction of at least that many bytes.
    fn transaction_of(bytes: usize) -> Vec<u8> {
        let script = bitcoin::ScriptBuf::from_bytes(vec![0x51; bytes]);
        let transaction = bitcoin::Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: vec![bitcoin::TxIn::default()],
            output: vec![bitcoin::TxOut {
                value: bitcoin::Amount::ZERO,
                script_pubkey: script,
            }],
        };
        bitcoin::consensus::serialize(&transaction)
    }
}
