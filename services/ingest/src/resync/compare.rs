//! Comparing the picture with the node's: a loss that no counter shows, such as that of the last message, shows here.
//!
//! The count of the mempool and the tip are compared each minute, the mempool's txids every ten minutes. Messages are under way
//! while the node answers. So the picture is right if it agrees with the answer at any moment from the question until `SETTLE`
//! after the answer.

use std::time::{Duration, Instant};

use bitcoin::{BlockHash, Txid};

use crate::tracker::Tracker;

/// How long messages that were under way may take to arrive.
const SETTLE: Duration = Duration::from_secs(2);

/// The intervals between comparisons.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// The mempool's count, and the tip.
    pub count: Duration,
    /// The mempool's txids.
    pub txids: Duration,
}

/// The times of the next comparisons, and the state of the one under way.
#[derive(Debug)]
pub struct Comparison {
    intervals: Intervals,
    next_count: Instant,
    next_txids: Instant,
    /// The node has been asked, and its answer has not come.
    is_asked: bool,
    open: Option<Open>,
}

/// A comparison that has its answer; it is open until the picture agrees or the time is over.
#[derive(Debug)]
struct Open {
    answer: Answer,
    until: Instant,
}

/// The node's answer about its mempool.
#[derive(Debug)]
pub enum Answer {
    /// The answer to [`Kind::Count`].
    Count {
        /// Transactions in the node's mempool.
        theirs: usize,
        /// The node's tip; `None` once it is known here.
        tip: Option<BlockHash>,
    },
    /// The answer to [`Kind::Txids`].
    Txids(Vec<Txid>),
}

/// A kind of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The mempool's count, and the tip.
    Count,
    /// The mempool's txids.
    Txids,
}

impl Kind {
    /// Its name as a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Count => "count",
            Kind::Txids => "txids",
        }
    }
}

impl Comparison {
    /// A schedule on which the first comparison of each kind comes after its interval.
    pub fn new(intervals: Intervals, now: Instant) -> Comparison {
        Comparison {
            intervals,
            next_count: now + intervals.count,
            next_txids: now + intervals.txids,
            is_asked: false,
            open: None,
        }
    }

    /// Drops the comparison under way, and begins the intervals anew.
    pub fn postpone(&mut self, now: Instant) {
        *self = Comparison::new(self.intervals, now);
    }

    /// The kind of comparison to ask the node for now, if it is time; [`Comparison::answered`] takes the answer.
    pub fn ask(&mut self, tracker: &mut Tracker, now: Instant) -> Option<Kind> {
        let kind = self.due(now)?;
        self.is_asked = true;
        match kind {
            Kind::Count => tracker.watch_count(),
            Kind::Txids => tracker.watch_moves(),
        }
        Some(kind)
    }

    /// Takes the answer; `None` if the node could not be asked.
    pub fn answered(&mut self, answer: Option<Answer>, now: Instant) {
        // An answer to a question from before a reading is of no use.
        if std::mem::take(&mut self.is_asked) {
            let until = now + SETTLE;
            self.open = answer.map(|answer| Open { answer, until });
        }
    }

    fn due(&mut self, now: Instant) -> Option<Kind> {
        if self.open.is_some() || self.is_asked {
            None
        } else if self.next_txids <= now {
            self.next_txids = now + self.intervals.txids;
            Some(Kind::Txids)
        } else if self.next_count <= now {
            self.next_count = now + self.intervals.count;
            Some(Kind::Count)
        } else {
            None
        }
    }

    /// The outcome of the open comparison, once it is certain; the error names the difference.
    pub fn verdict(
        &mut self,
        tracker: &mut Tracker,
        now: Instant,
    ) -> Option<(Kind, Result<(), String>)> {
        let open = self.open.as_mut()?;
        let is_over = open.until <= now;
        let verdict = match &mut open.answer {
            Answer::Count { theirs, tip } => {
                tip.take_if(|tip| tracker.tip().is_none() || tracker.knows_block(tip));
                let agrees = tracker.has_counted(*theirs) && tip.is_none();
                let difference = || match *tip {
                    None => format!(
                        "{theirs} transactions in its mempool, {} here",
                        tracker.mempool_len()
                    ),
                    Some(tip) => format!("its tip is {tip}, which is not the one here"),
                };
                let verdict = match agrees {
                    true => Some(Ok(())),
                    false => is_over.then(|| Err(difference())),
                };
                verdict.map(|verdict| (Kind::Count, verdict))
            }
            Answer::Txids(theirs) => is_over.then(|| (Kind::Txids, agree(theirs, tracker))),
        };
        if verdict.is_some() {
            self.open = None;
        }
        verdict
    }
}

