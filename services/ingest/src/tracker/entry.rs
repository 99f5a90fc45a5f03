//! Transactions entering the mempool, and their stamps.

use std::collections::HashSet;

use bitcoin::Txid;

use super::{
    Place, Tracker,
    chain::{ChainBlock, Standing},
    note,
    run::Run,
    tell,
    transaction::{Seen, Verdict as Filtered},
};
use crate::stamp::{Gate, Stamp, Verdict};

/// An entry time that lies further ahead than this, milliseconds, is by a clock that differs in a way not learned yet.
const AHEAD_MS: u64 = 2000;
/// The entry time of such a transaction is asked for again after this, milliseconds.
const ASK_AGAIN_MS: u64 = 10_000;
/// Such a transaction bears its receipt after this, milliseconds, because there are no live entries to learn the clock from.
const LEARNT_MS: u64 = 20_000;

/// Whether an entry time is too far in the future of `now_ms` to be by the same clock; both in Unix milliseconds.
pub(super) fn is_ahead(entered_ms: u64, now_ms: u64) -> bool {
    entered_ms > now_ms.saturating_add(AHEAD_MS)
}

/// A transaction that entered the mempool and is not stamped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    txid: Txid,
    received_ms: u64,
    /// The earliest moment to ask for its entry time, Unix milliseconds; `None` if the pace decides on its stamp.
    asks: Option<u64>,
}

impl Opened {
    /// Moves the receipt by `step_ms`, because the clock was set, and lets the entry time be asked for at once.
    pub(super) fn shift(&mut self, step_ms: i64) {
        self.received_ms = self.received_ms.saturating_add_signed(step_ms);
        self.asks = self.asks.map(|_| 0);
    }
}

impl Tracker {
    /// Takes an `A`. A known transaction keeps its stamp; `gate` decides on the stamp of a new one.
    pub(super) fn enter(&mut self, txid: Txid, number: u64, received_ms: u64, gate: &mut Gate) {
        let decided = gate.added(number, received_ms);
        self.note_back(txid);
        self.comes_back(&txid, received_ms);
        let seen = self
            .seen
            .get_or_insert_with(txid, || Seen::received(received_ms));
        let told = seen.told();
        let before = seen.move_to(Place::Mempool, received_ms);
        self.census.moves(&txid, before, Place::Mempool);
        if before == Place::Mempool {
            return;
        }
        if seen.stamp() == Stamp::Open && matches!(before, Place::Announced | Place::Gone) {
            match (decided, seen.verdict()) {
                // The stamp of a transaction that the filter left out is never read.
                (Some(Verdict::Receipt), _) | (_, Filtered::Filtered(_)) => seen.stamp_by_receipt(),
                _ => self.opened.push_back(Opened {
                    txid,
                    received_ms: seen.first_seen_ms(),
                    asks: decided.map(|_| 0),
                }),
            }
        }
        note(&mut self.out, self.is_journaled, || seen.record(&txid));
        tell(&mut self.out, told, seen, false, received_ms);
    }

    /// Decides the stamps that can be decided at `now_ms`. Returns the transactions whose entry times must be asked for.
    /// Transactions that entered since a block left wait until that block is read, because they may have come back from it.
    pub(super) fn decide(&mut self, now_ms: u64, gate: &Gate) -> Vec<Txid> {
        let mut asked = Vec::new();
        let unread_ms = self.unread_since_ms();
        let unreadable_ms = self.unreadable_since_ms();
        for _ in 0..self.opened.len() {
            let Some(opened) = self.opened.pop_front() else {
                break;
            };
            let Some(seen) = self.seen.get_mut(&opened.txid) else {
                continue;
            };
            // The transaction may have been mined since.
            let is_open = seen.stamp() == Stamp::Open && seen.place != Place::Gone;
            if !is_open || matches!(seen.verdict(), Filtered::Filtered(_)) {
                continue;
            }
            if unread_ms.is_some_and(|since_ms| since_ms <= opened.received_ms) {
                self.opened.push_back(opened);
                continue;
            }
            if unreadable_ms.is_some_and(|since_ms| since_ms <= opened.received_ms) {
                self.never_stamp(&opened.txid);
                continue;
            }
            let verdict = match opened.asks {
                Some(when_ms) if gate.may_ask() && when_ms <= now_ms => Verdict::Ask,
                Some(_) => Verdict::Wait,
                None => gate.verdict(opened.received_ms, now_ms),
            };
            match verdict {
                Verdict::Receipt => {
                    self.live = Some(opened.txid);
                    self.stamp_open(opened.txid, None, Stamp::Receipt, now_ms);
                }
                Verdict::Ask => asked.push(opened.txid),
                Verdict::Wait => self.opened.push_back(opened),
                Verdict::Never => self.never_stamp(&opened.txid),
            }
        }
        asked
    }

    /// Drops the content of a transaction that can have no stamp, so that it is never published.
    fn never_stamp(&mut self, txid: &Txid) {
        if let Some(seen) = self.seen.get_mut(txid)
            && seen.stamp() == Stamp::Open
        {
            seen.let_go();
            note(&mut self.out, self.is_journaled, || seen.record(txid));
        }
    }

    /// Asks for the entry times of transactions that an earlier process had not stamped.
    pub(super) fn open_restored(&mut self) {
        let is_held = |seen: &Seen| matches!(seen.place, Place::Mempool | Place::Block);
        let held = self.seen.iter().filter(|(_, seen)| is_held(seen));
        let txids: Vec<Txid> = held.map(|(txid, _)| *txid).collect();
        txids.iter().for_each(|txid| self.ask_if_open(txid));
    }

    /// Asks for the entry time of a transaction if it has no stamp, without regard to the pace.
    pub fn ask_if_open(&mut self, txid: &Txid) {
        self.ask_again(txid, 0);
    }

