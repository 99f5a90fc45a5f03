//! What is kept of each transaction: when it was first seen, what the filter said, and where it is.

use std::sync::Arc;

use bitcoin::{Transaction, Txid, hashes::Hash as _};
use satscope_log::Accepted;
use serde::{Deserialize, Serialize};

use crate::journal::{Content, Record};

/// A transaction that has been met.
#[derive(Debug)]
pub(super) struct Seen {
    /// Unix milliseconds; never changes.
    pub first_seen_ms: u64,
    pub verdict: Verdict,
    pub place: Place,
    /// When it came to this place, Unix milliseconds.
    pub since_ms: u64,
}

impl Seen {
    /// Known by its txid alone.
    pub fn without_content(now_ms: u64) -> Seen {
        Seen {
            first_seen_ms: now_ms,
            verdict: Verdict::Unknown,
            place: Place::Announced,
            since_ms: now_ms,
        }
    }

    /// The same for the journal.
    pub fn record(&self, txid: &Txid) -> Record {
        Record::Seen {
            txid: *txid,
            first_seen_ms: self.first_seen_ms,
            place: self.place,
            since_ms: self.since_ms,
            content: match &self.verdict {
                Verdict::Unknown => Content::Unknown,
                Verdict::Filtered => Content::Filtered,
                Verdict::Past => Content::Past,
                Verdict::Accepted { accepted, spends } => Content::Accepted {
                    values_sats: accepted.values_sats.clone(),
                    input_count: accepted.input_count,
                    spends: spends.clone(),
                },
            },
        }
    }
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Published; `sequence` has not said yet where it went.
    Announced,
    /// Waiting to be mined.
    Mempool,
    /// In a block of the best chain.
    Block,
    /// Its block was disconnected, and nothing has settled yet where it is now.
    Pending,
    /// It left without being mined.
    Gone,
}

/// What the filter said.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Its content has not been seen.
    Unknown,
    Accepted {
        accepted: Arc<Accepted>,
        /// For telling why it left: what replaces it, or conflicts with it, spends one of these too.
        spends: Box<[Outpoint]>,
    },
    Filtered,
    /// It passed, and is older than the window.
    Past,
}

impl Verdict {
    pub fn accepted(&self) -> Option<&Arc<Accepted>> {
        match self {
            Verdict::Accepted { accepted, .. } => Some(accepted),
            Verdict::Unknown | Verdict::Filtered | Verdict::Past => None,
        }
    }

    pub fn spends(&self) -> &[Outpoint] {
        match self {
            Verdict::Accepted { spends, .. } => spends,
            Verdict::Unknown | Verdict::Filtered | Verdict::Past => &[],
        }
    }
}

/// An output of another transaction: the first 8 bytes of its txid, which is enough to compare, and its number.
pub type Outpoint = (u64, u32);

pub(super) fn outpoints(transaction: &Transaction) -> Box<[Outpoint]> {
    transaction
        .input
        .iter()
        .map(|input| {
            let previous = input.previous_output;
            (prefix(&previous.txid.to_byte_array()), previous.vout)
        })
        .collect()
}

/// The first 8 bytes of a txid.
pub(super) fn prefix(txid: &[u8; 32]) -> u64 {
    txid.first_chunk::<8>()
        .copied()
        .map_or(0, u64::from_le_bytes)
}
