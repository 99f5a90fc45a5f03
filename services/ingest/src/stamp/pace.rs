//! The pace at which transactions enter: transactions that come too fast are no payments of this moment, but an import or a
//! mempool.dat.

use std::collections::VecDeque;

use super::Verdict;

/// More `A` in a second than this are an import (`importmempool`), or a mempool.dat being loaded: mainnet's busiest seconds
/// have half as many.
pub const MOST_A_SECOND: usize = 50;
/// `A` are counted in slots of this length, milliseconds.
const SLOT_MS: u64 = 100;
const SLOTS_A_SECOND: u64 = 1000 / SLOT_MS;
/// Most slots that are kept: at least 100 s of them, for a process that was stopped and decides late.
const MOST_SLOTS: usize = 1000;
/// An `A` may be the first of an import until this many milliseconds have passed: it waits for those that follow.
pub(super) const YOUNG_MS: u64 = 100;
/// Milliseconds after a standstill until the messages that waited have been received.
pub(super) const LATE_MS: u64 = 1000;
/// Without RPC, an `A` is believed new only after the pace has been low for this many milliseconds.
pub(super) const CALM_MS: u64 = 10_000;

/// The pace of `A` while in step.
#[derive(Debug, Default)]
pub struct Pace {
    /// The `mempool_sequence` of the newest reading; an `A` with a lower number bears its entry time.
    pub(super) fence: u64,
    /// The pace is not known for earlier receipts, Unix milliseconds.
    pub(super) began_ms: u64,
    /// Slots of [`SLOT_MS`] with the number of `A` in each, oldest first; empty slots are left out.
    slots: VecDeque<(u64, usize)>,
}

impl Pace {
    /// A pace that is known from `began_ms` on, Unix milliseconds, after a reading with the `mempool_sequence` `fence`.
    pub fn since(fence: u64, began_ms: u64) -> Pace {
        Pace {
            fence,
            began_ms,
            slots: VecDeque::new(),
        }
    }

    pub(super) fn note(&mut self, received_ms: u64) {
        let slot = received_ms / SLOT_MS;
        match self.slots.back_mut() {
            // Messages of two endpoints may be a moment out of order.
            Some((newest, count)) if *newest >= slot => *count += 1,
            _ => self.slots.push_back((slot, 1)),
        }
        if self.slots.len() > MOST_SLOTS {
            self.slots.pop_front();
        }
    }

    /// Moves the times of the counted `A` by `step_ms`, because the clock was set.
    pub(super) fn shift(&mut self, step_ms: i64) {
        self.began_ms = self.began_ms.saturating_add_signed(step_ms);
        for (slot, _) in &mut self.slots {
            *slot = (*slot * SLOT_MS).saturating_add_signed(step_ms) / SLOT_MS;
        }
    }

    /// [`Verdict::Ask`] if over [`MOST_A_SECOND`] `A` came, or may have come, in the second before `received_ms` or the one
    /// after.
    pub(super) fn verdict(&self, received_ms: u64, now_ms: u64) -> Verdict {
        let slot = received_ms / SLOT_MS;
        let before = self.counted(slot.saturating_sub(SLOTS_A_SECOND - 1), slot);
        let after = self.counted(slot, slot + SLOTS_A_SECOND - 1);
        if received_ms < self.began_ms || before > MOST_A_SECOND || after > MOST_A_SECOND {
            return Verdict::Ask;
        }
        match received_ms + YOUNG_MS > now_ms {
            true => Verdict::Wait,
            false => Verdict::Receipt,
        }
    }

    fn counted(&self, first: u64, last: u64) -> usize {
        let from = self.slots.partition_point(|(slot, _)| *slot < first);
        let slots = self.slots.range(from..);
        let within = slots.take_while(|(slot, _)| *slot <= last);
        within.map(|(_, count)| count).sum()
    }
}

/// The pace of `A` after the node's counters began anew, for as long as the node cannot be asked. An `A` that comes fast may
/// have been loaded or imported, and is never published.
#[derive(Debug, Default)]
pub struct Calm {
    pub(super) pace: Pace,
    /// The second that is being counted, Unix seconds; `count` is the number of `A` in it.
    second: u64,
    count: usize,
    /// The first moment of the calm that lasts, Unix milliseconds.
    since_ms: Option<u64>,
    established: bool,
}

impl Calm {
    pub(super) fn note(&mut self, received_ms: u64) {
        self.pace.note(received_ms);
        self.since_ms.get_or_insert(received_ms);
        let second = received_ms / 1000;
        if second != self.second {
            (self.second, self.count) = (second, 0);
        }
        self.count += 1;
        if self.count > MOST_A_SECOND && !self.established {
            // The calm begins after this second at the earliest.
            self.since_ms = Some((second + 1) * 1000);
        }
        self.tick(received_ms);
    }

    pub(super) fn tick(&mut self, now_ms: u64) {
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        self.established |= since_ms + CALM_MS <= now_ms;
    }

    pub(super) fn verdict(&self, received_ms: u64, now_ms: u64) -> Verdict {
        match self.since_ms {
            Some(since_ms) if received_ms < since_ms => Verdict::Never,
            Some(_) if self.established => match self.pace.verdict(received_ms, now_ms) {
                Verdict::Ask => Verdict::Never,
                other => other,
            },
            _ => Verdict::Wait,
        }
    }
}
