//! Blocks whose header has not come yet, and the stamps of transactions that were met in them only: the earlier of the header's
//! time and the receipt.
//!
//! A block is put into the log once its header is known, so that a block that was mined hours ago is not published as a new
//! one.

use std::collections::HashSet;

use bitcoin::{BlockHash, Txid, hashes::Hash as _};

use super::{FetchedBlock, Place, Tracker, Wanted, chain::Standing, note, tell};
use crate::stamp::Stamp;

/// Most blocks that may wait for their headers; with the transactions met in them they take some 30 MB at most.
const MOST: usize = 32;
/// Most transactions that are noted to have come back from one such block: more than a block holds.
const MOST_BACK: usize = 20_000;
/// The longest wait for a header from a node that can be asked, and from one that cannot, milliseconds. `rawblock` follows its
/// `C` at once.
const LONGEST_MS: u64 = 60_000;
const LONGEST_ALONE_MS: u64 = 2000;

/// Whether the block that waits has been connected or disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Joined,
    Left,
}

/// A block that waits for its header.
#[derive(Debug)]
pub(super) struct Undated {
    pub hash: BlockHash,
    pub change: Change,
    /// Its transactions that were not known before it; `None` while the block is still to be read.
    pub met: Option<Vec<Txid>>,
    /// Transactions that have entered the mempool since the block left, and so have come back already; noted while the block is
    /// still to be read. `None` if a reading has told where each transaction is.
    pub back: Option<Vec<Txid>>,
    pub received_ms: u64,
}

impl Tracker {
    /// Takes the header's time of a block, Unix milliseconds, and its height if that is known.
    pub fn dated(&mut self, hash: BlockHash, header_ms: u64, height: Option<u32>, now_ms: u64) {
        let Some(undated) = self.take_undated(&hash) else {
            return;
        };
        let time_ms = header_ms.min(undated.received_ms);
        for txid in undated.met.iter().flatten() {
            self.stamp_met(txid, time_ms, true, now_ms);
        }
        if undated.change == Change::Joined {
            self.joined(&undated, Some(time_ms), height, now_ms);
        }
    }

    /// Gives up a block whose header, or all of it, cannot be had. Transactions that were met in it only are not published.
    pub fn undatable(&mut self, hash: BlockHash, now_ms: u64) {
        if let Some(undated) = self.take_undated(&hash) {
            self.give_up_date(&undated, now_ms);
        }
    }

    fn give_up_date(&mut self, undated: &Undated, now_ms: u64) {
        for txid in undated.met.iter().flatten() {
            self.drop_content(txid, undated.change);
        }
        match (undated.change, &undated.met) {
            (Change::Joined, Some(_)) => self.joined(undated, None, None, now_ms),
            (Change::Joined, None) => self.leave_place(&undated.hash, now_ms),
            (Change::Left, Some(_)) => {}
            (Change::Left, None) => self.reorg_unreadable(),
        }
    }

    /// Takes a block as the node gave it: in a reading, or by `rawblock`.
    pub fn fetched_block(&mut self, block: FetchedBlock, now_ms: u64) {
        if self.undated_of(&block.hash).is_some() {
            return self.awaited_block(block, now_ms);
        }
        let place = self.place_in_chain(&block.hash);
        if place.is_none_or(|at| self.chain[at].standing == Standing::Doubted) {
            self.take_block(block, now_ms, now_ms);
        }
    }

    /// Takes a block that was asked for, unless it is not waited for any more: a reading has brought it, or will.
    pub fn awaited_block(&mut self, block: FetchedBlock, now_ms: u64) {
        let Some(undated) = self.undated_of(&block.hash) else {
            return;
        };
        let received_ms = undated.received_ms;
        match (undated.change, &undated.met) {
            (Change::Joined, Some(_)) => {
                self.dated(block.hash, block.time_ms, block.height, now_ms);
            }
            (Change::Joined, None) => {
                drop(self.take_undated(&block.hash));
                self.take_block(block, received_ms, now_ms);
            }
            (Change::Left, _) => self.left_block(&block, now_ms),
        }
    }

