//! What `rawtx` brought and no `sequence` message has explained yet.
//!
//! Where both topics share an endpoint, it is what the next `sequence` message speaks of: one transaction that entered, or all
//! of a block. Where they do not, it is what waits for its `A`, or for its block to be read.

use bitcoin::Txid;

use super::transaction::Outpoint;

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
    /// One more; to be called while it [has room](Run::is_full).
    pub fn push(&mut self, entry: RunEntry) {
        self.entries.push(entry);
    }

    /// Whether it is longer than any block.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= LONGEST
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

    /// Whether it is this transaction and nothing else, as before an `A`.
    pub fn is_only(&self, txid: &Txid) -> bool {
        matches!(self.entries.as_slice(), [entry] if entry.txid == *txid)
    }

    /// The height in the coinbase that it begins with; `None` if it does not begin with one, and is no block.
    pub fn block_height(&self) -> Option<Option<u32>> {
        self.entries.first()?.coinbase
    }

    /// What they spend, as far as that was noted.
    pub fn spends(&self) -> &[Outpoint] {
        &self.spends
    }
}
