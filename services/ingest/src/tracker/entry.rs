//! Entering the mempool, and the stamp of what entered.

use bitcoin::Txid;

use super::{
    Place, Tracker, note,
    run::Run,
    tell,
    transaction::{Seen, Verdict as Filtered},
};
use crate::stamp::{Gate, Stamp, Verdict};

/// A transaction that entered the mempool and is not stamped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    txid: Txid,
    received_ms: u64,
    /// Its entry time decides, whatever the pace.
    asks: bool,
}

impl Opened {
    /// The clock was set by `step_ms`.
    pub(super) fn shift(&mut self, step_ms: i64) {
        self.received_ms = self.received_ms.saturating_add_signed(step_ms);
    }
}

impl Tracker {
    /// Takes an `A`. What is known keeps its stamp; of what is new, `gate` says what its stamp is.
    pub(super) fn enter(&mut self, txid: Txid, number: u64, received_ms: u64, gate: &mut Gate) {
        let decided = gate.added(number, received_ms);
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
                // Nothing is read from the stamp of what the filter left out.
                (Some(Verdict::Receipt), _) | (_, Filtered::Filtered(_)) => seen.stamp_by_receipt(),
                _ => self.opened.push_back(Opened {
                    txid,
                    received_ms: seen.first_seen_ms(),
                    asks: decided.is_some(),
                }),
            }
        }
        note(&mut self.out, self.is_journaled, || seen.record(&txid));
        tell(&mut self.out, told, seen, received_ms);
    }

    /// Decides the stamps that can be decided at `now_ms`. Returns those whose entry time must be asked for.
    pub(super) fn decide(&mut self, now_ms: u64, gate: &Gate) -> Vec<Txid> {
        let mut asked = Vec::new();
        for _ in 0..self.opened.len() {
            let Some(opened) = self.opened.pop_front() else {
                break;
            };
            let Some(seen) = self.seen.get_mut(&opened.txid) else {
                continue;
            };
            // It may have been mined since.
            let is_open = seen.stamp() == Stamp::Open && seen.place != Place::Gone;
            if !is_open || matches!(seen.verdict(), Filtered::Filtered(_)) {
                continue;
            }
            let verdict = match opened.asks && gate.may_ask() {
                true => Verdict::Ask,
                false => gate.verdict(opened.received_ms, now_ms),
            };
            match verdict {
                Verdict::Receipt => {
                    self.live = Some(opened.txid);
                    self.stamp_open(opened.txid, None, now_ms);
                }
                Verdict::Ask => asked.push(opened.txid),
                Verdict::Wait => self.opened.push_back(opened),
                Verdict::Never => {
                    seen.let_go();
                    note(&mut self.out, self.is_journaled, || {
                        seen.record(&opened.txid)
                    });
                }
            }
        }
        asked
    }

    /// Takes entry times by ingest's clock, Unix milliseconds; `None` of a transaction that has left the mempool. One that
    /// left it into a block bears the block's time; the removal of any other tells the rest.
    pub fn entered(&mut self, entries: &[(Txid, Option<u64>)], now_ms: u64) {
        for (txid, entered_ms) in entries {
            let told_ms = entered_ms.or_else(|| self.mined_ms(txid));
            if told_ms.is_some() {
                self.stamp_open(*txid, told_ms, now_ms);
            }
        }
    }

    /// The time of the block that holds a transaction, Unix milliseconds.
    fn mined_ms(&self, txid: &Txid) -> Option<u64> {
        let is_mined = self.seen.get(txid)?.place == Place::Block;
        let mut newest_first = self.chain.iter().rev().filter(|_| is_mined);
        let known = newest_first.find(|known| known.txids.contains(txid))?;
        Some(known.block.time_ms)
    }

    /// A transaction that entered live not long ago: the node's clock can be compared by it.
    pub fn take_live(&mut self) -> Option<Txid> {
        self.live.take()
    }

    /// The receipt of a transaction that entered live, Unix milliseconds.
    pub fn live_sample(&self, txid: &Txid) -> Option<u64> {
        let seen = self.seen.get(txid)?;
        let is_live = seen.stamp() == Stamp::Receipt && seen.place == Place::Mempool;
        is_live.then(|| seen.first_seen_ms())
    }

    /// Stamps a transaction that is not stamped, by the earlier of its receipt and `told_ms`. One that is older than the
    /// window is let go.
    pub(super) fn stamp_open(&mut self, txid: Txid, told_ms: Option<u64>, now_ms: u64) {
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
                seen.stamp_at(first_seen_ms, Stamp::Told, false);
            }
        }
        if seen.accepted().is_some() && !seen.is_in_window(now_ms) {
            seen.let_go();
        }
        note(&mut self.out, self.is_journaled, || seen.record(&txid));
        tell(&mut self.out, told, seen, now_ms);
    }

    /// Forgets what came and was not explained; in order, nothing explains it later.
    pub(super) fn drop_run(&mut self) {
        let mut run = std::mem::take(&mut self.run);
        self.forget_announced(&run);
        run.clear();
        self.run = run;
    }

    /// Forgets the transactions of a run of which nothing said where they are.
    pub(super) fn forget_announced(&mut self, run: &Run) {
        for entry in run.entries() {
            let seen = self.seen.get(&entry.txid);
            if seen.is_some_and(|seen| seen.place == Place::Announced) {
                self.seen.remove(&entry.txid);
            }
        }
    }
}