    /// The moment at which the oldest block that is still to be read left the chain, Unix milliseconds; `None` if there is
    /// none.
    pub(super) fn unread_since_ms(&self) -> Option<u64> {
        let is_unread =
            |undated: &&Undated| undated.change == Change::Left && undated.met.is_none();
        Some(self.undated.iter().find(is_unread)?.received_ms)
    }

    fn undated_of(&self, hash: &BlockHash) -> Option<&Undated> {
        self.undated.iter().find(|undated| undated.hash == *hash)
    }

    /// Takes a block off the list of those that wait for their headers.
    pub(super) fn take_undated(&mut self, hash: &BlockHash) -> Option<Undated> {
        let is_it = |undated: &Undated| undated.hash == *hash;
        let at = self.undated.iter().position(is_it)?;
        self.undated.remove(at)
    }

    pub(super) fn await_date(&mut self, undated: Undated) {
        let now_ms = undated.received_ms;
        self.undated.push_back(undated);
        if self.undated.len() > MOST
            && let Some(oldest) = self.undated.pop_front()
        {
            // Too many blocks wait at once: a reading brings all of them together.
            self.leave_to_reading(&oldest, now_ms);
        }
    }

    fn leave_to_reading(&mut self, undated: &Undated, now_ms: u64) {
        for txid in undated.met.iter().flatten() {
            self.drop_content(txid, undated.change);
        }
        if let (Change::Joined, Some(at)) = (undated.change, self.place_in_chain(&undated.hash)) {
            // The blocks after it have not been published, and are read with it.
            for known in self.chain.split_off(at) {
                let hash = BlockHash::from_byte_array(known.block.hash);
                drop(self.take_undated(&hash));
                self.take_back(&known, now_ms);
            }
        }
        self.out.wanted.push(Wanted::Resync);
    }

    /// Removes a block that cannot be read from the chain, so that the blocks after it no longer wait for it.
    fn leave_place(&mut self, hash: &BlockHash, now_ms: u64) {
        if let Some(at) = self.place_in_chain(hash) {
            self.chain.remove(at);
        }
        self.tell_blocks(now_ms);
    }

    pub(super) fn await_left(&mut self, hash: BlockHash, met: Option<Vec<Txid>>, received_ms: u64) {
        self.await_date(Undated {
            hash,
            change: Change::Left,
            met,
            back: Some(Vec::new()),
            received_ms,
        });
    }

    /// Gives up all blocks whose headers have not come.
    pub(super) fn give_up_undated(&mut self, now_ms: u64) {
        let hashes: Vec<BlockHash> = self.undated.iter().map(|undated| undated.hash).collect();
        for hash in hashes {
            self.undatable(hash, now_ms);
        }
    }

    pub(super) fn expire_undated(&mut self, now_ms: u64, is_alone: bool) {
        let longest_ms = if is_alone {
            LONGEST_ALONE_MS
        } else {
            LONGEST_MS
        };
        while let Some(oldest) = self.undated.front()
            && oldest.received_ms + longest_ms <= now_ms
        {
            match (is_alone, self.undated.pop_front()) {
                (true, Some(oldest)) => self.give_up_date(&oldest, now_ms),
                (false, Some(oldest)) => self.leave_to_reading(&oldest, now_ms),
                (_, None) => {}
            }
        }
    }

    /// The transactions of `txids` that are not stamped.
    pub(super) fn open_of(&self, txids: &[Txid]) -> Vec<Txid> {
        let is_open = |txid: &&Txid| {
            let seen = self.seen.get(txid);
            seen.is_some_and(|seen| seen.stamp() == Stamp::Open)
        };
        txids.iter().filter(is_open).copied().collect()
    }

