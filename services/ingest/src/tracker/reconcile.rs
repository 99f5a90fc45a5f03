//! Making the picture equal to the node's own, as JSON-RPC gives it: at the start, and whenever something was missed.
//!
//! The work comes in steps, so that no more than one step's transactions are held at once: [`Tracker::abandon`], each missing
//! block, the stamps of the missing mempool transactions, then their contents, and at last [`Tracker::settle`]. Messages that
//! were queued before the node's answer are replayed after it. Each transaction's last message agrees with the answer, so the
//! result is the same.

use std::collections::{HashSet, VecDeque};

use bitcoin::{BlockHash, Transaction, Txid, hashes::Hash as _};
use satscope_log::{Block, RemovalReason, WINDOW_MS};

use super::{
    Place, Tracker,
    chain::{ChainBlock, Standing},
    entry::is_ahead,
    note,
    outbox::FirstSight,
    tell,
    transaction::{Seen, Verdict},
};
use crate::stamp::Stamp;

/// A whole block, as the node gave it.
#[derive(Clone, Debug)]
pub struct FetchedBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// Its height; `None` if it could not be learned.
    pub height: Option<u32>,
    /// Its header's time, Unix milliseconds.
    pub time_ms: u64,
    /// Its transactions, coinbase first.
    pub transactions: Vec<Transaction>,
}

impl Tracker {
    /// The txids of `mempool` whose entry times are needed: their content or stamp is missing, or they were passed over as
    /// older than the window and lie in it at `now_ms`.
    pub fn missing(&self, mempool: &[Txid], now_ms: u64) -> Vec<Txid> {
        let is_missing = |txid: &&Txid| match self.seen.get(txid) {
            None => true,
            Some(seen) => match seen.verdict() {
                Verdict::Unknown => true,
                Verdict::Unread => seen.is_in_window(now_ms),
                Verdict::Accepted => seen.stamp() == Stamp::Open,
                Verdict::Filtered(_) | Verdict::Past => false,
            },
        };
        let soon = self.stamped_soon();
        let missing = mempool.iter().filter(is_missing);
        missing
            .filter(|txid| !soon.contains(*txid))
            .copied()
            .collect()
    }

    /// Whether a transaction's content is not known and may lie in the window at `now_ms`.
    pub fn wants_content(&self, txid: &Txid, now_ms: u64) -> bool {
        let seen = self.seen.get(txid);
        seen.is_some_and(|seen| seen.is_unknown() && seen.is_in_window(now_ms))
    }

    /// The known blocks, newest last.
    pub fn known_blocks(&self) -> Vec<BlockHash> {
        self.chain
            .iter()
            .filter(|known| known.standing == Standing::Told)
            .map(|known| BlockHash::from_byte_array(known.block.hash))
            .collect()
    }

    /// The first step: takes out these known blocks, oldest first, which are not in the best chain (any more). Blocks that wait
    /// for their headers are taken out too, because they are read whole.
    pub fn abandon(&mut self, blocks: &[BlockHash], now_ms: u64) {
        self.run.clear();
        self.keep_left();
        let is_in_log =
            |known: &ChainBlock| matches!(known.standing, Standing::Told | Standing::Doubted);
        let chain = std::mem::take(&mut self.chain);
        let (in_log, awaited): (VecDeque<_>, VecDeque<_>) = chain.into_iter().partition(is_in_log);
        self.chain = in_log;
        for known in &awaited {
            for txid in &known.txids {
                self.put(*txid, Place::Pending, now_ms);
            }
            self.take_back(known, now_ms);
        }
        self.settle_departures(now_ms);
        for hash in blocks.iter().rev() {
            self.disconnect(*hash, now_ms);
        }
        // A transaction of a block here may have been in an abandoned block too, or a late message may have moved it.
        (0..self.chain.len()).for_each(|at| self.connect_again(at, now_ms));
    }

