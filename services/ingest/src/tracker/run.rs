//! What `rawtx` brought since the last `sequence` message: what that message speaks of.

use bitcoin::Txid;

use super::seen::Outpoint;

/// No block holds so many transactions: the smallest possible one takes 240 of a block's 4,000,000 weight units.
const LONGEST: usize = 20_000;

/// Transactions in the order in which they came. Its room is used again and again.
#[derive(Debug, Default)]
pub(super) struct Run {
    entries: Vec<RunEntry>,
    spends: Vec<Outpoint>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct RunEntry {
    pub txid: Txid,
    /// `Some` for a coinbase: the height in it, if there is one (BIP 34).
    pub coinbase: Option<Option<u32>>,
}

impl Run {
    /// One more; one that is too long for a block begins anew.
    pub fn push(&mut self, entry: RunEntry) {
        if self.entries.len() == LONGEST {
            self.clear();
        }
        self.entries.push(entry);
    }

    /// What the last one spends, which is noted where it may explain a departure.
    pub fn spend(&mut self, spends: impl Iterator<Item = Outpoint>) {
        self.spends.extend(spends);
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.spends.clear();
    }

    pub fn entries(&self) -> &[RunEntry] {
        &self.entries
    }

    /// What they spend, as far as that was noted.
    pub fn spends(&self) -> &[Outpoint] {
        &self.spends
    }
}
