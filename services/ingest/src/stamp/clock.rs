//! The difference between ingest's clock and the clock of the node's entry times, and how stamps move when either is set.

use std::collections::VecDeque;

/// A receipt and an entry time that differ by at most this many milliseconds show no difference between the clocks. Entry times
/// are whole seconds, and a message takes a moment.
const SAME_CLOCK_MS: i64 = 2000;
/// How many samples of the clocks' difference are kept; most must agree. They lie at least `BETWEEN_SAMPLES_MS` apart, so that
/// the samples of an import do not agree, because its entry times stand still.
const SAMPLES: usize = 5;
const BETWEEN_SAMPLES_MS: u64 = 5000;

/// The distances, in milliseconds, by which stamps must move to agree with the present setting of the clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// For receipts of this process.
    pub received_ms: i64,
    /// For stamps that come from blocks and from earlier processes, here "told".
    pub told_ms: i64,
    /// For entry times that this process read.
    pub entered_ms: i64,
    /// For entry times of transactions that were passed over as older than the window.
    pub unread_ms: i64,
    /// Told stamps and entry times before this moment, Unix milliseconds, do not move, because they come from an earlier
    /// setting of the clock.
    pub since_ms: u64,
}

impl Shift {
    /// The told stamp `told_ms`, Unix milliseconds, after the shift.
    pub fn told(&self, told_ms: u64) -> u64 {
        match told_ms >= self.since_ms {
            true => told_ms.saturating_add_signed(self.told_ms),
            false => told_ms,
        }
    }

    /// The entry time `entered_ms`, Unix milliseconds, after the shift.
    pub fn entered(&self, entered_ms: u64) -> u64 {
        match entered_ms >= self.since_ms {
            true => entered_ms.saturating_add_signed(self.entered_ms),
            false => entered_ms,
        }
    }
}

/// How far ingest's clock is ahead of the clock of the node's entry times, learned from live entries.
#[derive(Debug, Default)]
pub struct NodeClock {
    ahead_ms: i64,
    samples: VecDeque<i64>,
    /// The receipt of the newest sample, Unix milliseconds.
    sampled_ms: u64,
    /// Whether ingest's clock was set since the two were last compared; entry times that were read have already moved with it.
    was_set: bool,
}

impl NodeClock {
    /// An entry time of the node, Unix milliseconds, by ingest's clock.
    pub fn ours(&self, entered_ms: u64) -> u64 {
        entered_ms.saturating_add_signed(self.ahead_ms)
    }

    /// Takes the receipt and the entry time of a live entry. `Some` if most samples agree that the clocks differ by another
    /// amount than was believed.
    pub fn observe(&mut self, received_ms: u64, entered_ms: u64) -> Option<Shift> {
        if received_ms < self.sampled_ms + BETWEEN_SAMPLES_MS {
            return None;
        }
        self.sampled_ms = received_ms;
        let sample = received_ms as i64 - entered_ms as i64;
        self.samples.push_back(sample);
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        let mut sorted: Vec<i64> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let median = sorted[sorted.len() / 2];
        let agree = sorted
            .iter()
            .filter(|one| (**one - median).abs() <= SAME_CLOCK_MS);
        if agree.count() <= SAMPLES / 2 {
            return None;
        }
        // An entry time is half a second early on average.
        let ahead_ms = match median.abs() <= SAME_CLOCK_MS {
            true => 0,
            false => median - 500,
        };
        let moves_ms = ahead_ms - self.ahead_ms;
        let was_set = std::mem::take(&mut self.was_set);
        (moves_ms.abs() > SAME_CLOCK_MS).then(|| {
            self.ahead_ms = ahead_ms;
            Shift {
                entered_ms: if was_set { 0 } else { moves_ms },
                unread_ms: moves_ms,
                ..Shift::default()
            }
        })
    }

    /// The shift after ingest's clock was set by `step_ms`. Stamps since the machine's start (`booted_ms`, by the clock before
    /// the step) keep their age. Whether the node's clock was set too is learned anew. If the two clocks were known to differ,
    /// the node's counts as not set.
    pub fn was_set(&mut self, step_ms: i64, booted_ms: u64) -> Shift {
        self.samples.clear();
        self.sampled_ms = 0;
        self.was_set = true;
        let differed = self.ahead_ms != 0;
        if differed {
            self.ahead_ms += step_ms;
        }
        Shift {
            received_ms: step_ms,
            told_ms: step_ms,
            entered_ms: step_ms,
            unread_ms: if differed { step_ms } else { 0 },
            since_ms: booted_ms,
        }
    }

    /// Whether too few live entries have been compared to tell.
    pub fn is_learning(&self) -> bool {
        self.samples.len() < SAMPLES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn learn(clock: &mut NodeClock, behind_ms: i64) -> Vec<Shift> {
        let mut learned = Vec::new();
        for number in 0..5 {
            let received_ms = NOW + number * BETWEEN_SAMPLES_MS;
            let entered_ms = received_ms.saturating_add_signed(-behind_ms);
            learned.extend(clock.observe(received_ms + 500, entered_ms));
        }
        learned
    }

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn clocks_that_differ_are_told_apart_from_one_odd_entry() {
        let mut clock = NodeClock::default();
        for (number, late_ms) in (0..).zip([100, 900, 400_000, 500, 300]) {
            let at_ms = NOW - 100_000 + number * BETWEEN_SAMPLES_MS;
            assert_eq!(clock.observe(at_ms, at_ms - late_ms), None);
        }
        let shift = Shift {
            entered_ms: DAY_MS,
            unread_ms: DAY_MS,
            ..Shift::default()
        };
        assert_eq!(learn(&mut clock, DAY_MS), [shift]);
        assert_eq!(clock.ours(NOW), NOW + DAY_MS as u64);
    }

    #[test]
    fn when_our_clock_is_set_every_stamp_keeps_its_age() {
        let mut same_machine = NodeClock::default();
        let shift = same_machine.was_set(-DAY_MS, 0);
        assert_eq!(
            (shift.received_ms, shift.told_ms, shift.unread_ms),
            (-DAY_MS, -DAY_MS, 0)
        );
        assert_eq!(learn(&mut same_machine, 0), []);

        let mut another = NodeClock::default();
        another.was_set(DAY_MS, 0);
        let learned = learn(&mut another, DAY_MS);
        assert_eq!((learned[0].entered_ms, learned[0].unread_ms), (0, DAY_MS));
        let back = another.was_set(-DAY_MS, 0);
        assert_eq!((back.told_ms, back.unread_ms), (-DAY_MS, -DAY_MS));
        assert_eq!(learn(&mut another, 0), [], "it was known to differ");
    }

    #[test]
    fn what_an_old_import_says_is_not_a_clock() {
        let mut clock = NodeClock::default();
        for second in 0..120 {
            let entered_ms = NOW - 5 * DAY_MS as u64;
            assert_eq!(clock.observe(NOW + second * 1000, entered_ms), None);
        }
    }

    #[test]
    fn what_was_told_before_the_machines_start_stays_when_the_clock_is_set() {
        let shift = NodeClock::default().was_set(3_600_000, NOW);
        assert_eq!(shift.told(NOW - 1), NOW - 1);
        assert_eq!(shift.told(NOW), NOW + 3_600_000);
        assert_eq!(shift.entered(NOW - 1), NOW - 1);
    }
}
