//! The transactions that `rawtx` brought and no `sequence` message has explained yet.
//!
//! If both topics share an endpoint, the run is what the next `sequence` message is about: one transaction that entered, or all
//! of a block. If they do not, it holds the transactions that wait for their `A`, or for their block to be read.

use bitcoin::Txid;

use super::transaction::Outpoint;

/// More transactions than a block can hold: the smallest possible one takes 240 of a block's 4,000,000 weight units.
const LONGEST: usize = 20_000;

/// Transactions in the order in which they came. Its memory is used again and again.
#[derive(Debug, Default)]
pub(super) struct Run {
    entries: Vec<RunEntry>,
    spends: Vec<Outpoint>,
}

/// A transaction of a run.
#[derive(Debug)]
pub(super) struct RunEntry {
    pub txid: Txid,
    /// `Some` for a coinbase: the height in it, if there is one (BIP 34).
    #[allow(clippy::option_option, reason = "a coinbase need not tell its height")]
    pub coinbase: Option<Option<u32>>,
}

impl Run {
    /// Adds a transaction; to be called while the run [has room](Run::is_full).
    pub fn push(&mut self, entry: RunEntry) {
        self.entries.push(entry);
    }

    /// Whether it is longer than any block.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= LONGEST
    }

    /// Notes the outputs that the last transaction spends, because they may explain a departure.
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

    /// Whether the run is this transaction and nothing else, as before an `A`.
    pub fn is_only(&self, txid: &Txid) -> bool {
        matches!(self.entries.as_slice(), [entry] if entry.txid == *txid)
    }

    /// The height in the coinbase that it begins with; `None` if it does not begin with one, and so is no block.
    #[allow(clippy::option_option, reason = "a coinbase need not tell its height")]
    pub fn block_height(&self) -> Option<Option<u32>> {
        self.entries.first()?.coinbase
    }

    /// The outputs that the transactions spend, as far as they were noted.
    pub fn spends(&self) -> &[Outpoint] {
        &self.spends
    }
}
