//! Why a transaction left the mempool: `R` does not say, but what follows it may.
//!
//! A replacement's `R` comes before the `A` of what replaces it, a conflict's before the block's `C`. Both spend an output
//! that the departed one spent, or that one of its departed parents did. In a package it may be a later `A` that does. What
//! nothing explains in time may have been evicted, or replaced in a way that is not seen here: its reason is unknown.

use std::collections::{HashSet, VecDeque};

use bitcoin::{Txid, hashes::Hash as _};
use satscope_log::RemovalReason;

use super::{
    Place, Tracker,
    run::Run,
    transaction::{Outpoint, Seen, prefix},
};

/// How long an explanation may take.
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

    /// Takes one out; false if it is not there.
    pub fn take(&mut self, txid: &Txid) -> bool {
        let was_there = self.unexplained.remove(txid);
        if self.is_empty() {
            self.queue.clear();
        }
        was_there
    }

    /// Takes out those that left at `until_ms` or before.
    fn take_until(&mut self, until_ms: u64) -> Vec<Txid> {
        let mut taken = Vec::new();
        while let Some(oldest) = self.queue.pop_front_if(|oldest| oldest.at_ms <= until_ms) {
            if self.unexplained.remove(&oldest.txid) {
                taken.push(oldest.txid);
            }
        }
        taken
    }

    /// Those that are left, in the order in which they left.
    fn iter(&self) -> impl Iterator<Item = &Txid> {
        let txids = self.queue.iter().map(|departure| &departure.txid);
        txids.filter(|txid| self.unexplained.contains(*txid))
    }

    /// The clock was set by `step_ms`.
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

    /// A transaction comes back whose removal has not been published: it is, before what follows.
    pub(super) fn comes_back(&mut self, txid: &Txid, now_ms: u64) {
        if self.departures.take(txid) {
            self.removal(txid, RemovalReason::Unknown, now_ms);
        }
    }

    /// A transaction entered the mempool: what left for it was replaced.
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

    /// A block was connected: what left for it conflicts with it.
    pub(super) fn conflicts_with(&mut self, run: &Run, now_ms: u64) {
        let spent = run.spends().iter().copied().collect();
        self.explain(&spent, RemovalReason::Conflicted, now_ms);
    }

    /// Publishes the removals of those that spent one of `spent`, and of what descends from them.
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

    /// What has not been explained in time has left for an unknown reason.
    pub(super) fn settle_old_departures(&mut self, now_ms: u64) {
        self.settle_departures_until(now_ms.saturating_sub(EXPLAIN_MS), now_ms);
    }

    /// Nothing explains what has left until now.
    pub(super) fn settle_departures(&mut self, now_ms: u64) {
        self.settle_departures_until(u64::MAX, now_ms);
    }

    fn settle_departures_until(&mut self, until_ms: u64, now_ms: u64) {
        for txid in self.departures.take_until(until_ms) {
            self.removal(&txid, RemovalReason::Unknown, now_ms);
        }
    }
}
