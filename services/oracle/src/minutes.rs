//! The distinct amounts of the window by minute, and the evidence of each minute.
//!
//! Spam repeats amounts, so each exact amount counts once in ten minutes: in the newest minute in which it was seen.
//! Ten minutes are a block's worth of payments, and the weights were learned from blocks. A whole window would be too
//! long, because honest small sums repeat too: within 0.2 % of $5 at $100,000 lie only 21 amounts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::grid::{self, VALUE_BINS};
use crate::kernel::{self, Kernel};
use crate::minute::{MINUTE_MS, Minute, SLOT_MINUTES};
use crate::stack::Stack;

/// The amounts of ten minutes, in satoshi. Each is kept with the minute in which it was seen, as one number to save
/// memory.
#[derive(Debug, Clone, Default)]
struct Slot {
    seen: BTreeSet<u64>,
    /// The number of times that a key was seen, if more than once.
    copies: BTreeMap<u64, u32>,
}

/// Low bits of a key that hold the minute within the slot.
const MINUTE_BITS: u32 = 4;

/// The amounts of each ten minutes by the newest minute in which each was seen.
#[derive(Debug, Clone)]
pub(crate) struct Minutes {
    kernel: Arc<Kernel>,
    /// The amounts that were seen, by ten minutes since 1970.
    slots: BTreeMap<u64, Slot>,
    /// The minutes that hold an amount, by their number since 1970.
    minutes: BTreeMap<u64, Minute>,
    /// The number of amounts in each bin of amount.
    histogram: Vec<u32>,
    /// The minutes whose evidence is held as one sum.
    stack: Stack,
}

impl Minutes {
    pub(crate) fn new(kernel: Arc<Kernel>) -> Self {
        Self {
            kernel,
            slots: BTreeMap::new(),
            minutes: BTreeMap::new(),
            histogram: vec![0; VALUE_BINS],
            stack: Stack::new(),
        }
    }

    pub(crate) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The minutes of a range since 1970 that have an amount, oldest first.
    pub(crate) fn within(&self, range: &Range<u64>) -> impl Iterator<Item = (u64, &Minute)> {
        self.minutes
            .range(range.clone())
            .map(|(&minute, held)| (minute, held))
    }

    /// The minutes whose evidence is held as one sum.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Holds the evidence of the minutes of `range` as one sum. Returns whether they are unchanged since the last call.
    pub(crate) fn hold_together(&mut self, range: &Range<u64>) -> bool {
        let before = self.stack.minutes().clone();
        if before != *range {
            self.stack.cover(range.clone());
            for gone in without(&before, range) {
                self.stack.count_out(amounts(&self.slots, &gone));
                let held = self.minutes.range(gone);
                held.for_each(|(&minute, held)| self.stack.take(minute, held));
            }
            for come in without(range, &before) {
                self.stack.count_in(amounts(&self.slots, &come));
                let held = self.minutes.range(come);
                held.for_each(|(_, held)| self.stack.put(held));
            }
        }
        !self.stack.take_has_changed()
    }

    /// Moves the evidence of each minute in the sum by the minute's drift: how far above its last place the price lay
    /// then, in bins.
    pub(crate) fn settle(&mut self, drifts: &[isize]) {
        let held = self.minutes.range(self.stack.minutes().clone());
        for ((&minute, held), drift) in held.zip(drifts) {
            self.stack.settle(minute, held, *drift);
        }
    }

    /// The number of amounts in each bin of amount.
    pub(crate) fn histogram(&self) -> &[u32] {
        &self.histogram
    }

    /// Adds an amount that was seen at `first_seen_ms`.
    pub(crate) fn insert(&mut self, first_seen_ms: u64, value_sats: u64) {
        let Some(bin) = grid::value_bin(value_sats) else {
            return;
        };
        let minute = first_seen_ms / MINUTE_MS;
        let slot = self.slots.entry(minute / SLOT_MINUTES).or_default();
        let newest = slot.newest(minute, value_sats);
        slot.insert(key(minute, value_sats));
        match newest {
            None => self.histogram[bin] += 1,
            Some(newest) if newest < minute => self.leave(newest, value_sats),
            Some(_) => return,
        }
        self.enter(minute, value_sats);
    }

    /// Takes out an amount that was put in.
    pub(crate) fn remove(&mut self, first_seen_ms: u64, value_sats: u64) {
        let Some(bin) = grid::value_bin(value_sats) else {
            return;
        };
        let minute = first_seen_ms / MINUTE_MS;
        let Some(slot) = self.slots.get_mut(&(minute / SLOT_MINUTES)) else {
            return;
        };
        if !slot.remove(key(minute, value_sats)) {
            return;
        }
        let newest = slot.newest(minute, value_sats);
        if slot.seen.is_empty() {
            self.slots.remove(&(minute / SLOT_MINUTES));
        }
        if newest.is_none() {
            self.histogram[bin] -= 1;
        }
        if newest.is_none_or(|newest| newest < minute) {
            self.leave(minute, value_sats);
            if let Some(newest) = newest {
                self.enter(newest, value_sats);
            }
        }
    }

