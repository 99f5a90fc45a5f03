//! Reading the node's mempool and chain, step by step, until the picture here equals them.
//!
//! A reading asks one question at a time and takes each answer into the tracker. It waits for nothing itself, so that a
//! dead link, the heartbeat and other questions are served meanwhile. Messages that arrive wait until it is done.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bitcoin::{BlockHash, Txid};
use satscope_bitcoin::rpc::{BlockHeader, MempoolEntry};
use satscope_kit::fault::Fault;
use tracing::{info, warn};

use super::ask::{BATCH, Branch, EntryTime, Moment, Question, Step};
use crate::{
    stamp::NodeClock,
    tracker::{Tracker, is_in_window},
};

/// A reading that takes longer is given up: a node that answers so slowly may have hung.
const LONGEST: Duration = Duration::from_mins(10);
/// The most transactions that are stamped or placed at a time, before the changes are written down. Each change has a record in
/// the journal, and the records of a large mempool together would be larger than the mempool.
const STEP: usize = 10_000;

/// The most weight of a batch of transactions. Their hex digits are at most twice as many bytes.
const BATCH_WEIGHT: u32 = 16_000_000;

/// One reading of the node.
#[derive(Debug)]
pub struct Reading {
    began: Instant,
    stage: Stage,
    /// The clock when it began, or when the node answered its first question if that is later, Unix milliseconds.
    now_ms: u64,
    /// The mempool as the node listed it.
    listing: Vec<Txid>,
    /// The latest stamp that a listed transaction may get, Unix milliseconds.
    bound_ms: u64,
    fence: u64,
    is_loaded: bool,
    prune_height: Option<u32>,
    /// The weights of the transactions whose entry times have come.
    weights: HashMap<Txid, u32>,
}

/// The answer that a reading waits for, or the work that it does.
#[derive(Debug)]
enum Stage {
    Moment,
    /// The blocks that were known when it was asked.
    Branch(Vec<BlockHash>),
    Blocks {
        left: VecDeque<BlockHeader>,
        of: usize,
    },
    EntryTimes {
        missing: Vec<Txid>,
        entered: Vec<(Txid, u64)>,
        at: usize,
    },
    Stamping {
        entered: Vec<(Txid, u64)>,
        at: usize,
    },
    Contents {
        wanted: Vec<Txid>,
        at: usize,
    },
    Placing {
        at: usize,
    },
}

/// The next step of a reading.
#[derive(Debug)]
pub enum Next {
    /// The node must be asked.
    Ask(Question),
    /// [`Reading::go_on`] is to be called once the changes so far have been published.
    GoOn,
    /// The reading is done.
    Done(Outcome),
}

/// How a reading ended.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// The picture equals the node's.
    InStep {
        /// The number that the next `A` or `R` has after the node's listing.
        fence: u64,
        /// The node is not loading its mempool.dat any more.
        is_loaded: bool,
    },
    /// The node is in its initial download, and this much of it is done: 0 to 1.
    Downloading(f64),
}

