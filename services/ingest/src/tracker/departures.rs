//! Why a transaction left the mempool: `R` does not say, but what follows it may.
//!
//! The `R` of a replaced transaction comes before the `A` of its replacement, and that of a conflicting one before the block's
//! `C`. The replacement or the block spends an output that the departed one, or one of its departed parents, spent. In a
//! package, a later `A` may do so. A departure that nothing explains in time may be an eviction, or a replacement that is not
//! seen here: its reason is unknown.

use std::collections::{HashSet, VecDeque};

use bitcoin::{Txid, hashes::Hash as _};
use satscope_log::RemovalReason;

use super::{
    Place, Tracker,
    run::Run,
    transaction::{Outpoint, Seen, prefix},
};

/// The longest wait for an explanation, milliseconds.
const EXPLAIN_MS: u64 = 1000;

/// The transactions that left and whose removals have not been published yet.
#[derive(Debug, Default)]
pub(super) struct Departures {
    /// Oldest first; some may be explained already.
    queue: VecDeque<Departure>,
    unexplained: HashSet<Txid>,
}

#[derive(Debug)]
struct Departure {
    txid: Txid,
    at_ms: u64,
}

impl Departures {
    pub fn is_empty(&self) -> bool {
        self.unexplained.is_empty()
    }

    fn push(&mut self, txid: Txid, at_ms: u64) {
        self.queue.push_back(Departure { txid, at_ms });
        self.unexplained.insert(txid);
    }

    /// Takes a transaction out; false if it is not there.
    pub fn take(&mut self, txid: &Txid) -> bool {
        let was_there = self.unexplained.remove(txid);
        if self.is_empty() {
            self.queue.clear();
        }
        was_there
    }

    /// Takes out the transactions that left at `until_ms` or before.
    fn take_until(&mut self, until_ms: u64) -> Vec<Txid> {
        let mut taken = Vec::new();
        while let Some(oldest) = self.queue.pop_front_if(|oldest| oldest.at_ms <= until_ms) {
            if self.unexplained.remove(&oldest.txid) {
                taken.push(oldest.txid);
            }
        }
        taken
    }

    /// The unexplained transactions, in the order in which they left.
    fn iter(&self) -> impl Iterator<Item = &Txid> {
        let txids = self.queue.iter().map(|departure| &departure.txid);
        txids.filter(|txid| self.unexplained.contains(*txid))
    }

    /// Moves the times by `step_ms`, because the clock was set.
    pub fn shift(&mut self, step_ms: i64) {
        for departure in &mut self.queue {
            departure.at_ms = departure.at_ms.saturating_add_signed(step_ms);
        }
    }
}

impl Tracker {
    /// Takes an `R`: the transaction is out at once, the reason is published when it is known.
    pub(super) fn depart(&mut self, txid: Txid, now_ms: u64) {
        self.put(txid, Place::Gone, now_ms);
        self.departures.push(txid, now_ms);
    }

    /// Publishes the removal of a transaction that comes back, if it was not published yet. The removal stands before the
    /// return in the log.
    pub(super) fn comes_back(&mut self, txid: &Txid, now_ms: u64) {
        if self.departures.take(txid) {
            self.removal(txid, RemovalReason::Unknown, now_ms);
        }
    }

    /// Explains the departures that a transaction entering the mempool has replaced.
    pub(super) fn replaced_by(&mut self, txid: &Txid, run: &Run, now_ms: u64) {
        if self.departures.is_empty() {
            return;
        }
        let spent = match self.ordered {
            true => run.spends().iter().copied().collect(),
            // Its `rawtx` may have come by the other endpoint.
            false => {
                let seen = self.seen.get(txid);
                let spends = seen.map(Seen::spends).unwrap_or_default();
                spends.iter().copied().collect()
            }
        };
        self.explain(&spent, RemovalReason::Replaced, now_ms);
    }

    /// Explains the departures that conflict with a connected block.
    pub(super) fn conflicts_with(&mut self, run: &Run, now_ms: u64) {
        let spent = run.spends().iter().copied().collect();
        self.explain(&spent, RemovalReason::Conflicted, now_ms);
    }

    /// Publishes the removals of departures that spent one of `spent`, and of their departed descendants.
    fn explain(&mut self, spent: &HashSet<Outpoint>, reason: RemovalReason, now_ms: u64) {
        if spent.is_empty() {
            return;
        }
        let mut parents: HashSet<u64> = HashSet::new();
        // A child may stand before its parent.
        loop {
            let is_explained = |txid: &&Txid| {
                let seen = self.seen.get(txid);
                let mut spends = seen.map(Seen::spends).unwrap_or_default().iter();
                spends.any(|outpoint| spent.contains(outpoint) || parents.contains(&outpoint.0))
            };
            let explained: Vec<Txid> = self
                .departures
                .iter()
                .filter(is_explained)
                .copied()
                .collect();
            if explained.is_empty() {
                return;
            }
            for txid in explained {
                parents.insert(prefix(&txid.to_byte_array()));
                self.departures.take(&txid);
                self.removal(&txid, reason, now_ms);
            }
        }
    }

    /// Publishes departures that were not explained in time, with an unknown reason.
    pub(super) fn settle_old_departures(&mut self, now_ms: u64) {
        self.settle_departures_until(now_ms.saturating_sub(EXPLAIN_MS), now_ms);
    }

    /// Publishes all departures so far with an unknown reason, because nothing explains them any more.
    pub(super) fn settle_departures(&mut self, now_ms: u64) {
        self.settle_departures_until(u64::MAX, now_ms);
    }

    fn settle_departures_until(&mut self, until_ms: u64, now_ms: u64) {
        for txid in self.departures.take_until(until_ms) {
            self.removal(&txid, RemovalReason::Unknown, now_ms);
        }
    }
}