    fn enter(&mut self, minute: u64, value_sats: u64) {
        self.stack.enter(&self.kernel, minute, value_sats);
        let empty = || Minute {
            evidence: kernel::no_evidence(),
            values: 0,
        };
        let held = self.minutes.entry(minute).or_insert_with(empty);
        held.values += 1;
        self.kernel.add(value_sats, 0, &mut held.evidence);
    }

    fn leave(&mut self, minute: u64, value_sats: u64) {
        self.stack.leave(&self.kernel, minute, value_sats);
        let Some(held) = self.minutes.get_mut(&minute) else {
            return;
        };
        held.values -= 1;
        if held.values == 0 {
            self.minutes.remove(&minute);
        } else {
            self.kernel.take_away(value_sats, 0, &mut held.evidence);
        }
    }
}

/// The parts of a range that the other does not have, below it and above it.
fn without(range: &Range<u64>, other: &Range<u64>) -> [Range<u64>; 2] {
    let below = range.start..range.end.min(other.start.max(range.start));
    let above = range.start.max(other.end.min(range.end)).max(below.end)..range.end;
    [below, above]
}

/// The amounts that count in a range of minutes.
fn amounts(slots: &BTreeMap<u64, Slot>, minutes: &Range<u64>) -> impl Iterator<Item = u64> {
    let within = minutes.start / SLOT_MINUTES..minutes.end.div_ceil(SLOT_MINUTES);
    slots.range(within).flat_map(move |(slot, held)| {
        let in_slot = |minute: &u64| minute.saturating_sub(slot * SLOT_MINUTES);
        let minutes = in_slot(&minutes.start)..in_slot(&minutes.end);
        let mut keys = held.seen.iter().peekable();
        std::iter::from_fn(move || {
            let key = keys.next()?;
            let value_sats = key >> MINUTE_BITS;
            let next = keys.peek().map(|next| *next >> MINUTE_BITS);
            let is_newest = next != Some(value_sats);
            Some((is_newest && minutes.contains(&minute_of(*key))).then_some(value_sats))
        })
        .flatten()
    })
}

/// One number of an amount and its minute within the slot.
fn key(minute: u64, value_sats: u64) -> u64 {
    (value_sats << MINUTE_BITS) | (minute % SLOT_MINUTES)
}

fn minute_of(key: u64) -> u64 {
    key & ((1 << MINUTE_BITS) - 1)
}

impl Slot {
    fn insert(&mut self, key: u64) {
        if !self.seen.insert(key) {
            *self.copies.entry(key).or_insert(1) += 1;
        }
    }

    /// Returns whether this was the last copy.
    fn remove(&mut self, key: u64) -> bool {
        let Some(copies) = self.copies.get_mut(&key) else {
            return self.seen.remove(&key);
        };
        *copies -= 1;
        if *copies == 1 {
            self.copies.remove(&key);
        }
        false
    }

    /// The newest minute in which an amount was seen, within the ten minutes that `minute` belongs to.
    fn newest(&self, minute: u64, value_sats: u64) -> Option<u64> {
        let first = value_sats << MINUTE_BITS;
        let newest = self
            .seen
            .range(first..first + (1 << MINUTE_BITS))
            .next_back()?;
        Some(minute - minute % SLOT_MINUTES + minute_of(*newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    fn minutes() -> Minutes {
        Minutes::new(Arc::new(Kernel::new(Model::trained())))
    }

    fn counts(minutes: &Minutes) -> Vec<(u64, u32)> {
        minutes
            .minutes
            .iter()
            .map(|(&minute, held)| (minute, held.values))
            .collect()
    }

    #[test]
    fn an_amount_counts_anew_after_ten_minutes() {
        let mut minutes = minutes();
        for minute in [3, 9, 10, 25] {
            minutes.insert(minute * MINUTE_MS, 5000);
        }
        assert_eq!(counts(&minutes), [(9, 1), (10, 1), (25, 1)]);
        assert_eq!(minutes.histogram.iter().sum::<u32>(), 3);
        minutes.remove(9 * MINUTE_MS, 5000);
        assert_eq!(counts(&minutes), [(3, 1), (10, 1), (25, 1)]);
    }

    #[test]
    fn an_amount_counts_once_in_its_newest_minute() {
        let mut minutes = minutes();
        minutes.insert(0, 5000);
        minutes.insert(3 * MINUTE_MS, 5000);
        minutes.insert(MINUTE_MS, 5000);
        minutes.insert(1, 7777);
        assert_eq!(counts(&minutes), [(0, 1), (3, 1)]);
        minutes.remove(3 * MINUTE_MS, 5000);
        assert_eq!(counts(&minutes), [(0, 1), (1, 1)]);
        minutes.remove(MINUTE_MS, 5000);
        minutes.remove(0, 5000);
        minutes.remove(1, 7777);
        assert!(counts(&minutes).is_empty() && minutes.slots.is_empty());
        assert!(minutes.histogram.iter().all(|&count| count == 0));
    }

    #[test]
    fn copies_in_one_minute_are_taken_out_one_by_one() {
        let mut minutes = minutes();
        minutes.insert(10, 5000);
        minutes.insert(20, 5000);
        minutes.remove(10, 5000);
        assert_eq!(counts(&minutes), [(0, 1)]);
        minutes.remove(20, 5000);
        assert!(counts(&minutes).is_empty());
    }
}