    /// Asks for the entry time of a transaction if it has no stamp, at `when_ms` at the earliest.
    fn ask_again(&mut self, txid: &Txid, when_ms: u64) {
        let seen = self.seen.get(txid);
        if let Some(open) = seen.filter(|seen| seen.stamp() == Stamp::Open) {
            self.opened.push_back(Opened {
                txid: *txid,
                received_ms: open.first_seen_ms(),
                asks: Some(when_ms),
            });
        }
    }

    /// Takes entry times by ingest's clock, Unix milliseconds; `None` for a transaction that has left the mempool. A
    /// transaction that left it into a block bears the block's time, once that is known; the removal of any other settles it.
    pub fn entered(&mut self, entries: &[(Txid, Option<u64>)], now_ms: u64) {
        let soon = self.stamped_soon();
        let asked = entries.iter().filter(|(txid, _)| !soon.contains(txid));
        for (txid, entered_ms) in asked {
            match (entered_ms, self.block_of(txid)) {
                (Some(entered_ms), _) if is_ahead(*entered_ms, now_ms) => {
                    self.doubt_clock(txid, now_ms);
                }
                (Some(_), _) => self.stamp_open(*txid, *entered_ms, Stamp::Entry, now_ms),
                (None, Some(known)) if known.is_dated => {
                    let mined_ms = known.block.time_ms;
                    self.stamp_open(*txid, Some(mined_ms), Stamp::Told, now_ms);
                }
                (None, Some(known)) if known.standing == Standing::Awaited => {
                    self.ask_again(txid, now_ms);
                }
                (None, _) => {}
            }
        }
    }

    /// Asks again later for an entry time that lies ahead, because the node's clock may be learned meanwhile; after
    /// `LEARNT_MS`, stamps by the receipt.
    fn doubt_clock(&mut self, txid: &Txid, now_ms: u64) {
        let received_ms = self.seen.get(txid).map(Seen::first_seen_ms);
        match received_ms.is_some_and(|received_ms| received_ms + LEARNT_MS <= now_ms) {
            true => self.stamp_open(*txid, None, Stamp::Receipt, now_ms),
            false => self.ask_again(txid, now_ms + ASK_AGAIN_MS),
        }
    }

    /// The block that holds a transaction.
    fn block_of(&self, txid: &Txid) -> Option<&ChainBlock> {
        let is_mined = self.seen.get(txid)?.place == Place::Block;
        let mut newest_first = self.chain.iter().rev().filter(|_| is_mined);
        newest_first.find(|known| known.txids.contains(txid))
    }

    /// The transactions of `txids` that have no stamp yet and would get it from their entry times.
    pub(super) fn asked_of(&self, txids: &[Txid]) -> Vec<Txid> {
        let open = self.open_of(txids);
        let waits = |opened: &&Opened| opened.asks.is_none();
        let by_pace: HashSet<Txid> = self
            .opened
            .iter()
            .filter(waits)
            .map(|opened| opened.txid)
            .collect();
        open.into_iter()
            .filter(|txid| !by_pace.contains(txid))
            .collect()
    }

    /// Whether a transaction is in a block that the log has.
    pub(super) fn is_block_in_log(&self, txid: &Txid) -> bool {
        let block = self.block_of(txid);
        block.is_some_and(|known| known.standing == Standing::Told)
    }

    /// Takes a transaction that entered live not long ago, by which the node's clock can be compared.
    pub fn take_live(&mut self) -> Option<Txid> {
        self.live.take()
    }

    /// The receipt of a transaction that entered live, Unix milliseconds.
    pub fn live_sample(&self, txid: &Txid) -> Option<u64> {
        let seen = self.seen.get(txid)?;
        let is_live = seen.stamp() == Stamp::Receipt && seen.place == Place::Mempool;
        is_live.then(|| seen.first_seen_ms())
    }

    /// Stamps a transaction that is not stamped, by the earlier of its receipt and `told_ms`. Drops the content of one that is
    /// older than the window.
    pub(super) fn stamp_open(
        &mut self,
        txid: Txid,
        told_ms: Option<u64>,
        kind: Stamp,
        now_ms: u64,
    ) {
        let Some(seen) = self.seen.get_mut(&txid) else {
            return;
        };
        if seen.stamp() != Stamp::Open {
            return;
        }
        let told = seen.told();
        match told_ms {
            None => seen.stamp_by_receipt(),
            Some(told_ms) => {
                let first_seen_ms = told_ms.min(seen.first_seen_ms());
                seen.stamp_at(first_seen_ms, kind, false);
            }
        }
        if seen.accepted().is_some() && !seen.is_in_window(now_ms) {
            seen.let_go();
        }
        note(&mut self.out, self.is_journaled, || seen.record(&txid));
        if seen.place != Place::Block {
            return tell(&mut self.out, told, seen, false, now_ms);
        }
        // The block is sought only for a transaction that is in one.
        let is_block_in_log = self.is_block_in_log(&txid);
        if let Some(seen) = self.seen.get(&txid) {
            tell(&mut self.out, told, seen, is_block_in_log, now_ms);
        }
    }

    /// Forgets the run's unexplained transactions. If both topics are in order, nothing explains them later.
    pub(super) fn drop_run(&mut self) {
        let mut run = std::mem::take(&mut self.run);
        self.forget_announced(&run);
        run.clear();
        self.run = run;
    }

    /// Forgets the transactions of a run that no message has given a place.
    pub(super) fn forget_announced(&mut self, run: &Run) {
        for entry in run.entries() {
            let seen = self.seen.get(&entry.txid);
            if seen.is_some_and(|seen| seen.place == Place::Announced) {
                self.seen.remove(&entry.txid);
            }
        }
    }
}
