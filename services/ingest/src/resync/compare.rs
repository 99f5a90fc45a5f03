//! Comparing the picture with the node's: a loss that no counter shows, such as that of the last message, shows here.
//!
//! The count of the mempool and the tip are compared each minute, the mempool's txids every ten minutes. While the
//! node answers, messages are under way; so the picture is right if it has been, or comes to be, as the answer says.

use std::time::{Duration, Instant};

use bitcoin::{BlockHash, Txid};

use crate::tracker::Tracker;

/// How long messages that were under way may take to arrive.
const SETTLE: Duration = Duration::from_secs(2);

/// How often the picture is compared.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// The mempool's count, and the tip.
    pub count: Duration,
    /// The mempool's txids.
    pub txids: Duration,
}

/// Which comparison is next, and what is known of the one under way.
#[derive(Debug)]
pub struct Comparison {
    intervals: Intervals,
    next_count: Instant,
    next_txids: Instant,
    /// It has been asked for, and the answer has not come.
    is_asked: bool,
    open: Option<Open>,
}

/// One that has its answer, until the picture agrees or the time is over.
#[derive(Debug)]
struct Open {
    answer: Answer,
    until: Instant,
}

/// What the node said of its mempool.
#[derive(Debug)]
pub enum Answer {
    /// To [`Kind::Count`].
    Count {
        /// Transactions in its mempool.
        theirs: usize,
        /// The node's tip; `None` once it has been the one here.
        tip: Option<BlockHash>,
    },
    /// To [`Kind::Txids`].
    Txids(Vec<Txid>),
}

/// What is compared.
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
    /// The first of each kind comes after its interval.
    pub fn new(intervals: Intervals, now: Instant) -> Comparison {
        Comparison {
            intervals,
            next_count: now + intervals.count,
            next_txids: now + intervals.txids,
            is_asked: false,
            open: None,
        }
    }

    /// After a resync there is nothing to compare for a while.
    pub fn postpone(&mut self, now: Instant) {
        *self = Comparison::new(self.intervals, now);
    }

    /// What to ask the node now, if it is time; [`Comparison::answered`] takes the answer.
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
        // After a reading, what was asked before it is of no use.
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

    /// What differs, once that is certain.
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

/// Whether the mempool here is the one listed, but for what has moved since.
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
        count: Duration::from_secs(60),
        txids: Duration::from_secs(600),
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
