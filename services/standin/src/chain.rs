//! The stand-in's mempool and blocks, from which its RPC answers. The player changes them and publishes the messages that each
//! change returns, in the order in which Core sends them.

mod past_chain;

use std::collections::VecDeque;
use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Network, Txid, VarInt};
use satscope_bitcoin::frame::{SequenceEvent, Topic};

pub use self::past_chain::{Content, PastChain};
use crate::mempool::{Mempool, Pooled};
use crate::tx::Tx;

/// Blocks whose transactions are kept: six hours' worth, twice what the three hours' window needs.
pub const FULL_BLOCKS: usize = 36;
/// Bytes of transactions that are kept beyond these blocks if there is a past, so that many small blocks make no gap above it.
const FULL_BYTES: usize = 64 << 20;
/// The most blocks that are known; with a past, the headers of the older ones are kept too.
const KNOWN_BLOCKS: usize = 2016;
/// The most abandoned blocks that the RPC still knows.
const STALE_BLOCKS: usize = 16;
/// Core judges a block's time by the median of this many blocks.
const MEDIAN_BLOCKS: usize = 11;

/// Messages to publish: a topic and a body each.
pub type Frames = Vec<(Topic, Vec<u8>)>;

/// A block, as far as it is known.
#[derive(Clone, Debug)]
pub struct Block {
    pub hash: BlockHash,
    pub previous: BlockHash,
    pub height: u32,
    /// Unix seconds.
    pub time: u32,
    /// `None` if a recording never shows it.
    pub header: Option<Header>,
    /// The transactions in the block's order, the coinbase first; `None` if they were pruned or never seen.
    pub txs: Option<Vec<Arc<Tx>>>,
}

impl Block {
    /// A block with all its content.
    pub fn new(header: Header, height: u32, txs: Vec<Arc<Tx>>) -> Block {
        Block {
            hash: header.block_hash(),
            previous: header.prev_blockhash,
            height,
            time: header.time,
            header: Some(header),
            txs: Some(txs),
        }
    }

    /// A block of which only hash, height and time are known; `time` in Unix seconds.
    pub fn unseen(hash: BlockHash, height: u32, time: u32) -> Block {
        Block {
            hash,
            previous: BlockHash::all_zeros(),
            height,
            time,
            header: None,
            txs: None,
        }
    }

    /// The block as it goes over the network; `None` if not all of it is known.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let (header, txs) = (self.header.as_ref()?, self.txs.as_ref()?);
        let mut bytes = serialize(header);
        bytes.extend(serialize(&VarInt(txs.len() as u64)));
        for tx in txs {
            bytes.extend_from_slice(&tx.raw);
        }
        Some(bytes)
    }

    /// Bytes of its transactions; `None` if it has none.
    fn size(&self) -> Option<usize> {
        let txs = self.txs.as_ref()?.iter();
        Some(txs.map(|tx| tx.raw.len()).sum())
    }

    /// The messages for a block that was connected: its transactions, `C`, and for the last tip of a step the block.
    pub fn connected_frames(&self, last_of_step: bool) -> Frames {
        let mut frames = self.run();
        frames.push(sequence(SequenceEvent::BlockConnected(self.hash)));
        if last_of_step {
            let mut displayed = self.hash.to_byte_array().to_vec();
            displayed.reverse();
            frames.push((Topic::HashBlock, displayed));
            frames.extend(self.bytes().map(|bytes| (Topic::RawBlock, bytes)));
        }
        frames
    }

    fn disconnected_frames(&self) -> Frames {
        let mut frames = self.run();
        frames.push(sequence(SequenceEvent::BlockDisconnected(self.hash)));
        frames
    }

    fn run(&self) -> Frames {
        let txs = self.txs.iter().flatten();
        txs.map(|tx| (Topic::RawTx, tx.raw.clone())).collect()
    }
}

