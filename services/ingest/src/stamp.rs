//! When a transaction was first seen: what decides its stamp, by how it arrived and how the link to the node is.
//!
//! `rawtx` carries no time. A stamp is the moment at which the node first had the transaction in its mempool, as well as it
//! can be known: the receipt of its `rawtx` while the node is followed live, the node's entry time after anything else, and
//! the block's header time for what was met in a block only. Nothing is stamped before it is known why it came. Pure: time
//! comes in Unix milliseconds of ingest's clock.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// More `A` in a second than this are an import (`importmempool`), or a mempool.dat being loaded: mainnet's busiest seconds
/// have half of it.
pub const MOST_A_SECOND: usize = 50;
/// So many `A` within [`BURST_MS`] may be the beginning of an import: they wait until more is known.
const BURST: usize = 5;
const BURST_MS: u64 = 100;
/// Without RPC, the pace must stay low for so long before an `A` is believed to be new.
const CALM_MS: u64 = 10_000;
/// Entry times that are within this of the receipt tell of no difference between the clocks: they are whole seconds, and a
/// message takes a moment.
const SAME_CLOCK_MS: i64 = 2000;
/// Samples of the difference between the clocks, of which most must agree.
const SAMPLES: usize = 5;

/// How a transaction's stamp came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stamp {
    /// It is not decided: what stands there is the receipt, and the transaction is not published.
    Open,
    /// The receipt, by ingest's clock in this life: it moves when that clock is found to have been wrong.
    Receipt,
    /// What the node told (an entry time, a header's time), or what an earlier life wrote down.
    Told,
}

/// What is to become of a transaction that entered the mempool and has no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receipt is its stamp.
    Receipt,
    /// The node's entry time is its stamp, or the receipt if that is earlier.
    Ask,
    /// More must be known first.
    Wait,
    /// It cannot be known, and the transaction is not published.
    Never,
}

/// What is to become of transactions that are first met in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// They bear the earlier of the header's time and the receipt; the header is asked for, or comes with `rawblock`.
    Date,
    /// A stand-in's clock was at the block's time when it was sent.
    AtReceipt,
    /// They are not kept: what of them lies in the window is read from the node later.
    Drop,
}

/// How the link to the node is, as far as stamps depend on it.
#[derive(Debug)]
pub enum Gate {
    /// The node is a stand-in, whose clock comes with its messages.
    StandIn,
    /// The node cannot be asked: its pace alone tells new from old.
    Alone(Calm),
    /// Something was missed that is still to be read from the node.
    Behind,
    /// The node is in its initial download: what it sends is old.
    Downloading,
    /// In step, while the node is loading its mempool.dat.
    Loading,
    /// In step.
    InStep(Pace),
}

impl Gate {
    /// Notes an `A` with its number, received at `received_ms`. `Some` if its stamp is decided at once.
    pub fn added(&mut self, number: u64, received_ms: u64) -> Option<Verdict> {
        match self {
            Gate::StandIn => Some(Verdict::Receipt),
            Gate::Alone(calm) => {
                calm.note(received_ms);
                calm.is_established().then_some(Verdict::Receipt)
            }
            Gate::Behind | Gate::Downloading | Gate::Loading => Some(Verdict::Ask),
            Gate::InStep(pace) => {
                pace.note(received_ms);
                (number < pace.fence).then_some(Verdict::Ask)
            }
        }
    }

    /// What is to become, at `now_ms`, of one that was received at `received_ms` and is undecided.
    pub fn verdict(&self, received_ms: u64, now_ms: u64) -> Verdict {
        match self {
            Gate::StandIn => Verdict::Receipt,
            Gate::Alone(calm) => calm.verdict(received_ms),
            Gate::Behind | Gate::Downloading => Verdict::Wait,
            Gate::Loading => Verdict::Ask,
            Gate::InStep(pace) => pace.verdict(received_ms, now_ms),
        }
    }

    /// Lets time pass to `now_ms`.
    pub fn tick(&mut self, now_ms: u64) {
        match self {
            Gate::Alone(calm) => calm.tick(now_ms),
            Gate::InStep(pace) => pace.forget(now_ms),
            Gate::StandIn | Gate::Behind | Gate::Downloading | Gate::Loading => {}
        }
    }

    /// What is to become of transactions that are first met in a block.
    pub fn blocks(&self) -> Blocks {
        match self {
            Gate::StandIn => Blocks::AtReceipt,
            Gate::Behind | Gate::Downloading => Blocks::Drop,
            Gate::Alone(_) | Gate::Loading | Gate::InStep(_) => Blocks::Date,
        }
    }

    /// Whether entry times can be asked for now.
    pub fn may_ask(&self) -> bool {
        matches!(self, Gate::Loading | Gate::InStep(_))
    }

    /// The clock was set by `step_ms`: what was noted before lies so far from where it is now.
    pub fn shift(&mut self, step_ms: i64) {
        match self {
            Gate::Alone(calm) => *calm = Calm::default(),
            Gate::InStep(pace) => pace
                .recent
                .iter_mut()
                .for_each(|received_ms| *received_ms = received_ms.saturating_add_signed(step_ms)),
            Gate::StandIn | Gate::Behind | Gate::Downloading | Gate::Loading => {}
        }
    }
}