    /// Notes when transactions of the mempool were first seen, Unix milliseconds, before any of them is judged: a child must
    /// know its parent's stamp. A transaction that has a stamp keeps it. No stamp lies after `bound_ms`, the time of the
    /// answer, or after the receipt.
    pub fn stamp(&mut self, entered: &[(Txid, u64)], bound_ms: u64) {
        for (txid, entered_ms) in entered {
            // An entry time that cannot be right is asked for again.
            let stamp = match is_ahead(*entered_ms, bound_ms) {
                true => (bound_ms, Stamp::Open),
                false => ((*entered_ms).min(bound_ms), Stamp::Entry),
            };
            match self.seen.get(txid).map(Seen::stamp) {
                Some(Stamp::Open) if stamp.1 == Stamp::Open => {}
                Some(Stamp::Open) => {
                    self.stamp_open(*txid, Some(*entered_ms), Stamp::Entry, bound_ms);
                }
                Some(_) => {}
                None => {
                    let seen = self
                        .seen
                        .get_or_insert_with(*txid, || Seen::new(stamp, Place::Announced, bound_ms));
                    note(&mut self.out, self.is_journaled, || seen.record(txid));
                }
            }
        }
    }

    /// Takes the content of a mempool transaction that has its stamp.
    pub fn fetched_transaction(&mut self, transaction: &Transaction, now_ms: u64) {
        self.sight(transaction.compute_txid(), transaction, now_ms, now_ms);
    }

    /// Leaves a transaction from before the window out without reading it, because it can be no payment of the window.
    pub fn pass_over(&mut self, txid: &Txid) {
        if let Some(seen) = self.seen.get_mut(txid)
            && seen.verdict() == Verdict::Unknown
        {
            let told = seen.told();
            seen.pass_over();
            note(&mut self.out, self.is_journaled, || seen.record(txid));
            tell(&mut self.out, told, seen, false, 0);
        }
    }

    /// Places these transactions in the mempool; to be called, in any number of parts, before [`Tracker::settle`].
    pub fn are_in_mempool(&mut self, txids: &[Txid], now_ms: u64) {
        for txid in txids {
            self.put(*txid, Place::Mempool, now_ms);
            self.ask_if_open(txid);
        }
    }

    /// The last step: removes the transactions that are neither in `mempool`, which is the node's whole mempool, nor in a
    /// block. Those that no `sequence` message has explained yet stay.
    pub fn settle(&mut self, mempool: &[Txid], now_ms: u64) {
        let listed: HashSet<&Txid> = mempool.iter().collect();
        let mined: HashSet<&Txid> = self.chain.iter().flat_map(|known| &known.txids).collect();
        // The chain here goes back for longer than the window. So a transaction that was mined in that time, and is in no block
        // here, has lost its block.
        let is_recent = |seen: &Seen| seen.since_ms() + WINDOW_MS > now_ms;
        let is_unlisted = |(txid, seen): &(&Txid, &Seen)| match seen.place {
            Place::Mempool | Place::Pending => !listed.contains(txid),
            Place::Block => is_recent(seen) && !mined.contains(txid),
            Place::Announced | Place::Gone => false,
        };
        let unlisted: Vec<Txid> = self
            .seen
            .iter()
            .filter(is_unlisted)
            .map(|(txid, _)| *txid)
            .collect();
        for txid in unlisted {
            self.remove(txid, RemovalReason::Unknown, now_ms);
        }
    }

    /// Takes a whole block. A transaction that is met only here bears the block's header time, or the receipt of the block if
    /// that is earlier. Of a block that is older than the window, only its hash and its known transactions are kept.
    pub(super) fn take_block(&mut self, fetched: FetchedBlock, received_ms: u64, now_ms: u64) {
        let time_ms = fetched.time_ms.min(received_ms);
        let is_recent = is_in_window(time_ms, now_ms);
        let mut txids = Vec::new();
        for transaction in fetched.transactions.iter().skip(1) {
            let txid = transaction.compute_txid();
            if is_recent {
                self.sight(txid, transaction, now_ms, now_ms);
            } else if self.seen.get(&txid).is_none() {
                self.out.sights.push(FirstSight::BeforeWindow);
                continue;
            }
            txids.push(txid);
        }
        let block = Block {
            hash: fetched.hash.to_byte_array(),
            height: fetched.height,
            time_ms,
        };
        let open = self.open_of(&txids);
        let met: HashSet<Txid> = self.announced(&txids).into_iter().collect();
        for txid in &txids {
            self.put(*txid, Place::Block, now_ms);
        }
        for txid in &open {
            self.stamp_met(txid, time_ms, met.contains(txid), now_ms);
        }
        self.connect(block, txids, now_ms);
    }
}

/// Whether a stamp of that time lies in the window.
pub fn is_in_window(stamp_ms: u64, now_ms: u64) -> bool {
    stamp_ms + WINDOW_MS > now_ms
}
