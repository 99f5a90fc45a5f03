//! The state of each transaction: its stamp, the filter's verdict, and its place.

use std::sync::Arc;

use bitcoin::Txid;
use satscope_filter::{Judged, Rejection};
use satscope_log::{Accepted, State, WINDOW_MS};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::record::{Content, Record};
use crate::stamp::{Shift, Stamp};

/// A transaction that has been met. Half a million of them are held at a time, so that each byte counts.
#[derive(Debug)]
pub(super) struct Seen {
    /// The accepted content, while it may be in the window.
    accepted: Option<Arc<Accepted>>,
    /// The outputs that an accepted one spends, for explaining its departure: a replacement or a conflicting block spends one
    /// of them too.
    spends: Spends,
    first_seen: Millis,
    since: Millis,
    verdict: Verdict,
    stamp: Stamp,
    pub place: Place,
}

/// Whether a transaction has been counted and published. An accepted one is published once it has its place and its stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether it has been counted among those received.
    pub counted: bool,
    /// Whether it is in the log.
    pub published: bool,
}

/// The filter's verdict on a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its content has not been seen.
    Unknown,
    Accepted,
    /// Left out, for this reason; `None` if only an earlier process knew the reason.
    Filtered(Option<Rejection>),
    /// Accepted, and the content was dropped because it is of no more use.
    Past,
    /// It was older than the window when it was met, and was not looked into.
    Unread,
}

impl Seen {
    /// A transaction that is known by its txid alone, with its stamp, and at `place` since `since_ms`; both in Unix
    /// milliseconds.
    pub fn new((first_seen_ms, stamp): (u64, Stamp), place: Place, since_ms: u64) -> Seen {
        Seen {
            accepted: None,
            spends: Spends::new(),
            first_seen: Millis::new(first_seen_ms),
            since: Millis::new(since_ms),
            verdict: Verdict::Unknown,
            stamp,
            place,
        }
    }

    /// A transaction that is known by its txid alone, received at `received_ms`, Unix milliseconds, and not stamped.
    pub fn received(received_ms: u64) -> Seen {
        Seen::new((received_ms, Stamp::Open), Place::Announced, received_ms)
    }

    /// Whether the filter has not judged it: its content has not come, or was passed over as older than the window.
    pub fn is_unknown(&self) -> bool {
        matches!(self.verdict, Verdict::Unknown | Verdict::Unread)
    }

    /// The same transaction, as if its content had not come.
    pub fn without_content(&self) -> Seen {
        let stamp = (self.first_seen_ms(), self.stamp);
        Seen::new(stamp, self.place, self.since_ms())
    }

    /// Records that the filter accepted it.
    pub fn accept(&mut self, accepted: Arc<Accepted>, spends: Spends) {
        self.verdict = Verdict::Accepted;
        self.accepted = Some(accepted);
        self.spends = spends;
    }

    /// Records that the filter left it out.
    pub fn leave_out(&mut self, why: Option<Rejection>) {
        self.without(Verdict::Filtered(why));
    }

    /// Drops its accepted content, which is of no more use.
    pub fn let_go(&mut self) {
        self.without(Verdict::Past);
    }

    /// Records that it is older than the window, and is not looked into.
    pub fn pass_over(&mut self) {
        self.without(Verdict::Unread);
    }

    fn without(&mut self, verdict: Verdict) {
        self.verdict = verdict;
        self.accepted = None;
        self.spends = Spends::new();
    }

    /// Moves it to a place at `now_ms`; returns the place before.
    pub fn move_to(&mut self, place: Place, now_ms: u64) -> Place {
        let before = std::mem::replace(&mut self.place, place);
        if before != place {
            self.since = Millis::new(now_ms);
        }
        before
    }

    /// Its stamp, Unix milliseconds: when it was first seen. The receipt while it is [`Stamp::Open`].
    pub fn first_seen_ms(&self) -> u64 {
        self.first_seen.get()
    }

    /// The origin of its stamp.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Gives it its stamp, Unix milliseconds.
    pub fn stamp_at(&mut self, first_seen_ms: u64, stamp: Stamp, met_in_block: bool) {
        self.first_seen = Millis::new(first_seen_ms);
        self.stamp = stamp;
        if let Some(accepted) = &mut self.accepted
            && (accepted.first_seen_ms, accepted.met_in_block) != (first_seen_ms, met_in_block)
        {
            let accepted = Arc::make_mut(accepted);
            accepted.first_seen_ms = first_seen_ms;
            accepted.met_in_block = met_in_block;
        }
    }