impl Reading {
    /// A reading that begins at `now_ms`, Unix milliseconds, and its first question.
    pub fn begin(now_ms: u64, is_standin: bool) -> (Reading, Question) {
        let reading = Reading {
            began: Instant::now(),
            stage: Stage::Moment,
            now_ms,
            listing: Vec::new(),
            bound_ms: now_ms,
            fence: 0,
            is_loaded: true,
            prune_height: None,
            weights: HashMap::new(),
        };
        (reading, Question::Moment { is_standin })
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Why it must be given up at `now`, if it must.
    pub fn overdue(&self, now: Instant) -> Option<Fault> {
        (self.began + LONGEST <= now)
            .then(|| Fault::plain(format!("the node did not tell all within {LONGEST:?}")))
    }

    /// The progress of the reading, in words.
    pub fn progress(&self) -> String {
        match &self.stage {
            Stage::Moment | Stage::Branch(_) => "reading the node's mempool".to_owned(),
            Stage::Blocks { left, of } => format!("{} of {of} blocks", of - left.len()),
            Stage::EntryTimes { missing, at, .. } => {
                format!("{at} of {} entry times", missing.len())
            }
            Stage::Contents { wanted, at } => format!("{at} of {} transactions", wanted.len()),
            Stage::Stamping { entered, at } => format!("{at} of {} stamps", entered.len()),
            Stage::Placing { at } => format!("{at} of {} transactions placed", self.listing.len()),
        }
    }

    /// Takes an answer. `answered_ms` is the time of the answer by the clock of the entry times, Unix milliseconds.
    pub fn take(
        &mut self,
        step: Step,
        answered_ms: u64,
        clock: &NodeClock,
        tracker: &mut Tracker,
    ) -> Next {
        match step {
            Step::Moment(moment) => self.take_moment(moment, answered_ms, tracker),
            Step::Branch(branch) => self.take_branch(branch, tracker),
            Step::Block(block) => {
                if let Some(block) = block {
                    tracker.fetched_block(block, self.now_ms);
                }
                self.next_block(tracker)
            }
            Step::EntryTimes(entries) => {
                if let Stage::EntryTimes { entered, .. } = &mut self.stage {
                    let ours = |entry: &EntryTime| (entry.txid, clock.ours(entry.entered_ms));
                    entered.extend(entries.iter().map(ours));
                }
                let weights = entries.iter().map(|entry| (entry.txid, entry.weight));
                self.weights.extend(weights);
                self.next_entry_times()
            }
            Step::Contents(transactions) => {
                for transaction in &transactions {
                    tracker.fetched_transaction(transaction, self.now_ms);
                }
                self.next_contents()
            }
        }
    }

    /// Does the next piece of work that needs no answer.
    pub fn go_on(&mut self, tracker: &mut Tracker) -> Next {
        match std::mem::replace(&mut self.stage, Stage::Moment) {
            Stage::Stamping { entered, at } => self.stamp_some(entered, at, tracker),
            Stage::Placing { at } => self.place_some(at, tracker),
            waiting => {
                self.stage = waiting;
                Next::GoOn
            }
        }
    }

    fn take_moment(&mut self, moment: Moment, answered_ms: u64, tracker: &Tracker) -> Next {
        if moment.info.initial_block_download {
            return Next::Done(Outcome::Downloading(moment.info.verification_progress));
        }
        self.listing = moment.listing.txids;
        self.fence = moment.listing.mempool_sequence;
        self.is_loaded = moment.is_loaded;
        self.prune_height = moment.info.prune_height;
        self.now_ms = self.now_ms.max(answered_ms);
        self.bound_ms = self.now_ms;
        let known = tracker.known_blocks();
        self.stage = Stage::Branch(known.clone());
        Next::Ask(Question::Branch {
            tip: moment.info.best_block_hash,
            known,
            now_ms: self.now_ms,
        })
    }

    fn take_branch(&mut self, branch: Branch, tracker: &mut Tracker) -> Next {
        match branch.abandoned {
            Some(mut abandoned) => {
                // A block that became known since the question, or is in doubt, is in the node's chain only if it is among the
                // missing ones.
                let asked = match &self.stage {
                    Stage::Branch(known) => known.as_slice(),
                    _ => &[],
                };
                let is_missing = |hash: &BlockHash| {
                    let mut missing = branch.missing.iter();
                    missing.any(|header| header.hash == *hash)
                };
                let known = tracker.known_blocks().into_iter();
                let since = known.filter(|hash| !asked.contains(hash));
                let unsure = since.chain(tracker.doubted_block());
                abandoned.extend(unsure.filter(|hash| !is_missing(hash)));
                tracker.abandon(&abandoned, self.now_ms);
            }
            None => {
                warn!("what was known is of another chain, and is given up");
                tracker.give_up(self.now_ms);
            }
        }
        self.stage = Stage::Blocks {
            of: branch.missing.len(),
            left: branch.missing.into(),
        };
        self.next_block(tracker)
    }

    fn next_block(&mut self, tracker: &mut Tracker) -> Next {
        if let Stage::Blocks { left, .. } = &mut self.stage
            && let Some(header) = left.pop_front()
        {
            return Next::Ask(Question::Block(header, self.prune_height));
        }
        self.stage = Stage::EntryTimes {
            missing: tracker.missing(&self.listing, self.bound_ms),
            entered: Vec::new(),
            at: 0,
        };
        self.next_entry_times()
    }

    /// Asks for the next entry times. All stamps come before the contents, which come oldest first, because a child must know
    /// its parent's stamp.
    fn next_entry_times(&mut self) -> Next {
        let Stage::EntryTimes {
            missing,
            entered,
            at,
        } = &mut self.stage
        else {
            return Next::GoOn;
        };
        let batch: Vec<Txid> = missing[*at..].iter().take(BATCH).copied().collect();
        *at += batch.len();
        if !batch.is_empty() {
            return Next::Ask(Question::EntryTimes(batch));
        }
        let mut entered = std::mem::take(entered);
        entered.sort_unstable_by_key(|&(txid, entered_ms)| (entered_ms, txid));
        self.stage = Stage::Stamping { entered, at: 0 };
        Next::GoOn
    }

    fn stamp_some(&mut self, entered: Vec<(Txid, u64)>, at: usize, tracker: &mut Tracker) -> Next {
        let end = entered.len().min(at + STEP);
        let batch = &entered[at..end];
        tracker.stamp(batch, self.bound_ms);
        for (txid, entered_ms) in batch {
            if !is_in_window(*entered_ms, self.now_ms) {
                tracker.pass_over(txid);
            }
        }
        if end < entered.len() {
            self.stage = Stage::Stamping { entered, at: end };
            return Next::GoOn;
        }
        let txids = entered.iter().map(|(txid, _)| txid);
        let is_wanted = |txid: &&Txid| tracker.wants_content(txid, self.now_ms);
        self.stage = Stage::Contents {
            wanted: txids.filter(is_wanted).copied().collect(),
            at: 0,
        };
        self.next_contents()
    }

    fn next_contents(&mut self) -> Next {
        let Stage::Contents { wanted, at } = &mut self.stage else {
            return Next::GoOn;
        };
        // The batch is limited by weight, because an answer is bounded in bytes.
        let mut room = BATCH_WEIGHT;
        let fits = |txid: &&Txid| {
            let weight = self.weights.get(*txid).copied();
            let weight = weight.unwrap_or(MempoolEntry::LARGEST_WEIGHT);
            room = room.saturating_sub(weight);
            room > 0
        };
        let left = &wanted[*at..];
        let count = left.iter().take(BATCH).take_while(fits).count().max(1);
        let batch: Vec<Txid> = left.iter().take(count).copied().collect();
        *at += batch.len();
        if !batch.is_empty() {
            return Next::Ask(Question::Contents(batch));
        }
        self.stage = Stage::Placing { at: 0 };
        Next::GoOn
    }

    fn place_some(&mut self, at: usize, tracker: &mut Tracker) -> Next {
        let end = self.listing.len().min(at + STEP);
        tracker.are_in_mempool(&self.listing[at..end], self.now_ms);
        if end < self.listing.len() {
            self.stage = Stage::Placing { at: end };
            return Next::GoOn;
        }
        tracker.settle(&self.listing, self.now_ms);
        info!(mempool = tracker.mempool_len(), "the node has been read");
        Next::Done(Outcome::InStep {
            fence: self.fence,
            is_loaded: self.is_loaded,
        })
    }
}
