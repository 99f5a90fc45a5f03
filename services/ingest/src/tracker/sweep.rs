//! Forgetting what is long over, and what there is no room for.

use bitcoin::Txid;
use satscope_log::{RemovalReason, WINDOW_MS};

use super::{Place, Tracker, departures::EXPIRY_MS};

/// Interval between sweeps for what is long over, milliseconds.
const SWEEP_EVERY_MS: u64 = 60_000;
/// The table of what was met takes at most this many bytes of memory: the txids of three million transactions.
const MOST_BYTES: usize = 256 << 20;

impl Tracker {
    /// Drops transactions that no re-org within the window can bring back, once a minute; and at once if the clock has gone
    /// back.
    pub(super) fn sweep(&mut self, now_ms: u64, is_alone: bool) {
        if self.seen.bytes() > MOST_BYTES {
            self.make_room(now_ms);
        }
        self.next_sweep_ms = self.next_sweep_ms.min(now_ms + SWEEP_EVERY_MS);
        if now_ms < self.next_sweep_ms {
            return;
        }
        self.next_sweep_ms = now_ms + SWEEP_EVERY_MS;
        if is_alone {
            self.expire_unasked(now_ms);
        }
        self.forget(now_ms);
    }

    /// The clock was set: nothing is forgotten before its stamps are known to be right.
    pub(super) fn postpone_sweep(&mut self, now_ms: u64) {
        self.next_sweep_ms = now_ms + SWEEP_EVERY_MS;
    }

    /// Three hours after a transaction left or was mined, it is forgotten; three hours after its stamp, its content is.
    pub(super) fn forget(&mut self, now_ms: u64) {
        self.seen.retain(|seen| {
            if seen.accepted().is_some() && !seen.is_in_window(now_ms) {
                seen.let_go();
            }
            matches!(seen.place, Place::Mempool | Place::Pending)
                || seen.since_ms() + WINDOW_MS > now_ms
        });
    }

    /// A node that cannot be asked may have mined in a lost block what is believed to be in its mempool. After two weeks it
    /// is there no longer in any case.
    fn expire_unasked(&mut self, now_ms: u64) {
        let is_expired = |place: Place, first_seen_ms: u64| {
            place == Place::Mempool && first_seen_ms + EXPIRY_MS <= now_ms
        };
        let expired: Vec<Txid> = self
            .seen
            .iter()
            .filter(|(_, seen)| is_expired(seen.place, seen.first_seen_ms()))
            .map(|(txid, _)| *txid)
            .collect();
        for txid in expired {
            self.remove(txid, RemovalReason::Expired, now_ms);
        }
    }

    /// Forgets the oldest half of what was mined or is gone.
    fn make_room(&mut self, now_ms: u64) {
        let is_over = |place: Place| matches!(place, Place::Block | Place::Gone | Place::Announced);
        let mut times: Vec<u64> = self
            .seen
            .values()
            .filter(|seen| is_over(seen.place))
            .map(|seen| seen.since_ms())
            .collect();
        let Some(middle) = times.len().checked_sub(1).map(|last| last / 2) else {
            return;
        };
        let (_, median_ms, _) = times.select_nth_unstable(middle);
        let oldest_ms = *median_ms;
        tracing::debug!(now_ms, oldest_ms, "the table of what was met is full");
        self.seen
            .retain(|seen| !is_over(seen.place) || seen.since_ms() > oldest_ms);
    }
}
