//! Forgetting transactions outside the window, and those that there is no room for.

use bitcoin::Txid;
use satscope_log::{RemovalReason, WINDOW_MS};

use super::{Place, Tracker, transaction::Seen};

/// Core's default `-mempoolexpiry`: 336 hours.
const EXPIRY_MS: u64 = 336 * 60 * 60 * 1000;
/// Interval between sweeps for transactions outside the window, milliseconds.
const SWEEP_EVERY_MS: u64 = 60_000;
/// The table of transactions takes at most this many bytes of memory: the txids of three million transactions.
const MOST_BYTES: usize = 256 << 20;
/// A transaction whose `rawtx` came no longer ago than this may still get its `A` or `C`, milliseconds.
const ANNOUNCED_MS: u64 = 60_000;
/// Room is made in the table if at least one transaction in this many can be forgotten. For fewer, the search costs more than
/// it gives.
const WORTH_A_LOOK: usize = 8;

impl Tracker {
    /// Drops transactions that no re-org within the window can bring back, once a minute; and at once if the clock has gone
    /// back.
    pub(super) fn sweep(&mut self, now_ms: u64, is_alone: bool) {
        if self.seen.bytes() > MOST_BYTES && self.over() >= self.seen.len() / WORTH_A_LOOK {
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

    /// Postpones the sweep after the clock was set, so that nothing is forgotten before its stamp is right.
    pub(super) fn postpone_sweep(&mut self, now_ms: u64) {
        self.next_sweep_ms = now_ms + SWEEP_EVERY_MS;
    }

    /// Forgets each transaction three hours after it left or was mined, and its content three hours after its stamp.
    pub(super) fn forget(&mut self, now_ms: u64) {
        self.seen.retain(|seen| {
            if seen.accepted().is_some() && !seen.is_in_window(now_ms) {
                seen.let_go();
            }
            matches!(seen.place, Place::Mempool | Place::Pending)
                || seen.since_ms() + WINDOW_MS > now_ms
        });
    }

    /// Removes transactions that have been in the mempool for two weeks, when Core expires them. The node cannot be asked, and
    /// may have mined them in a block that was lost.
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

    /// The number of transactions that were mined, are gone, or have only been announced.
    fn over(&self) -> usize {
        self.seen.len() - self.census.mempool() - self.census.pending()
    }

    /// Forgets the oldest half of the transactions that were mined, are gone, or were announced over `ANNOUNCED_MS` ago.
    fn make_room(&mut self, now_ms: u64) {
        let is_over = |seen: &Seen| match seen.place {
            Place::Block | Place::Gone => true,
            Place::Announced => seen.since_ms() + ANNOUNCED_MS <= now_ms,
            Place::Mempool | Place::Pending => false,
        };
        let mut times: Vec<u64> = self
            .seen
            .values()
            .filter(|seen| is_over(seen))
            .map(|seen| seen.since_ms())
            .collect();
        let Some(middle) = times.len().checked_sub(1).map(|last| last / 2) else {
            return;
        };
        let (_, median_ms, _) = times.select_nth_unstable(middle);
        let oldest_ms = *median_ms;
        tracing::debug!(now_ms, oldest_ms, "the table of what was met is full");
        self.seen
            .retain(|seen| !is_over(seen) || seen.since_ms() > oldest_ms);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::{OutPoint, Transaction, consensus::serialize, hashes::Hash as _};
    use satscope_bitcoin::frame::SequenceEvent;
    use satscope_filter::Filter;

    use super::*;
    use crate::{
        stamp::Gate,
        tracker::{Outbox, made::spending},
    };

    const NOW: u64 = 1_700_000_000_000;

    fn payment(number: u8) -> Transaction {
        let spent = OutPoint::new(Txid::from_byte_array([number; 32]), 0);
        spending(spent, [51_234, 1_234_567])
    }

    fn tracker() -> Tracker {
        Tracker::new(Filter::default(), true)
    }

    #[test]
    fn a_full_table_keeps_what_waits_for_its_entry() {
        let mut tracker = tracker();
        let payment = payment(1);
        tracker.transaction(&serialize(&payment), NOW).unwrap();
        tracker.make_room(NOW + 30);
        let added = SequenceEvent::Added(payment.compute_txid(), 1);
        tracker.sequence(added, NOW + 40, &mut Gate::StandIn);
        let counted = tracker.take_outbox(Outbox::default()).sights;
        assert_eq!(counted.len(), 1, "its content is known");
    }

    #[test]
    fn a_full_table_forgets_the_oldest_half_of_what_is_gone() {
        let mut tracker = tracker();
        for number in 1..=10 {
            let payment = payment(number);
            let (txid, now_ms) = (payment.compute_txid(), NOW + u64::from(number));
            tracker.transaction(&serialize(&payment), now_ms).unwrap();
            for event in [SequenceEvent::Added, SequenceEvent::Removed] {
                tracker.sequence(event(txid, 1), now_ms, &mut Gate::StandIn);
            }
        }
        assert_eq!((tracker.seen.len(), tracker.over()), (10, 10));
        tracker.make_room(NOW + 30);
        assert_eq!(tracker.seen.len(), 5);
        let newest = payment(10).compute_txid();
        assert!(tracker.seen.get(&newest).is_some());
    }
}
