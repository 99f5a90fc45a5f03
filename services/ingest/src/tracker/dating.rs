//! Blocks whose header has not come yet, and the stamps of what was met in them only: the earlier of the header's time and
//! the receipt.
//!
//! A block is put into the log once its header is known, so that one that was mined hours ago is not told as one of now.

use bitcoin::{BlockHash, Txid};

use super::{FetchedBlock, Place, Tracker, Wanted, chain::Standing, note, tell};
use crate::stamp::Stamp;

/// Blocks that may wait for their headers; with what was met in them they take some 30 MB at most.
const MOST: usize = 32;
/// A header takes no longer than this where the node can be asked, milliseconds; `rawblock` follows its `C` at once.
const LONGEST_MS: u64 = 60_000;
const LONGEST_ALONE_MS: u64 = 2000;

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Joined,
    /// It joined, and its transactions are not known.
    Unread,
    Left,
}

/// A block that waits for its header.
#[derive(Debug)]
pub(super) struct Undated {
    pub hash: BlockHash,
    pub change: Change,
    /// Its transactions that were not known before it.
    pub met: Vec<Txid>,
    pub received_ms: u64,
}

impl Tracker {
    /// Takes the header's time of a block, Unix milliseconds, and its height if that is known.
    pub fn dated(&mut self, hash: BlockHash, header_ms: u64, height: Option<u32>, now_ms: u64) {
        let Some(undated) = self.take_undated(&hash) else {
            return;
        };
        let time_ms = header_ms.min(undated.received_ms);
        for txid in &undated.met {
            self.stamp_met(txid, time_ms, true, now_ms);
        }
        if undated.change == Change::Joined {
            self.joined(&undated, time_ms, height, now_ms);
        }
    }

    /// A block's header is not to be had, or all of it is not: what was met in it only is not published.
    pub fn undatable(&mut self, hash: BlockHash, now_ms: u64) {
        let Some(undated) = self.take_undated(&hash) else {
            return;
        };
        for txid in &undated.met {
            self.drop_content(txid, undated.change);
        }
        match undated.change {
            Change::Joined => self.joined(&undated, undated.received_ms, None, now_ms),
            Change::Unread => self.leave_place(&hash, now_ms),
            Change::Left => {}
        }
    }

    /// Takes a block as the node gave it: in a reading, or by `rawblock`.
    pub fn fetched_block(&mut self, block: FetchedBlock, now_ms: u64) {
        if !self.knows_block(&block.hash) && self.undated_of(&block.hash).is_none() {
            return self.take_block(block, now_ms, now_ms);
        }
        self.awaited_block(block, now_ms);
    }

    /// Takes a block that was asked for, unless it is not waited for any more: a reading has brought it, or will.
    pub fn awaited_block(&mut self, block: FetchedBlock, now_ms: u64) {
        let Some(undated) = self.undated_of(&block.hash) else {
            return;
        };
        match (undated.change, undated.received_ms) {
            (Change::Joined, _) => self.dated(block.hash, block.time_ms, block.height, now_ms),
            (Change::Unread, received_ms) => {
                drop(self.take_undated(&block.hash));
                self.take_block(block, received_ms, now_ms);
            }
            (Change::Left, _) => self.left_block(&block, now_ms),
        }
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
        self.undated.push_back(undated);
        if self.undated.len() > MOST
            && let Some(oldest) = self.undated.pop_front()
        {
            // Too many at once: all of them are read together.
            for txid in &oldest.met {
                self.drop_content(txid, oldest.change);
            }
            self.leave_place(&oldest.hash, oldest.received_ms);
            self.out.wanted.push(Wanted::Resync);
        }
    }

    /// Nothing will be known of a block: those behind it wait for it no longer.
    fn leave_place(&mut self, hash: &BlockHash, now_ms: u64) {
        if let Some(at) = self.place_in_chain(hash) {
            self.chain.remove(at);
        }
        self.tell_blocks(now_ms);
    }

    pub(super) fn await_left(&mut self, hash: BlockHash, met: Vec<Txid>, received_ms: u64) {
        self.await_date(Undated {
            hash,
            change: Change::Left,
            met,
            received_ms,
        });
    }

    /// None of the headers that have not come will come.
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
            self.undatable(oldest.hash, now_ms);
        }
    }

    /// Those of these that are not stamped.
    pub(super) fn open_of(&self, txids: &[Txid]) -> Vec<Txid> {
        let is_open = |txid: &&Txid| {
            let seen = self.seen.get(txid);
            seen.is_some_and(|seen| seen.stamp() == Stamp::Open)
        };
        txids.iter().filter(is_open).copied().collect()
    }

    /// A block that left before it was known here, read whole: its transactions bear its time, not the entry time that the
    /// re-org gave them.
    fn left_block(&mut self, block: &FetchedBlock, now_ms: u64) {
        let mut met = Vec::new();
        for transaction in block.transactions.iter().skip(1) {
            let txid = transaction.compute_txid();
            self.sight(txid, transaction, now_ms, now_ms);
            let seen = self.seen.get(&txid);
            if seen.is_some_and(|seen| seen.place == Place::Announced) {
                self.put(txid, Place::Pending, now_ms);
            }
            met.push(txid);
        }
        if let Some(undated) = self
            .undated
            .iter_mut()
            .find(|undated| undated.hash == block.hash)
        {
            undated.met = met;
        }
        self.dated(block.hash, block.time_ms, None, now_ms);
    }

    /// Stamps a transaction of a block of `time_ms`; `met_in_block` if it was not in the mempool before. One that is older than
    /// the window leaves nothing.
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
        tell(&mut self.out, told, seen, now_ms);
    }

    /// What was met in a block whose time is not known.
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

    fn joined(&mut self, undated: &Undated, time_ms: u64, height: Option<u32>, now_ms: u64) {
        let Some(at) = self.place_in_chain(&undated.hash) else {
            return;
        };
        let known = &mut self.chain[at];
        known.block.time_ms = time_ms;
        known.block.height = known.block.height.or(height);
        // What a block leaves that is old, or of no known time, is its hash, and what was known before it.
        let seen = &self.seen;
        known.txids.retain(|txid| seen.get(txid).is_some());
        known.standing = Standing::Known;
        self.tell_blocks(now_ms);
    }
}
