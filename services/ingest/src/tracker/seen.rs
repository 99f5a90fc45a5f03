//! What is kept of each transaction: when it was first seen, what the filter said, and where it is.

use std::sync::Arc;

use bitcoin::Txid;
use satscope_filter::Judged;
use satscope_log::Accepted;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::journal::{Content, Record};

/// A transaction that has been met. Half a million of them are held at a time, so that each byte counts.
#[derive(Debug)]
pub(super) struct Seen {
    /// What was accepted, while it may be in the window.
    accepted: Option<Arc<Accepted>>,
    /// What an accepted one spends, for telling why it left: what replaces it, or conflicts with it, spends one of these too.
    spends: Spends,
    first_seen: Millis,
    since: Millis,
    verdict: Verdict,
    pub place: Place,
}

/// What the filter said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its content has not been seen.
    Unknown,
    Accepted,
    Filtered,
    /// It passed, and is older than the window.
    Past,
}

impl Seen {
    /// Known by its txid alone: when it was first seen, and since when it is where it is, in Unix milliseconds.
    pub fn new(first_seen_ms: u64, place: Place, since_ms: u64) -> Seen {
        Seen {
            accepted: None,
            spends: Spends::new(),
            first_seen: Millis::new(first_seen_ms),
            since: Millis::new(since_ms),
            verdict: Verdict::Unknown,
            place,
        }
    }

    /// Known by its txid alone, from `now_ms` on.
    pub fn without_content(now_ms: u64) -> Seen {
        Seen::new(now_ms, Place::Announced, now_ms)
    }

    /// The filter let it pass.
    pub fn accept(&mut self, accepted: Arc<Accepted>, spends: Spends) {
        self.verdict = Verdict::Accepted;
        self.accepted = Some(accepted);
        self.spends = spends;
    }

    /// The filter left it out.
    pub fn leave_out(&mut self) {
        self.without(Verdict::Filtered);
    }

    /// The filter let it pass, and it is older than the window: its content is let go.
    pub fn let_go(&mut self) {
        self.without(Verdict::Past);
    }

    fn without(&mut self, verdict: Verdict) {
        self.verdict = verdict;
        self.accepted = None;
        self.spends = Spends::new();
    }

    /// Brings it to a place at `now_ms`; returns where it was.
    pub fn move_to(&mut self, place: Place, now_ms: u64) -> Place {
        let before = std::mem::replace(&mut self.place, place);
        if before != place {
            self.since = Millis::new(now_ms);
        }
        before
    }

    /// When it was first seen, Unix milliseconds; never changes.
    pub fn first_seen_ms(&self) -> u64 {
        self.first_seen.get()
    }

    /// When it came to where it is, Unix milliseconds.
    pub fn since_ms(&self) -> u64 {
        self.since.get()
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What was accepted, if it was and may be in the window.
    pub fn accepted(&self) -> Option<&Arc<Accepted>> {
        self.accepted.as_ref()
    }

    /// What an accepted one spends.
    pub fn spends(&self) -> &[Outpoint] {
        &self.spends
    }

    /// The same for the journal.
    pub fn record(&self, txid: &Txid) -> Record {
        Record::Seen {
            txid: *txid,
            first_seen_ms: self.first_seen_ms(),
            place: self.place,
            since_ms: self.since_ms(),
            content: self.content(),
        }
    }

    fn content(&self) -> Content {
        match (self.verdict, &self.accepted) {
            (_, Some(accepted)) => Content::Accepted {
                values_sats: accepted.values_sats.clone(),
                input_count: accepted.input_count,
                spends: self.spends.clone(),
            },
            (Verdict::Unknown, None) => Content::Unknown,
            (Verdict::Filtered, None) => Content::Filtered,
            (Verdict::Accepted | Verdict::Past, None) => Content::Past,
        }
    }
}

/// Unix milliseconds in six bytes, which are enough until the year 10889; what is later is taken for that.
#[derive(Clone, Copy, Debug)]
struct Millis([u8; 6]);

impl Millis {
    const LATEST: u64 = (1 << 48) - 1;

    fn new(ms: u64) -> Millis {
        let [a, b, c, d, e, f, ..] = ms.min(Millis::LATEST).to_le_bytes();
        Millis([a, b, c, d, e, f])
    }

    fn get(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
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

/// An output of another transaction: the first 8 bytes of its txid, which is enough to compare, and its number.
pub type Outpoint = (u64, u32);

/// Several of them; that of a transaction with one input, as most are, takes no memory of its own.
pub type Spends = SmallVec<[Outpoint; 1]>;

/// What a transaction spends.
pub(super) fn outpoints(transaction: &impl Judged) -> impl Iterator<Item = Outpoint> {
    transaction
        .spends()
        .map(|spent| (prefix(spent.txid), spent.vout))
}

/// The first 8 bytes of a txid.
pub(super) fn prefix(txid: &[u8; 32]) -> u64 {
    txid.first_chunk::<8>()
        .copied()
        .map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_transaction_is_small() {
        assert_eq!(size_of::<Seen>(), 48);
    }

    #[test]
    fn six_bytes_hold_any_time_there_is() {
        for ms in [0, 1_700_000_000_123, Millis::LATEST] {
            assert_eq!(Millis::new(ms).get(), ms);
        }
        assert_eq!(Millis::new(u64::MAX).get(), Millis::LATEST);
    }
}
