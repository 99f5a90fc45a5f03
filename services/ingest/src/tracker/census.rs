//! How many transactions are where, and which moved while the picture is compared with the node's.

use std::{collections::HashSet, ops::RangeInclusive};

use bitcoin::Txid;

use super::transaction::Place;

/// The counts. The set has the standard library's keyed hash, because attackers can make txids that are alike.
#[derive(Debug)]
pub(super) struct Census {
    mempool: usize,
    pending: usize,
    /// The least and the greatest count of the mempool since [`Census::watch_count`].
    counted: RangeInclusive<usize>,
    /// The transactions that moved while they are being watched.
    moved: Option<HashSet<Txid>>,
}

impl Default for Census {
    fn default() -> Census {
        Census {
            mempool: 0,
            pending: 0,
            counted: 0..=0,
            moved: None,
        }
    }
}

impl Census {
    /// Counts anew from where each transaction is.
    pub fn take(&mut self, places: impl Iterator<Item = Place>) {
        (self.mempool, self.pending) = (0, 0);
        for place in places {
            self.mempool += usize::from(place == Place::Mempool);
            self.pending += usize::from(place == Place::Pending);
        }
        self.watch_count();
    }

    /// Notes that a transaction moves from one place to another.
    pub fn moves(&mut self, txid: &Txid, before: Place, after: Place) {
        if let Some(moved) = &mut self.moved {
            moved.insert(*txid);
        }
        self.mempool += usize::from(after == Place::Mempool);
        self.mempool -= usize::from(before == Place::Mempool);
        self.pending += usize::from(after == Place::Pending);
        self.pending -= usize::from(before == Place::Pending);
        let (least, most) = (*self.counted.start(), *self.counted.end());
        self.counted = least.min(self.mempool)..=most.max(self.mempool);
    }

    /// The number of transactions in the mempool.
    pub fn mempool(&self) -> usize {
        self.mempool
    }

    /// The number of transactions that are not settled since their block was disconnected.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Begins to note the least and the greatest count of the mempool.
    pub fn watch_count(&mut self) {
        self.counted = self.mempool..=self.mempool;
    }

    /// The least and the greatest count of the mempool since [`Census::watch_count`].
    pub fn counted(&self) -> &RangeInclusive<usize> {
        &self.counted
    }

    /// Begins to note which transactions move.
    pub fn watch_moves(&mut self) {
        self.moved = Some(HashSet::new());
    }

    /// The transactions that moved since [`Census::watch_moves`]; noting ends.
    pub fn moved(&mut self) -> HashSet<Txid> {
        self.moved.take().unwrap_or_default()
    }
}