/// The mempool, the best chain and the mempool's sequence number.
#[derive(Debug)]
pub struct Chain {
    pub network: Network,
    pub mempool: Mempool,
    /// The number that the next change of the mempool gets.
    pub mempool_sequence: u64,
    /// The blocks below the oldest active one; `None` if they are not known.
    past: Option<PastChain>,
    /// The oldest first, never empty.
    active: VecDeque<Arc<Block>>,
    stale: VecDeque<Arc<Block>>,
}

impl Chain {
    /// A chain that ends in `tip`, with an empty mempool.
    pub fn new(network: Network, tip: Block) -> Chain {
        Chain::upon(None, network, tip)
    }

    /// A chain that ends in `tip`, with the blocks below it.
    pub fn upon(past: Option<PastChain>, network: Network, tip: Block) -> Chain {
        Chain {
            past,
            network,
            mempool: Mempool::default(),
            mempool_sequence: 1,
            active: VecDeque::from([Arc::new(tip)]),
            stale: VecDeque::new(),
        }
    }

    pub fn tip(&self) -> &Arc<Block> {
        // The first block is never taken away: `disconnect` keeps it.
        &self.active[self.active.len() - 1]
    }

    /// A block of the best chain. A block of the past comes without its transactions.
    pub fn at_height(&self, height: u32) -> Option<Arc<Block>> {
        let mut active = self.active.iter().rev();
        let held = active.find(|block| block.height == height).cloned();
        held.or_else(|| self.past.as_ref()?.at_height(height).map(Arc::new))
    }

    /// A block, and whether it is on the best chain. A block of the past comes without its transactions.
    pub fn block(&self, hash: &BlockHash) -> Option<(Arc<Block>, bool)> {
        let known = |blocks: &VecDeque<Arc<Block>>| {
            let mut blocks = blocks.iter().rev();
            blocks.find(|block| block.hash == *hash).cloned()
        };
        let past = || {
            let past = self.past.as_ref()?;
            past.at_height(past.height_of(hash)?).map(Arc::new)
        };
        let active = known(&self.active).map(|block| (block, true));
        active
            .or_else(|| known(&self.stale).map(|block| (block, false)))
            .or_else(|| past().map(|block| (block, true)))
    }

    /// The maker of the transactions of a past block that does not hold them; `None` if they are lost, or the block is not of
    /// the past.
    pub fn content(&self, block: &Block) -> Option<Arc<dyn Content>> {
        let past = self.past.as_ref()?;
        let known = past.at_height(block.height)?;
        let content = past.content(block.height)?;
        (known.hash == block.hash).then(|| Arc::clone(content))
    }

    /// The block after this one on the best chain.
    pub fn next_block(&self, block: &Block) -> Option<BlockHash> {
        let at = self.active.iter().rposition(|held| held.hash == block.hash);
        if let Some(at) = at {
            return self.active.get(at + 1).map(|next| next.hash);
        }
        let next = self.at_height(block.height.checked_add(1)?)?;
        (next.previous == block.hash).then_some(next.hash)
    }

    /// The lowest height such that all blocks from it up to the tip have their transactions; above the tip if the tip has none.
    pub fn lowest_whole(&self) -> u32 {
        let end = self.tip().height + 1;
        let blocks = self.active.iter().rev().zip(1..);
        let whole =
            blocks.take_while(|(block, below)| block.txs.is_some() && block.height + below == end);
        let count = whole.count();
        match &self.past {
            Some(past) if count == self.active.len() && past.is_whole() => past.lowest_whole(),
            _ => end - count as u32,
        }
    }