    /// Takes the whole of a block that left before it was known here. Its transactions bear its time, not the entry times that
    /// the re-org gave them.
    fn left_block(&mut self, block: &FetchedBlock, now_ms: u64) {
        let Some(mut undated) = self.take_undated(&block.hash) else {
            return;
        };
        let back: Option<HashSet<Txid>> = undated.back.take().map(HashSet::from_iter);
        let may_have_left = |txid: &Txid| back.as_ref().is_some_and(|back| !back.contains(txid));
        let mut met = Vec::new();
        for transaction in block.transactions.iter().skip(1) {
            let txid = transaction.compute_txid();
            self.sight(txid, transaction, now_ms, now_ms);
            let place = self.seen.get(&txid).map(|seen| seen.place);
            match place {
                Some(Place::Announced) => self.put(txid, Place::Pending, now_ms),
                Some(Place::Mempool) if may_have_left(&txid) => {
                    self.put(txid, Place::Pending, now_ms);
                }
                _ => {}
            }
            met.push(txid);
        }
        undated.met = Some(met);
        self.undated.push_back(undated);
        self.settle_soon(now_ms);
        self.dated(block.hash, block.time_ms, None, now_ms);
    }

    /// Notes that a transaction has entered the mempool, for each block that left and is still to be read: it may have come
    /// back from it.
    pub(super) fn note_back(&mut self, txid: Txid) {
        let is_unread =
            |undated: &&mut Undated| undated.change == Change::Left && undated.met.is_none();
        let unread = self.undated.iter_mut().filter(is_unread);
        for back in unread.filter_map(|undated| undated.back.as_mut()) {
            if back.len() < MOST_BACK {
                back.push(txid);
            }
        }
    }

    /// Keeps only blocks that have left, because a reading tells everything but their times.
    pub(super) fn keep_left(&mut self) {
        self.undated
            .retain(|undated| undated.change == Change::Left);
        for undated in &mut self.undated {
            undated.back = None;
        }
    }

    /// Transactions whose block has left and whose stamps its header will tell.
    pub(super) fn stamped_soon(&self) -> HashSet<Txid> {
        let left = self.undated.iter();
        left.filter_map(|undated| undated.met.as_ref())
            .flatten()
            .copied()
            .collect()
    }

    /// Stamps a transaction of a block of `time_ms`, Unix milliseconds; `met_in_block` if it was not in the mempool before. A
    /// mined one that is older than the window is forgotten.
    pub(super) fn stamp_met(&mut self, txid: &Txid, time_ms: u64, met_in_block: bool, now_ms: u64) {
        let Some(seen) = self.seen.get_mut(txid) else {
            return;
        };
        if seen.stamp() != Stamp::Open {
            return;
        }
        let told = seen.told();
        seen.stamp_at(time_ms.min(seen.first_seen_ms()), Stamp::Told, met_in_block);
        if seen.accepted().is_some() && !seen.is_in_window(now_ms) {
            seen.let_go();
        }
        if seen.place == Place::Block && !seen.is_in_window(now_ms) {
            self.seen.remove(txid);
            return;
        }
        note(&mut self.out, self.is_journaled, || seen.record(txid));
        tell(&mut self.out, told, seen, false, now_ms);
    }

    /// Drops the content of a transaction that was met in a block whose time is not known.
    fn drop_content(&mut self, txid: &Txid, change: Change) {
        let Some(seen) = self.seen.get_mut(txid) else {
            return;
        };
        if seen.stamp() != Stamp::Open {
            return;
        }
        match (change, seen.place) {
            (Change::Joined, Place::Block) => self.seen.remove(txid),
            _ => {
                seen.let_go();
                note(&mut self.out, self.is_journaled, || seen.record(txid));
            }
        }
    }

    /// Makes a block known that joined at `time_ms`, or at an unknown time.
    fn joined(
        &mut self,
        undated: &Undated,
        time_ms: Option<u64>,
        height: Option<u32>,
        now_ms: u64,
    ) {
        let Some(at) = self.place_in_chain(&undated.hash) else {
            return;
        };
        let known = &mut self.chain[at];
        known.block.time_ms = time_ms.unwrap_or(undated.received_ms);
        known.is_dated = time_ms.is_some();
        known.block.height = known.block.height.or(height);
        // Of a block that is old, or of unknown time, only the hash and the transactions known before it are kept.
        let seen = &self.seen;
        known.txids.retain(|txid| seen.get(txid).is_some());
        known.standing = Standing::Known;
        self.tell_blocks(now_ms);
    }
}
