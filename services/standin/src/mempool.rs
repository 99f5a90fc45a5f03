//! The stand-in's mempool: its transactions, their spenders, and those that must leave together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bitcoin::{OutPoint, Txid};

use crate::tx::Tx;

/// A transaction in the mempool.
#[derive(Clone, Debug)]
pub struct Pooled {
    pub tx: Arc<Tx>,
    /// When it came in, Unix seconds.
    pub time: f64,
    /// The tip's height then.
    pub height: u32,
}

/// Unconfirmed transactions by txid, and the outputs that they spend.
#[derive(Debug, Default)]
pub struct Mempool {
    entries: HashMap<Txid, Pooled>,
    spenders: HashMap<OutPoint, Txid>,
    vbytes: u64,
}

impl Mempool {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sum of virtual sizes in bytes.
    pub fn vbytes(&self) -> u64 {
        self.vbytes
    }

    pub fn get(&self, txid: &Txid) -> Option<&Pooled> {
        self.entries.get(txid)
    }

    pub fn contains(&self, txid: &Txid) -> bool {
        self.entries.contains_key(txid)
    }

    pub fn entries(&self) -> impl Iterator<Item = &Pooled> {
        self.entries.values()
    }

    pub fn insert(&mut self, entry: Pooled) {
        let tx = Arc::clone(&entry.tx);
        for spent in &tx.spends {
            self.spenders.insert(*spent, tx.txid);
        }
        self.vbytes += tx.vsize();
        if let Some(same) = self.entries.insert(tx.txid, entry) {
            self.vbytes -= same.tx.vsize();
        }
    }

    pub fn remove(&mut self, txid: &Txid) -> Option<Pooled> {
        let entry = self.entries.remove(txid)?;
        for spent in &entry.tx.spends {
            if self.spenders.get(spent) == Some(txid) {
                self.spenders.remove(spent);
            }
        }
        self.vbytes -= entry.tx.vsize();
        Some(entry)
    }

    /// The transactions of the mempool whose outputs `tx` spends.
    pub fn parents(&self, tx: &Tx) -> Vec<Txid> {
        let mut parents: Vec<Txid> = Vec::new();
        for spent in &tx.spends {
            if self.contains(&spent.txid) && !parents.contains(&spent.txid) {
                parents.push(spent.txid);
            }
        }
        parents
    }

    /// The transactions of the mempool that spend outputs of `tx`.
    pub fn children(&self, tx: &Tx) -> Vec<Txid> {
        let mut children: Vec<Txid> = Vec::new();
        for vout in 0..tx.outputs {
            if let Some(child) = self.spenders.get(&OutPoint::new(tx.txid, vout))
                && !children.contains(child)
            {
                children.push(*child);
            }
        }
        children
    }

    /// A transaction and all its descendants in the mempool, parents first.
    pub fn with_descendants(&self, txid: Txid) -> Vec<Txid> {
        self.closure(txid, |tx| self.children(tx))
    }

    /// A transaction and all its ancestors in the mempool, children first.
    pub fn with_ancestors(&self, txid: Txid) -> Vec<Txid> {
        self.closure(txid, |tx| self.parents(tx))
    }

    /// The transactions that conflict with `tx`: the other spenders of the outputs that `tx` spends, and their descendants.
    pub fn conflicts(&self, tx: &Tx) -> Vec<Txid> {
        let mut conflicts = Vec::new();
        for spent in &tx.spends {
            if let Some(spender) = self.spenders.get(spent)
                && *spender != tx.txid
                && !conflicts.contains(spender)
            {
                for txid in self.with_descendants(*spender) {
                    if !conflicts.contains(&txid) {
                        conflicts.push(txid);
                    }
                }
            }
        }
        conflicts
    }

    fn closure(&self, txid: Txid, next: impl Fn(&Tx) -> Vec<Txid>) -> Vec<Txid> {
        let mut found = vec![txid];
        let mut seen = HashSet::from([txid]);
        let mut at = 0;
        while let Some(entry) = found.get(at).map(|txid| self.entries.get(txid)) {
            for txid in entry.map(|entry| next(&entry.tx)).unwrap_or_default() {
                if seen.insert(txid) {
                    found.push(txid);
                }
            }
            at += 1;
        }
        found
    }
}
