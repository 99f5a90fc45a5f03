//! The pace at which transactions enter: what comes too fast is no payment of this moment, but an import or a mempool.dat.

use std::collections::VecDeque;

use super::Verdict;

/// More `A` in a second than this are an import (`importmempool`), or a mempool.dat being loaded: mainnet's busiest seconds
/// have half of it.
pub const MOST_A_SECOND: usize = 50;
/// `A` are counted in slots of this length, milliseconds, of which so many make a second.
const SLOT_MS: u64 = 100;
const SLOTS_A_SECOND: u64 = 1000 / SLOT_MS;
/// Slots kept: those of a minute and a half, for a process that was stopped so long and decides late.
const MOST_SLOTS: usize = 1000;
/// An `A` may be the first of an import until this many milliseconds have passed: it waits for those that follow.
pub(super) const YOUNG_MS: u64 = 100;
/// What waited while this process stood still has been received this many milliseconds after it goes on.
pub(super) const LATE_MS: u64 = 1000;
/// Without RPC, an `A` is believed new only after the pace has been low for so long, milliseconds.
pub(super) const CALM_MS: u64 = 10_000;

/// The pace of `A` while in step.
#[derive(Debug, Default)]
pub struct Pace {
    /// `A` with lower numbers belong to what the snapshot tells of.
    pub(super) fence: u64,
    /// Of what was received earlier the pace is not known, Unix milliseconds.
    pub(super) began_ms: u64,
    /// How many were received in each [`SLOT_MS`], oldest first; slots without any are left out.
    slots: VecDeque<(u64, usize)>,
}

impl Pace {
    /// In step since `began_ms`, Unix milliseconds, from the snapshot on that has the mempool sequence `fence`.
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
            // Those of two endpoints may be a moment out of order.
            Some((newest, count)) if *newest >= slot => *count += 1,
            _ => self.slots.push_back((slot, 1)),
        }
        if self.slots.len() > MOST_SLOTS {
            self.slots.pop_front();
        }
    }

    /// The clock was set by `step_ms`.
    pub(super) fn shift(&mut self, step_ms: i64) {
        self.began_ms = self.began_ms.saturating_add_signed(step_ms);
        for (slot, _) in &mut self.slots {
            *slot = (*slot * SLOT_MS).saturating_add_signed(step_ms) / SLOT_MS;
        }
    }

    /// [`Verdict::Ask`] where over [`MOST_A_SECOND`] came within the second before it, or after it until now; or may have.
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

/// The pace of `A` while the node cannot be asked, since its counters began anew. An `A` that comes fast may have been loaded or
/// imported, and is never published.
#[derive(Debug, Default)]
pub struct Calm {
    pub(super) pace: Pace,
    /// The second that is being counted, Unix seconds, and how many came in it.
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
