//! Making the picture equal to the node's own, as JSON-RPC gives it: at the start, and whenever something was missed.
//!
//! It comes in steps, so that no more than one step's transactions are held at once: [`Tracker::abandon`], each missing
//! block, the stamps of the missing mempool transactions, then their contents, and at last [`Tracker::settle`]. Frames
//! that were sent before the node's answer and are taken after it do no harm: they end with the state that the answer has.

use bitcoin::{BlockHash, Transaction, Txid, hashes::Hash as _};
use rustc_hash::FxHashSet;
use satscope_log::{Block, Event, RemovalReason, WINDOW_MS};

use super::{
    FirstSight, Tracker,
    removal::Cause,
    seen::{Place, Seen, Verdict},
};

/// A block.
#[derive(Clone, Debug)]
pub struct FetchedBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// Its header's time, Unix milliseconds.
    pub time_ms: u64,
    /// Its transactions, coinbase first.
    pub transactions: Vec<Transaction>,
}

impl Tracker {
    /// The txids of `mempool` whose content is not known here.
    pub fn missing(&self, mempool: &[Txid]) -> Vec<Txid> {
        let unknown = |txid: &&Txid| {
            let seen = self.seen.get(txid);
            seen.is_none_or(|seen| seen.verdict() == Verdict::Unknown)
        };
        mempool.iter().filter(unknown).copied().collect()
    }

    /// The known blocks, newest last.
    pub fn known_blocks(&self) -> Vec<BlockHash> {
        self.chain
            .iter()
            .map(|known| BlockHash::from_byte_array(known.block.hash))
            .collect()
    }

    /// The first step: these known blocks, oldest first, are not in the best chain (any more).
    pub fn abandon(&mut self, blocks: &[BlockHash], now_ms: u64) -> Vec<Event> {
        self.run.clear();
        let mut events = Vec::new();
        self.settle_departures(Cause::Nothing, now_ms, &mut events);
        for hash in blocks.iter().rev() {
            self.disconnect(*hash, now_ms, &mut events);
        }
        events
    }

    /// Notes when transactions of the mempool were first seen, Unix milliseconds, before any of them is judged: a child
    /// must know its parent's stamp. What is known already keeps its own.
    pub fn stamp(&mut self, entered: &[(Txid, u64)], now_ms: u64) {
        for (txid, entered_ms) in entered {
            self.seen.get_or_insert_with(*txid, || {
                let seen = Seen::without_content(*entered_ms.min(&now_ms));
                self.records.push(|| seen.record(txid));
                seen
            });
        }
    }

    /// Takes the content of a mempool transaction that has its stamp.
    pub fn fetched_transaction(&mut self, transaction: &Transaction, now_ms: u64) -> Option<Event> {
        self.sight(transaction.compute_txid(), transaction, now_ms, now_ms)
    }

    /// A transaction from before the window can be no payment of it, and is left out without being read.
    pub fn pass_over(&mut self, txid: &Txid) {
        if let Some(seen) = self.seen.get_mut(txid)
            && seen.verdict() == Verdict::Unknown
        {
            seen.leave_out();
            self.records.push(|| seen.record(txid));
            self.first_sights.push(FirstSight::BeforeWindow);
        }
    }

    /// These are in the node's mempool; to be called, in as many parts as one likes, before [`Tracker::settle`].
    pub fn are_in_mempool(&mut self, txids: &[Txid], now_ms: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for txid in txids {
            self.put(*txid, Place::Mempool, now_ms, &mut events);
        }
        events
    }

    /// The last step: `mempool` is all that is in the node's mempool. What is neither there nor in a block is gone.
    pub fn settle(&mut self, mempool: &[Txid], now_ms: u64) -> Vec<Event> {
        let mut events = Vec::new();
        let listed: FxHashSet<&Txid> = mempool.iter().collect();
        let is_unlisted = |(txid, seen): &(&Txid, &Seen)| {
            !matches!(seen.place, Place::Block | Place::Gone) && !listed.contains(txid)
        };
        let unlisted: Vec<Txid> = self
            .seen
            .iter()
            .filter(is_unlisted)
            .map(|(txid, _)| *txid)
            .collect();
        for txid in unlisted {
            self.remove(txid, RemovalReason::Unknown, now_ms, &mut events);
        }
        events
    }

    /// A transaction that is met only here was first seen when the block was made, or now if that is earlier.
    pub(super) fn take_block(
        &mut self,
        fetched: FetchedBlock,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        let time_ms = fetched.time_ms.min(now_ms);
        let mut txids = Vec::new();
        for transaction in fetched.transactions.iter().skip(1) {
            let txid = transaction.compute_txid();
            events.extend(self.sight(txid, transaction, time_ms, now_ms));
            txids.push(txid);
        }
        let block = Block {
            hash: fetched.hash.to_byte_array(),
            height: Some(fetched.height),
            time_ms,
        };
        self.connect(block, txids, now_ms, events);
    }
}

/// Whether a mempool entry of that time is read at all.
pub fn is_in_window(entered_ms: u64, now_ms: u64) -> bool {
    entered_ms + WINDOW_MS > now_ms
}