    /// Median of the times of this block and the ten before it, in Unix seconds.
    pub fn median_time(&self, block: &Block) -> Option<u32> {
        let at = self.active.iter().rposition(|held| held.hash == block.hash);
        let mut times: Vec<u32> = Vec::with_capacity(MEDIAN_BLOCKS);
        if let Some(at) = at {
            let blocks = self
                .active
                .range((at + 1).saturating_sub(MEDIAN_BLOCKS)..=at);
            times.extend(blocks.map(|block| block.time));
        }
        if let Some(past) = &self.past {
            let newest = match at {
                Some(_) => self.active[0].height.saturating_sub(1),
                None => past.height_of(&block.hash)?,
            };
            times.extend(past.times(newest, MEDIAN_BLOCKS - times.len()));
        }
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// Lets a transaction into the mempool at `time` (Unix seconds); the transactions that it replaces leave. Nothing happens
    /// if it is there already.
    pub fn accept(&mut self, tx: Arc<Tx>, time: f64) -> Frames {
        if self.mempool.contains(&tx.txid) {
            return Vec::new();
        }
        let mut frames = Vec::new();
        self.remove_all(&self.mempool.conflicts(&tx), &mut frames);
        frames.push((Topic::RawTx, tx.raw.clone()));
        let number = self.next_number();
        frames.push(sequence(SequenceEvent::Added(tx.txid, number)));
        self.enter(tx, time);
        frames
    }

    /// Takes a transaction and all its descendants out of the mempool.
    pub fn evict(&mut self, txid: Txid) -> Frames {
        let mut frames = Vec::new();
        self.remove_all(&self.mempool.with_descendants(txid), &mut frames);
        frames
    }

    /// Makes a block the tip. Its transactions leave the mempool silently, each taking a number; conflicting ones leave with an
    /// `R`. Returns these `R`; [`Block::connected_frames`] come after them.
    pub fn connect(&mut self, block: Block) -> Frames {
        let mut frames = Vec::new();
        for tx in block.txs.iter().flatten() {
            if self.mempool.remove(&tx.txid).is_some() {
                self.next_number();
            }
            self.remove_all(&self.mempool.conflicts(tx), &mut frames);
        }
        self.active.push_back(Arc::new(block));
        self.prune();
        frames
    }

    /// Takes the tip away, unless it is the only block.
    pub fn disconnect(&mut self) -> Option<(Arc<Block>, Frames)> {
        if self.active.len() < 2 {
            return None;
        }
        let block = self.active.pop_back()?;
        let frames = block.disconnected_frames();
        self.stale.push_back(Arc::clone(&block));
        if self.stale.len() > STALE_BLOCKS {
            self.stale.pop_front();
        }
        Some((block, frames))
    }

    /// Puts a transaction into the mempool without a message; `time` in Unix seconds.
    pub fn enter(&mut self, tx: Arc<Tx>, time: f64) {
        let height = self.tip().height;
        self.mempool.insert(Pooled { tx, time, height });
    }

    fn next_number(&mut self) -> u64 {
        let number = self.mempool_sequence;
        self.mempool_sequence += 1;
        number
    }

    fn remove_all(&mut self, txids: &[Txid], frames: &mut Frames) {
        for txid in txids {
            if self.mempool.remove(txid).is_some() {
                let number = self.next_number();
                frames.push(sequence(SequenceEvent::Removed(*txid, number)));
            }
        }
    }

    fn prune(&mut self) {
        if self.active.len() > KNOWN_BLOCKS
            && let Some(oldest) = self.active.pop_front()
            && let (Some(past), Some(header)) = (&mut self.past, oldest.header)
        {
            past.push(header);
        }
        let mut room = match self.past {
            Some(_) => FULL_BYTES,
            None => 0,
        };
        for at in (0..self.active.len().saturating_sub(FULL_BLOCKS)).rev() {
            let Some(bytes) = self.active[at].size() else {
                break;
            };
            room = room.saturating_sub(bytes);
            if room == 0 {
                Arc::make_mut(&mut self.active[at]).txs = None;
            }
        }
    }
}

fn sequence(event: SequenceEvent) -> (Topic, Vec<u8>) {
    (Topic::Sequence, event.encode())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