    /// Makes its receipt its stamp.
    pub fn stamp_by_receipt(&mut self) {
        self.stamp = Stamp::Receipt;
    }

    /// Moves its stamp by `shift`; no time of it may lie after `now_ms`.
    pub fn shift(&mut self, shift: Shift, now_ms: u64) {
        let stamp_ms = self.first_seen_ms();
        let shifted_ms = match (self.verdict, self.stamp) {
            (Verdict::Unread, _) => stamp_ms.saturating_add_signed(shift.unread_ms),
            (_, Stamp::Open | Stamp::Receipt) => stamp_ms.saturating_add_signed(shift.received_ms),
            (_, Stamp::Told) => shift.told(stamp_ms),
            (_, Stamp::Entry) => shift.entered(stamp_ms),
        };
        let first_seen_ms = shifted_ms.min(now_ms);
        let met_in_block = self
            .accepted
            .as_ref()
            .is_some_and(|accepted| accepted.met_in_block);
        self.stamp_at(first_seen_ms, self.stamp, met_in_block);
        let since_ms = self.since_ms().saturating_add_signed(shift.received_ms);
        self.since = Millis::new(since_ms.min(now_ms));
    }

    /// Takes the stamp that an earlier process wrote down as it is. The stamp is undecided again if it lies after `now_ms`, or
    /// is a receipt by a clock that `was_ahead` of this one.
    pub fn restored(&mut self, now_ms: u64, was_ahead: bool) {
        let is_receipt = self.stamp == Stamp::Receipt;
        if self.stamp != Stamp::Open {
            self.stamp = Stamp::Told;
        }
        if self.first_seen_ms() > now_ms || is_receipt && was_ahead {
            self.first_seen = Millis::new(self.first_seen_ms().min(now_ms));
            self.stamp = Stamp::Open;
        }
        self.since = Millis::new(self.since_ms().min(now_ms));
    }

    /// Whether, in its present state, it is among the counted and among the published ones.
    pub fn told(&self) -> Told {
        Told {
            counted: self.verdict != Verdict::Unknown && self.place != Place::Announced,
            published: self.state().is_some(),
        }
    }

    /// Its state in the log; `None` if it is not in the log.
    pub fn state(&self) -> Option<State> {
        let is_known = self.accepted.is_some() && self.stamp != Stamp::Open;
        match self.place {
            Place::Announced | Place::Gone => None,
            Place::Block => Some(State::Confirmed),
            Place::Mempool | Place::Pending => Some(State::Mempool),
        }
        .filter(|_| is_known)
    }

    /// Whether its stamp lies in the window at `now_ms`.
    pub fn is_in_window(&self, now_ms: u64) -> bool {
        self.first_seen_ms() + WINDOW_MS > now_ms
    }

    /// When it came to its place, Unix milliseconds.
    pub fn since_ms(&self) -> u64 {
        self.since.get()
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Its accepted content, while it may be in the window.
    pub fn accepted(&self) -> Option<&Arc<Accepted>> {
        self.accepted.as_ref()
    }

    /// The outputs that it spends, if it is accepted.
    pub fn spends(&self) -> &[Outpoint] {
        &self.spends
    }

    /// Its record for the journal.
    pub fn record(&self, txid: &Txid) -> Record {
        Record::Seen {
            txid: *txid,
            first_seen_ms: self.first_seen_ms(),
            stamp: self.stamp,
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
                met_in_block: accepted.met_in_block,
            },
            (Verdict::Unknown, None) => Content::Unknown,
            (Verdict::Filtered(_), None) => Content::Filtered,
            (Verdict::Unread, None) => Content::Unread,
            (Verdict::Accepted | Verdict::Past, None) => Content::Past,
        }
    }
}

/// Unix milliseconds in six bytes, which are enough until the year 10889; later times become the last of these.
#[derive(Clone, Copy, Debug)]
struct Millis([u8; 6]);

impl Millis {
    const LATEST: u64 = (1 << 48) - 1;

    fn new(ms: u64) -> Millis {
        let mut bytes = [0; 6];
        bytes.copy_from_slice(&ms.min(Millis::LATEST).to_le_bytes()[..6]);
        Millis(bytes)
    }

    fn get(self) -> u64 {
        let mut bytes = [0; 8];
        bytes[..6].copy_from_slice(&self.0);
        u64::from_le_bytes(bytes)
    }
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Its `rawtx` came; `sequence` has not said yet why.
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

/// The outputs that a transaction spends; a single one, as most transactions have, takes no memory of its own.
pub type Spends = SmallVec<[Outpoint; 1]>;

/// The outputs that a transaction spends.
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