/// The pace of `A` while in step.
#[derive(Debug)]
pub struct Pace {
    /// `A` with lower numbers belong to what the snapshot tells of.
    fence: u64,
    /// When those of the last second and a half were received, oldest first; no more than tell a high pace.
    recent: VecDeque<u64>,
}

impl Pace {
    /// In step from the snapshot on that has the mempool sequence `fence`.
    pub fn since(fence: u64) -> Pace {
        Pace {
            fence,
            recent: VecDeque::new(),
        }
    }

    fn note(&mut self, received_ms: u64) {
        if self.recent.len() > 4 * MOST_A_SECOND {
            self.recent.pop_front();
        }
        self.recent.push_back(received_ms);
    }

    fn forget(&mut self, now_ms: u64) {
        while self
            .recent
            .front()
            .is_some_and(|oldest| oldest + 2000 < now_ms)
        {
            self.recent.pop_front();
        }
    }

    /// High where over [`MOST_A_SECOND`] came within the second before it, or after it until now.
    fn verdict(&self, received_ms: u64, now_ms: u64) -> Verdict {
        let within = |from_ms: u64, to_ms: u64| {
            let counted = self
                .recent
                .iter()
                .filter(|at| (from_ms..=to_ms).contains(*at));
            counted.count()
        };
        let before = within(received_ms.saturating_sub(1000), received_ms);
        let after = within(received_ms, received_ms + 1000);
        if before > MOST_A_SECOND || after > MOST_A_SECOND {
            return Verdict::Ask;
        }
        let began_ms = now_ms.saturating_sub(BURST_MS);
        match received_ms > began_ms && within(began_ms, now_ms) >= BURST {
            true => Verdict::Wait,
            false => Verdict::Receipt,
        }
    }
}

/// The pace of `A` of a node that cannot be asked, since its counters began anew. What comes fast may have been loaded.
#[derive(Debug, Default)]
pub struct Calm {
    /// The second that is being counted, Unix seconds, and how many came in it.
    second: u64,
    count: usize,
    /// The first moment of the calm that lasts, Unix milliseconds.
    since_ms: Option<u64>,
    established: bool,
}

impl Calm {
    fn note(&mut self, received_ms: u64) {
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

    fn tick(&mut self, now_ms: u64) {
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        self.established |= since_ms + CALM_MS <= now_ms;
    }

    fn is_established(&self) -> bool {
        self.established
    }

    fn verdict(&self, received_ms: u64) -> Verdict {
        match self.since_ms {
            Some(since_ms) if received_ms < since_ms => Verdict::Never,
            Some(_) if self.established => Verdict::Receipt,
            _ => Verdict::Wait,
        }
    }
}

/// By how much stamps must move so that they are by the clocks as they are now, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Receipts of this life.
    pub received_ms: i64,
    /// What the node told.
    pub told_ms: i64,
    /// Entry times of transactions that were passed over as older than the window.
    pub unread_ms: i64,
}

/// How far ingest's clock is ahead of the one that the node's entry times are of, learned from live entries.
#[derive(Debug, Default)]
pub struct NodeClock {
    ahead_ms: i64,
    samples: VecDeque<i64>,
    /// Ingest's clock was set since it was last compared: what the node told moved with it.
    was_set: bool,
}

impl NodeClock {
    /// An entry time of the node, Unix milliseconds, by ingest's clock.
    pub fn ours(&self, entered_ms: u64) -> u64 {
        entered_ms.saturating_add_signed(self.ahead_ms)
    }

