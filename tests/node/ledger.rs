//! The right stamp of each transaction that a watcher has met.

use std::{collections::BTreeMap, ops::RangeInclusive};

use bitcoin::Txid;
use satscope_kit::clock::unix_ms;

/// Milliseconds between which something was done.
pub type Span = RangeInclusive<u64>;

/// The analyzer's window, milliseconds.
pub const WINDOW_MS: u64 = 3 * 3600 * 1000;
/// Longest time from the node's acceptance of a transaction to its receipt, and the width of an entry time, milliseconds.
const A_SECOND_MS: u64 = 1000;
/// Longest time from the reading of a block to its being noted here, milliseconds.
const READING_MS: u64 = 3000;

/// The stamp that one transaction must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Unix milliseconds.
    pub stamp_ms: Span,
    pub met_in_block: bool,
}

impl Expected {
    /// Received live, in a mempool that is in step: the receipt, or an entry time of that second.
    pub fn live(sent: &Span) -> Expected {
        Expected {
            stamp_ms: sent.start() - A_SECOND_MS..=sent.end() + A_SECOND_MS,
            met_in_block: false,
        }
    }

    /// Not received live: the entry time, Unix seconds.
    pub fn entered(time: u64) -> Expected {
        Expected {
            stamp_ms: time * 1000..=time * 1000,
            met_in_block: false,
        }
    }

    /// First met in a block that came at `mined`: the earlier of the header's time (Unix seconds) and the receipt.
    pub fn in_block(time: u64, mined: &Span) -> Expected {
        let header_ms = time * 1000;
        Expected {
            stamp_ms: header_ms.min(*mined.start())..=header_ms.min(mined.end() + A_SECOND_MS),
            met_in_block: true,
        }
    }

    /// First met in a block that came while ingest was away, and was read just now: the header's time, Unix seconds, or the
    /// reading where blocks follow each other so fast that their headers are ahead of it.
    pub fn in_missed_block(time: u64) -> Expected {
        let header_ms = time * 1000;
        Expected {
            stamp_ms: header_ms.min(unix_ms() - READING_MS)..=header_ms,
            met_in_block: true,
        }
    }

    /// Whether the whole range is later than `since_ms`.
    pub fn is_after(&self, since_ms: u64) -> bool {
        *self.stamp_ms.start() > since_ms
    }
}

/// The transactions that one watcher has met, with the stamp of the first meeting: a stamp never changes.
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<Txid, Expected>);

impl Ledger {
    /// Notes the first meeting; later ones change nothing.
    pub fn note(&mut self, txid: Txid, expected: Expected) {
        self.0.entry(txid).or_insert(expected);
    }

    /// Whether the watcher has met it.
    pub fn has(&self, txid: &Txid) -> bool {
        self.0.contains_key(txid)
    }

    /// Distinct transactions met.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each transaction met, and its stamp.
    pub fn iter(&self) -> impl Iterator<Item = (&Txid, &Expected)> {
        self.0.iter()
    }
}
