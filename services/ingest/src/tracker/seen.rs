//! What is kept of each transaction: when it was first seen, what the filter said, and where it is.

use std::sync::Arc;

use bitcoin::{Transaction, hashes::Hash as _};
use satscope_log::Accepted;

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
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Published; `sequence` has not said yet where it went.
    Announced,
    Mempool,
    /// In a block of the best chain.
    Block,
    /// Its block was disconnected, and nothing has settled yet where it is now.
    Pending,
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
}

impl Verdict {
    pub fn accepted(&self) -> Option<&Arc<Accepted>> {
        match self {
            Verdict::Accepted { accepted, .. } => Some(accepted),
            Verdict::Unknown | Verdict::Filtered => None,
        }
    }

    pub fn spends(&self) -> &[Outpoint] {
        match self {
            Verdict::Accepted { spends, .. } => spends,
            Verdict::Unknown | Verdict::Filtered => &[],
        }
    }
}

/// An output of another transaction: the first 8 bytes of its txid, which is enough to compare, and its number.
pub(super) type Outpoint = (u64, u32);

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
