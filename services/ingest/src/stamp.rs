//! The choice of a transaction's stamp, by the way it arrived and the state of the link to the node.
//!
//! `rawtx` carries no time. A stamp is the moment at which the node first had the transaction in its mempool, as well as it can
//! be known: the receipt of its `rawtx` while the node is followed live, the node's entry time after anything else, and the
//! block's header time for a transaction that was met in a block only. No transaction is stamped before ingest knows why it
//! came. Pure: time comes in Unix milliseconds of ingest's clock.

mod clock;
mod pace;

use serde::{Deserialize, Serialize};

pub use clock::{NodeClock, Shift};
pub use pace::{Calm, Pace};

/// The origin of a transaction's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stamp {
    /// Undecided: the receipt stands in for the stamp, and the transaction is not published.
    Open,
    /// The receipt, by ingest's clock in this process: it moves when that clock is found to have been wrong.
    Receipt,
    /// A block's header time, or a stamp that an earlier process wrote down.
    Told,
    /// The node's entry time: it moves when the node's clock is found to differ from ingest's by another amount than was
    /// believed.
    Entry,
}

/// The decision on the stamp of a transaction that entered the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receipt is its stamp.
    Receipt,
    /// The node's entry time is its stamp, or the receipt if that is earlier.
    Ask,
    /// More must be known first.
    Wait,
    /// The stamp cannot be known, and the transaction is not published.
    Never,
}

/// The treatment of transactions that are first met in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// They bear the earlier of the header's time and the receipt; the header is asked for, or comes with `rawblock`.
    Date,
    /// They bear the receipt, because a stand-in's clock is at the block's time when it sends the block.
    AtReceipt,
    /// They are dropped; a later reading of the node brings those that lie in the window.
    Drop,
}

/// The state of the link to the node: it decides how new transactions get their stamps.
#[derive(Debug)]
pub enum Gate {
    /// The node is a stand-in, whose clock comes with its messages.
    StandIn,
    /// The node cannot be asked: its pace alone tells new from old.
    Alone(Calm),
    /// Something was missed that is still to be read from the node.
    Behind,
    /// The node is in its initial download, and sends old transactions.
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
                None
            }
            Gate::Behind | Gate::Downloading | Gate::Loading => Some(Verdict::Ask),
            Gate::InStep(pace) => {
                pace.note(received_ms);
                (number < pace.fence).then_some(Verdict::Ask)
            }
        }
    }

    /// Decides at `now_ms` on the stamp of a transaction that was received at `received_ms`.
    pub fn verdict(&self, received_ms: u64, now_ms: u64) -> Verdict {
        match self {
            Gate::StandIn => Verdict::Receipt,
            Gate::Alone(calm) => calm.verdict(received_ms, now_ms),
            Gate::Behind | Gate::Downloading => Verdict::Wait,
            Gate::Loading => Verdict::Ask,
            Gate::InStep(pace) => pace.verdict(received_ms, now_ms),
        }
    }

    /// Lets time pass to `now_ms`.
    pub fn tick(&mut self, now_ms: u64) {
        if let Gate::Alone(calm) = self {
            calm.tick(now_ms);
        }
    }

    /// The treatment of transactions that are first met in a block.
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

    /// Notes that this process did not run until `now_ms`. Receipts shortly after that are late, because the messages had to
    /// wait.
    pub fn stood_still(&mut self, now_ms: u64) {
        let pace = match self {
            Gate::Alone(calm) => &mut calm.pace,
            Gate::InStep(pace) => pace,
            Gate::StandIn | Gate::Behind | Gate::Downloading | Gate::Loading => return,
        };
        pace.began_ms = pace.began_ms.max(now_ms + pace::LATE_MS);
    }

    /// Moves the receipts that were noted by `step_ms`, because the clock was set.
    pub fn shift(&mut self, step_ms: i64) {
        match self {
            Gate::Alone(calm) => *calm = Calm::default(),
            Gate::InStep(pace) => pace.shift(step_ms),
            Gate::StandIn | Gate::Behind | Gate::Downloading | Gate::Loading => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        pace::{CALM_MS, LATE_MS, YOUNG_MS},
        *,
    };

    const NOW: u64 = 1_700_000_000_000;

    /// The verdicts on `count` that came every `every_ms` from `NOW` on, at a beat `after_ms` after the last.
    fn verdicts(count: u64, every_ms: u64, after_ms: u64) -> Vec<Verdict> {
        let mut gate = Gate::InStep(Pace::since(0, 0));
        let received: Vec<u64> = (0..count).map(|number| NOW + number * every_ms).collect();
        for (number, received_ms) in received.iter().enumerate() {
            assert_eq!(gate.added(number as u64 + 1, *received_ms), None);
        }
        let now_ms = received[received.len() - 1] + after_ms;
        gate.tick(now_ms);
        let verdict = |received_ms: &u64| gate.verdict(*received_ms, now_ms);
        received.iter().map(verdict).collect()
    }

    #[test]
    fn in_step_an_ordinary_pace_is_stamped_by_receipt() {
        assert_eq!(verdicts(20, 50, YOUNG_MS), vec![Verdict::Receipt; 20]);
    }

    #[test]
    fn an_import_is_asked_about_from_its_first_transaction_on() {
        assert_eq!(verdicts(200, 2, 1), vec![Verdict::Ask; 200]);
    }

    #[test]
    fn what_may_be_the_beginning_of_an_import_waits() {
        assert_eq!(verdicts(30, 1, 1), vec![Verdict::Wait; 30]);
        assert_eq!(verdicts(1, 1, 1), [Verdict::Wait]);
        assert_eq!(verdicts(1, 1, YOUNG_MS), [Verdict::Receipt]);
    }

    #[test]
    fn what_is_older_than_the_fence_is_asked_about() {
        let mut gate = Gate::InStep(Pace::since(100, 0));
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
    }

    #[test]
    fn without_rpc_an_import_in_the_calm_is_never_published() {
        let mut gate = Gate::Alone(Calm::default());
        assert_eq!(gate.added(0, NOW), None);
        let later_ms = NOW + CALM_MS;
        for number in 1..=60 {
            assert_eq!(gate.added(number, later_ms + number), None);
        }
        assert_eq!(gate.verdict(NOW, later_ms), Verdict::Receipt);
        assert_eq!(gate.verdict(later_ms + 1, later_ms + 60), Verdict::Never);
        gate.tick(later_ms + 5000);
        assert_eq!(gate.added(61, later_ms + 5000), None);
        let next_ms = later_ms + 5000 + YOUNG_MS;
        assert_eq!(gate.verdict(later_ms + 5000, next_ms), Verdict::Receipt);
    }

    /// Five live entries of a node whose clock is `behind_ms` behind.

    #[test]
    fn what_waited_while_the_process_stood_still_is_asked_about() {
        let mut gate = Gate::InStep(Pace::since(0, 0));
        gate.stood_still(NOW);
        assert_eq!(gate.added(1, NOW + 10), None);
        assert_eq!(gate.verdict(NOW + 10, NOW + 500), Verdict::Ask);
        assert_eq!(gate.verdict(NOW + LATE_MS, NOW + 5000), Verdict::Receipt);
    }
}
