//! Making the picture equal to the node's own, as JSON-RPC gave it: at the start, and whenever something was missed.

use std::collections::HashSet;

use bitcoin::{BlockHash, Transaction, Txid, hashes::Hash as _};
use satscope_log::{Block, Event, RemovalReason, WINDOW_MS};

use super::{
    FirstSight, Tracker,
    seen::{Place, Seen, Verdict},
};

/// The node's mempool and the blocks that were missing here, all as of one moment.
#[derive(Debug, Default)]
pub struct NodeView {
    /// Every txid in the mempool.
    pub mempool: Vec<Txid>,
    /// Those of them that were missing here.
    pub missing: Vec<FetchedTransaction>,
    /// Blocks of the best chain that were missing here, oldest first.
    pub blocks: Vec<FetchedBlock>,
    /// Known blocks that are not in the best chain (any more).
    pub abandoned: Vec<BlockHash>,
}

/// A mempool transaction.
#[derive(Clone, Debug)]
pub struct FetchedTransaction {
    /// Its id.
    pub txid: Txid,
    /// When it entered the mempool, Unix milliseconds.
    pub entered_ms: u64,
    /// Its content; `None` when it entered before the window.
    pub transaction: Option<Transaction>,
}

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
    /// The txids of `mempool` that are not known here.
    pub fn missing<'a>(&self, mempool: &'a [Txid]) -> Vec<&'a Txid> {
        let unknown = |txid: &&Txid| {
            let seen = self.seen.get(*txid);
            seen.is_none_or(|seen| seen.verdict == Verdict::Unknown)
        };
        mempool.iter().filter(unknown).collect()
    }

    /// The known blocks, newest last.
    pub fn known_blocks(&self) -> Vec<BlockHash> {
        self.chain
            .iter()
            .map(|known| BlockHash::from_byte_array(known.block.hash))
            .collect()
    }

    /// Takes the node's view over.
    pub fn reconcile(&mut self, view: NodeView, now_ms: u64) -> Vec<Event> {
        self.run.clear();
        let mut events = Vec::new();
        self.settle_departures(super::Cause::Nothing, now_ms, &mut events);
        for hash in view.abandoned.iter().rev() {
            self.disconnect(*hash, now_ms, &mut events);
        }
        for block in view.blocks {
            self.take_block(block, now_ms, &mut events);
        }
        self.take_mempool(view.missing, now_ms, &mut events);
        let listed: HashSet<&Txid> = view.mempool.iter().collect();
        for txid in &view.mempool {
            self.put(*txid, Place::Mempool, now_ms, &mut events);
        }
        let unlisted: Vec<Txid> = self
            .seen
            .iter()
            .filter(|(txid, seen)| {
                !matches!(seen.place, Place::Block | Place::Gone) && !listed.contains(txid)
            })
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

    /// All stamps first, then the verdicts: entry times are whole seconds, and a child must know its parent's.
    fn take_mempool(
        &mut self,
        mut missing: Vec<FetchedTransaction>,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        missing.sort_by_key(|fetched| (fetched.entered_ms, fetched.txid));
        for fetched in &missing {
            let first_seen_ms = fetched.entered_ms.min(now_ms);
            self.seen
                .entry(fetched.txid)
                .or_insert_with(|| Seen::without_content(first_seen_ms));
        }
        for fetched in missing {
            match fetched.transaction {
                Some(transaction) => events.extend(self.sight(
                    fetched.txid,
                    &transaction,
                    fetched.entered_ms.min(now_ms),
                    now_ms,
                )),
                None => self.take_unread(&fetched.txid),
            }
        }
    }

    /// A transaction from before the window can be no payment of it, and is left out without being read.
    fn take_unread(&mut self, txid: &Txid) {
        if let Some(seen) = self.seen.get_mut(txid)
            && seen.verdict == Verdict::Unknown
        {
            seen.verdict = Verdict::Filtered;
            self.first_sights.push(FirstSight::BeforeWindow);
        }
    }
}

/// Whether a mempool entry of that time is read at all.
pub fn is_in_window(entered_ms: u64, now_ms: u64) -> bool {
    entered_ms + WINDOW_MS > now_ms
}
