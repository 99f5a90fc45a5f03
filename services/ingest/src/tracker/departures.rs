//! Why a transaction left the mempool: `R` does not say, but what follows it does.
//!
//! A replacement's `R` comes just before the `A` of what replaces it, a conflict's just before the block's `C`;
//! both spend an output that the departed one spent, or that one of its departed parents did. What nothing
//! explains was pushed out by size, or was too old.

use bitcoin::{Txid, hashes::Hash as _};
use satscope_log::RemovalReason;

use super::{Place, Tracker, run::Run, transaction::prefix};

/// How long an explanation may take.
const EXPLAIN_MS: u64 = 1000;
/// Core's default `-mempoolexpiry`: 336 hours.
pub(super) const EXPIRY_MS: u64 = 336 * 60 * 60 * 1000;

/// A transaction that left and whose removal has not been published yet.
#[derive(Debug)]
pub(super) struct Departure {
    txid: Txid,
    at_ms: u64,
}

/// What followed the departures.
pub(super) enum Cause<'a> {
    /// A transaction entered the mempool: the one of these that `rawtx` brought.
    Entered(&'a Run),
    /// A block with these was connected.
    Mined(&'a Run),
    Nothing,
}

impl Tracker {
    /// Takes an `R`: the transaction is out at once, the reason is published when it is known.
    pub(super) fn depart(&mut self, txid: Txid, now_ms: u64) {
        self.put(txid, Place::Gone, now_ms);
        self.departures.push(Departure {
            txid,
            at_ms: now_ms,
        });
    }

    pub(super) fn settle_old_departures(&mut self, now_ms: u64) {
        let oldest = self.departures.first();
        if oldest.is_some_and(|departure| departure.at_ms + EXPLAIN_MS <= now_ms) {
            self.settle_departures(Cause::Nothing, now_ms);
        }
    }

    pub(super) fn settle_departures(&mut self, cause: Cause<'_>, now_ms: u64) {
        if self.departures.is_empty() {
            return;
        }
        let departures = std::mem::take(&mut self.departures);
        let (spent, reason) = match cause {
            Cause::Entered(run) => (run.spends(), RemovalReason::Replaced),
            Cause::Mined(run) => (run.spends(), RemovalReason::Conflicted),
            Cause::Nothing => (&[][..], RemovalReason::Unknown),
        };
        let mut explained: Vec<u64> = Vec::new();
        for Departure { txid, .. } in departures {
            let Some(seen) = self.seen.get(&txid) else {
                continue;
            };
            if seen.place != Place::Gone {
                continue;
            }
            let is_explained = seen
                .spends()
                .iter()
                .any(|outpoint| spent.contains(outpoint) || explained.contains(&outpoint.0));
            let reason = if is_explained {
                explained.push(prefix(&txid.to_byte_array()));
                reason
            } else if seen.first_seen_ms() + EXPIRY_MS <= now_ms {
                RemovalReason::Expired
            } else {
                RemovalReason::Evicted
            };
            self.removal(&txid, reason, now_ms);
        }
    }
}

impl Departure {
    /// The clock was set by `step_ms`.
    pub(super) fn shift(&mut self, step_ms: i64) {
        self.at_ms = self.at_ms.saturating_add_signed(step_ms);
    }
}