/// Compares the mempool here with the listed one, apart from transactions that have moved since the question.
fn agree(theirs: &[Txid], tracker: &mut Tracker) -> Result<(), String> {
    let moved = tracker.moved();
    let is_settled = |txid: &&Txid| !moved.contains(*txid);
    let (mut common, mut missing) = (0, 0);
    for txid in theirs.iter().filter(is_settled) {
        match tracker.is_in_mempool(txid) {
            true => common += 1,
            false => missing += 1,
        }
    }
    let left_over = tracker.mempool().filter(|txid| is_settled(&txid)).count() - common;
    match (missing, left_over) {
        (0, 0) => Ok(()),
        _ => Err(format!(
            "{missing} of its mempool's transactions are missing here, {left_over} are here and not there"
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use satscope_bitcoin::frame::SequenceEvent;
    use satscope_filter::Filter;

    use super::*;
    use crate::stamp::Gate;

    const INTERVALS: Intervals = Intervals {
        count: Duration::from_mins(1),
        txids: Duration::from_mins(10),
    };

    fn txid(number: u8) -> Txid {
        Txid::from_byte_array([number; 32])
    }

    fn with(numbers: &[u8]) -> Tracker {
        let mut tracker = Tracker::new(Filter::default(), true);
        for number in numbers {
            tracker.sequence(
                SequenceEvent::Added(txid(*number), 0),
                1,
                &mut Gate::StandIn,
            );
        }
        tracker
    }

    fn open(answer: Answer, now: Instant) -> Comparison {
        let mut comparison = Comparison::new(INTERVALS, now);
        let until = now + SETTLE;
        comparison.open = Some(Open { answer, until });
        comparison
    }

    fn count(theirs: usize, now: Instant) -> Comparison {
        open(Answer::Count { theirs, tip: None }, now)
    }

    #[test]
    fn each_kind_has_its_turn_and_one_at_a_time() {
        let now = Instant::now();
        let mut comparison = Comparison::new(INTERVALS, now);
        assert_eq!(comparison.due(now), None);
        assert_eq!(comparison.due(now + INTERVALS.count), Some(Kind::Count));
        assert_eq!(comparison.due(now + INTERVALS.count), None);
        assert_eq!(comparison.due(now + INTERVALS.txids), Some(Kind::Txids));
        assert_eq!(comparison.due(now + INTERVALS.txids), Some(Kind::Count));
        let mut busy = count(1, now);
        assert_eq!(busy.due(now + INTERVALS.txids), None);
    }

    #[test]
    fn a_count_that_comes_to_agree_is_right() {
        let now = Instant::now();
        let mut comparison = count(3, now);
        let mut tracker = with(&[1, 2]);
        tracker.watch_count();
        assert_eq!(comparison.verdict(&mut tracker, now), None);
        for number in [3, 4] {
            tracker.sequence(SequenceEvent::Added(txid(number), 0), 1, &mut Gate::StandIn);
        }
        let verdict = comparison.verdict(&mut tracker, now);
        assert_eq!(
            verdict,
            Some((Kind::Count, Ok(()))),
            "3 was passed on the way"
        );
    }

    #[test]
    fn a_count_that_was_right_between_two_looks_is_right() {
        let now = Instant::now();
        let mut comparison = count(4, now);
        let mut tracker = with(&[1, 2]);
        tracker.watch_count();
        for number in [3, 4] {
            tracker.sequence(SequenceEvent::Added(txid(number), 0), 1, &mut Gate::StandIn);
        }
        for number in 1..=4 {
            tracker.sequence(
                SequenceEvent::Removed(txid(number), 0),
                1,
                &mut Gate::StandIn,
            );
        }
        assert_eq!(
            comparison.verdict(&mut tracker, now),
            Some((Kind::Count, Ok(())))
        );
    }

    #[test]
    fn a_count_that_stays_away_is_wrong_after_a_while() {
        let now = Instant::now();
        let mut comparison = count(3, now);
        let mut tracker = with(&[1, 2]);
        tracker.watch_count();
        assert_eq!(comparison.verdict(&mut tracker, now), None);
        let (_, verdict) = comparison.verdict(&mut tracker, now + SETTLE).unwrap();
        let difference = verdict.unwrap_err();
        assert_eq!(difference, "3 transactions in its mempool, 2 here");
        assert!(comparison.open.is_none());
    }

    #[test]
    fn a_missed_block_shows_by_the_tip() {
        let now = Instant::now();
        let tip = BlockHash::from_byte_array([9; 32]);
        let answer = Answer::Count {
            theirs: 0,
            tip: Some(tip),
        };
        let mut comparison = open(answer, now);
        let mut tracker = with(&[]);
        let block = crate::tracker::FetchedBlock {
            hash: BlockHash::from_byte_array([8; 32]),
            height: Some(7),
            time_ms: 1,
            transactions: Vec::new(),
        };
        tracker.fetched_block(block.clone(), 1);
        assert_eq!(comparison.verdict(&mut tracker, now), None);
        let next = crate::tracker::FetchedBlock { hash: tip, ..block };
        tracker.fetched_block(next, 1);
        assert_eq!(
            comparison.verdict(&mut tracker, now),
            Some((Kind::Count, Ok(())))
        );
    }

    #[test]
    fn txids_must_be_the_same_but_for_what_has_moved() {
        let now = Instant::now();
        let mut tracker = with(&[1, 2, 3]);
        tracker.watch_moves();
        tracker.sequence(SequenceEvent::Removed(txid(3), 5), 2, &mut Gate::StandIn);
        tracker.sequence(SequenceEvent::Added(txid(4), 6), 2, &mut Gate::StandIn);
        let same = Answer::Txids([1, 2, 3].map(txid).to_vec());
        let mut comparison = open(same, now);
        assert_eq!(comparison.verdict(&mut tracker, now), None);
        let verdict = comparison.verdict(&mut tracker, now + SETTLE);
        assert_eq!(verdict, Some((Kind::Txids, Ok(()))));

        let swapped = Answer::Txids([1, 2, 9].map(txid).to_vec());
        let (_, verdict) = open(swapped, now)
            .verdict(&mut tracker, now + SETTLE)
            .unwrap();
        let difference = verdict.unwrap_err();
        assert!(difference.starts_with("1 of its mempool's"), "{difference}");
    }
}