    /// Takes the receipt and the entry time of a live entry. `Some` if most samples agree that the clocks differ otherwise than
    /// was believed.
    pub fn observe(&mut self, received_ms: u64, entered_ms: u64) -> Option<Shift> {
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
                received_ms: 0,
                told_ms: if was_set { 0 } else { moves_ms },
                unread_ms: moves_ms,
            }
        })
    }

    /// Ingest's clock was set by `step_ms`: what was stamped keeps its age. Whether the node's clock was set too is learned
    /// anew; one that was known to differ was not.
    pub fn was_set(&mut self, step_ms: i64) -> Shift {
        self.samples.clear();
        self.was_set = true;
        let differed = self.ahead_ms != 0;
        if differed {
            self.ahead_ms += step_ms;
        }
        Shift {
            received_ms: step_ms,
            told_ms: step_ms,
            unread_ms: if differed { step_ms } else { 0 },
        }
    }

    /// A time of ingest's clock by the node's, Unix milliseconds.
    pub fn theirs(&self, our_ms: u64) -> u64 {
        our_ms.saturating_add_signed(-self.ahead_ms)
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

    /// The verdicts at the next beat on `count` that came every `every_ms` from `NOW` on.
    fn verdicts(count: u64, every_ms: u64) -> Vec<Verdict> {
        let mut gate = Gate::InStep(Pace::since(0));
        let received: Vec<u64> = (0..count).map(|number| NOW + number * every_ms).collect();
        for (number, received_ms) in received.iter().enumerate() {
            assert_eq!(gate.added(number as u64 + 1, *received_ms), None);
        }
        let now_ms = received[received.len() - 1] + 1;
        gate.tick(now_ms);
        let verdict = |received_ms: &u64| gate.verdict(*received_ms, now_ms);
        received.iter().map(verdict).collect()
    }

    #[test]
    fn in_step_an_ordinary_pace_is_stamped_by_receipt() {
        assert_eq!(verdicts(20, 50), vec![Verdict::Receipt; 20]);
    }

    #[test]
    fn an_import_is_asked_about_from_its_first_transaction_on() {
        assert_eq!(verdicts(200, 2), vec![Verdict::Ask; 200]);
    }

    #[test]
    fn what_may_be_the_beginning_of_an_import_waits() {
        assert_eq!(verdicts(30, 1), vec![Verdict::Wait; 30]);
        assert_eq!(
            verdicts(BURST as u64 - 1, 1),
            vec![Verdict::Receipt; BURST - 1]
        );
    }

    #[test]
    fn what_is_older_than_the_fence_is_asked_about() {
        let mut gate = Gate::InStep(Pace::since(100));
        assert_eq!(gate.added(99, NOW), Some(Verdict::Ask));
        assert_eq!(gate.added(100, NOW + 500), None);
        assert_eq!(gate.verdict(NOW + 500, NOW + 1000), Verdict::Receipt);
    }

    #[test]
    fn behind_and_loading_every_entry_is_asked_about() {
        for mut gate in [Gate::Behind, Gate::Loading] {
            assert_eq!(gate.added(1, NOW), Some(Verdict::Ask));
        }
        assert_eq!(Gate::Behind.verdict(NOW, NOW), Verdict::Wait);
        assert_eq!(
            (Gate::Behind.blocks(), Gate::Loading.blocks()),
            (Blocks::Drop, Blocks::Date)
        );
    }

    #[test]
    fn without_rpc_what_came_fast_is_never_published_and_what_came_in_the_calm_is_after_it() {
        let mut gate = Gate::Alone(Calm::default());
        for number in 0..500 {
            assert_eq!(gate.added(number, NOW + number * 2), None);
        }
        let calm_ms = NOW + 2000;
        assert_eq!(gate.added(501, calm_ms), None);
        assert_eq!(gate.verdict(calm_ms, calm_ms), Verdict::Wait);
        gate.tick(calm_ms + CALM_MS);
        assert_eq!(gate.verdict(calm_ms, calm_ms + CALM_MS), Verdict::Receipt);
        assert_eq!(gate.verdict(NOW + 10, calm_ms + CALM_MS), Verdict::Never);
        let later_ms = calm_ms + CALM_MS + 1;
        assert_eq!(gate.added(502, later_ms), Some(Verdict::Receipt));
        for number in 0..500 {
            assert_eq!(
                gate.added(503 + number, later_ms),
                Some(Verdict::Receipt),
                "a busy second of a node that is known"
            );
        }
    }

    /// Five live entries of a node whose clock is `behind_ms` behind.
    fn learn(clock: &mut NodeClock, behind_ms: i64) -> Vec<Shift> {
        let mut learned = Vec::new();
        for number in 0..5 {
            let received_ms = NOW + number * 1000;
            let entered_ms = received_ms.saturating_add_signed(-behind_ms);
            learned.extend(clock.observe(received_ms + 500, entered_ms));
        }
        learned
    }

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn clocks_that_differ_are_told_apart_from_one_odd_entry() {
        let mut clock = NodeClock::default();
        for late_ms in [100, 900, 400_000, 500, 300] {
            assert_eq!(clock.observe(NOW + late_ms, NOW), None);
        }
        let shift = Shift {
            received_ms: 0,
            told_ms: DAY_MS,
            unread_ms: DAY_MS,
        };
        assert_eq!(learn(&mut clock, DAY_MS), [shift]);
        assert_eq!(clock.ours(NOW), NOW + DAY_MS as u64);
        assert_eq!(clock.theirs(clock.ours(NOW)), NOW);
    }

    #[test]
    fn when_our_clock_is_set_every_stamp_keeps_its_age() {
        let mut same_machine = NodeClock::default();
        let shift = same_machine.was_set(-DAY_MS);
        assert_eq!(
            (shift.received_ms, shift.told_ms, shift.unread_ms),
            (-DAY_MS, -DAY_MS, 0)
        );
        assert_eq!(learn(&mut same_machine, 0), []);

        let mut another = NodeClock::default();
        another.was_set(DAY_MS);
        let learned = learn(&mut another, DAY_MS);
        assert_eq!((learned[0].told_ms, learned[0].unread_ms), (0, DAY_MS));
        let back = another.was_set(-DAY_MS);
        assert_eq!((back.told_ms, back.unread_ms), (-DAY_MS, -DAY_MS));
        assert_eq!(learn(&mut another, 0), [], "it was known to differ");
    }

    #[test]
    fn what_an_old_import_says_is_not_a_clock() {
        let mut clock = NodeClock::default();
        for days in 1..=5 {
            assert_eq!(clock.observe(NOW, NOW - days * 86_400_000), None);
        }
    }
}
