//! The node's answers, taken into the tracker and the link.

use std::time::Instant;

use bitcoin::{BlockHash, Txid};
use satscope_bitcoin::rpc::{IN_WARMUP, RpcError};
use satscope_kit::fault::Fault;
use tokio::task::JoinError;
use tracing::{debug, info, warn};

use super::Task;
use crate::{
    resync::{
        Answer,
        ask::{Moment, Question, Step},
        compare,
        reading::{Next, Outcome, Reading},
    },
    stamp::{Calm, Gate, Pace},
};

/// The kind of a reading's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The node is starting, and will answer.
    Starting,
    /// The node refuses to answer.
    Refused,
    /// The node did not answer.
    Silent,
}

impl Failure {
    fn of(error: &RpcError) -> Failure {
        match error {
            RpcError::Node {
                code: IN_WARMUP, ..
            } => Failure::Starting,
            RpcError::Unauthorized(_) | RpcError::Forbidden(_) => Failure::Refused,
            _ => Failure::Silent,
        }
    }
}

impl Task {
    /// Takes an answer.
    pub(super) fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Reading(number, question, step) if number == self.reading_number => {
                self.take_step(question, step);
            }
            Answer::Reading(..) => debug!("an answer to a reading that was given up"),
            Answer::Header(hash, header) => {
                let header = header.map(|header| (header.time * 1000, header.height));
                self.take_header(hash, header);
            }
            Answer::Block(hash, Ok(block)) => {
                debug!("block {hash} has been read");
                self.tracker.awaited_block(block, self.now_ms());
            }
            Answer::Block(hash, Err(error)) => {
                warn!("block {hash}: {error}");
                self.metrics.unread_block();
                self.miss();
            }
            Answer::Entered(txids, Ok(entered)) => self.take_entry_times(&txids, &entered),
            Answer::Entered(txids, Err(error)) => {
                warn!("entry times: {}", self.asker.fault(&error).operator);
                self.is_asking = false;
                txids.iter().for_each(|txid| self.tracker.ask_if_open(txid));
                self.miss();
            }
            Answer::Count(counted) => {
                let answer = counted.map(|(theirs, tip)| compare::Answer::Count {
                    theirs,
                    tip: Some(tip),
                });
                self.take_comparison(answer);
            }
            Answer::Txids(txids) => self.take_comparison(txids.map(compare::Answer::Txids)),
            Answer::Loaded(Ok(true)) if matches!(self.gate, Gate::Loading) => {
                info!("the node has loaded its mempool.dat");
                self.miss();
            }
            Answer::Loaded(outcome) => debug!("whether the mempool is loaded: {outcome:?}"),
            Answer::Published(published) => {
                let listing = published.map_err(|error| self.asker.fault(&error));
                self.source.take_listing(listing);
                self.tracker.set_ordered(self.source.is_ordered());
            }
            Answer::Failed(error) => self.take_failure(&error),
        }
        self.flush();
    }

    /// Begins to read the node. A stand-in is read once it has said the time, except by a poll.
    pub(super) fn begin_reading(&mut self, is_poll: bool) {
        let is_standin = self.source.clock.is_standin();
        let can_stamp = self.source.clock.stamp(Instant::now()).is_some();
        if !can_stamp && !is_poll {
            return;
        }
        self.reading_number += 1;
        self.is_poll = is_poll;
        let (reading, question) = Reading::begin(self.now_ms(), is_standin);
        self.show_progress(&reading);
        self.reading = Some(reading);
        self.asker.reading(self.reading_number, question);
    }

    /// Drops the reading, because a connection began or ended, and takes in the messages that waited for it.
    pub(super) fn abandon_reading(&mut self) {
        self.reading = None;
        self.reading_number += 1;
        self.take_held();
    }

    fn show_progress(&mut self, reading: &Reading) {
        if !self.is_poll {
            self.source.link.reading(Fault::plain(reading.progress()));
        }
    }

    fn take_step(&mut self, question: Question, step: Result<Step, RpcError>) {
        let Some(mut reading) = self.reading.take() else {
            return;
        };
        let step = match step {
            Ok(step) => step,
            // The answers so far are kept, and the question is asked again until the reading is overdue.
            Err(error) if error.is_passing() && !self.is_poll => {
                let fault = self.asker.fault(&error);
                let again = |why: &str| format!("{}; asking again: {why}", reading.progress());
                let progress = Fault::new(again(&fault.public), again(&fault.operator));
                self.source.link.reading(progress);
                self.asker.reading(self.reading_number, question);
                self.reading = Some(reading);
                return;
            }
            Err(error) => {
                self.reading = Some(reading);
                return self.fail_reading(self.asker.fault(&error), Failure::of(&error));
            }
        };
        let answered_ms = match &step {
            Step::Moment(moment) => self.take_moment(moment),
            _ => 0,
        };
        let mut next = reading.take(step, answered_ms, &self.node_clock, &mut self.tracker);
        while matches!(next, Next::GoOn) {
            self.flush();
            next = reading.go_on(&mut self.tracker);
        }
        self.show_progress(&reading);
        match next {
            Next::Ask(question) => {
                self.asker.reading(self.reading_number, question);
                self.reading = Some(reading);
            }
            Next::Done(outcome) => self.end_reading(&reading, outcome),
            Next::GoOn => {}
        }
    }

    /// The time of the answer by the clock of the node's entry times, Unix milliseconds.
    fn take_moment(&mut self, moment: &Moment) -> u64 {
        self.metrics.chain(&moment.info.chain);
        let Some(standin_ms) = moment.standin_ms else {
            return self.now_ms();
        };
        if self.is_poll {
            self.source.clock.go_to(standin_ms);
        }
        let (receipts, newest_ms) = self.held_receipts();
        self.tracker.stamp(&receipts, u64::MAX);
        standin_ms.max(newest_ms)
    }

    fn end_reading(&mut self, reading: &Reading, outcome: Outcome) {
        let now = Instant::now();
        match outcome {
            Outcome::Downloading(share) => {
                if self.is_poll {
                    self.source.link.polled(false, reading.began(), now);
                }
                self.source.link.downloading(share, now);
                self.set_gate(Gate::Downloading);
                self.take_held();
            }
            Outcome::InStep { .. } if self.is_poll => {
                self.metrics.polled(true);
                self.source.link.polled(true, reading.began(), now);
                self.take_held();
            }
            Outcome::InStep { fence, is_loaded } => {
                self.metrics.resync(true);
                self.last_failure = None;
                self.comparison.postpone(now);
                self.source.link.in_step(is_loaded, now);
                // Transactions that were received during the reading are stamped with their entry times.
                self.set_gate(Gate::Loading);
                self.take_held();
                if is_loaded && matches!(self.gate, Gate::Loading) {
                    self.set_gate(Gate::InStep(Pace::since(fence, self.now_ms())));
                }
                info!(
                    mempool = self.tracker.mempool_len(),
                    active = self.store.active(),
                    "in step with the node"
                );
            }
        }
        self.beat();
    }

    /// Ends a reading that has failed. If the node refuses or does not answer, its transactions are judged by their pace,
    /// as without RPC.
    pub(super) fn fail_reading(&mut self, why: Fault, failure: Failure) {
        let Some(reading) = self.reading.take() else {
            return;
        };
        self.reading_number += 1;
        let now = Instant::now();
        if self.is_poll {
            debug!("cannot poll the node: {}", why.operator);
            self.metrics.polled(false);
            self.source.link.polled(false, reading.began(), now);
            if failure == Failure::Refused {
                self.source.link.refused(now);
            }
        } else {
            self.metrics.resync(false);
            let last = self.last_failure.replace(why.clone());
            let is_refused = failure == Failure::Refused;
            self.source.link.failed(why, is_refused, now, last.as_ref());
            if failure != Failure::Starting && matches!(self.gate, Gate::Behind) {
                self.set_gate(Gate::Alone(Calm::default()));
            }
        }
        self.comparison.postpone(now);
        self.take_held();
        self.flush();
    }

    /// Takes the messages that waited while the node was being read.
    fn take_held(&mut self) {
        let mut taken = 0;
        while self.reading.is_none()
            && let Some(held) = self.held.pop_front()
        {
            self.receive(held);
            taken += 1;
            if taken % crate::AT_ONCE == 0 {
                self.flush();
            }
        }
    }

    fn take_header(&mut self, hash: BlockHash, header: Result<(u64, u32), RpcError>) {
        let now_ms = self.now_ms();
        match header {
            Ok((time_ms, height)) => self.tracker.dated(hash, time_ms, Some(height), now_ms),
            Err(error) => {
                warn!("the header of block {hash}: {error}");
                self.metrics.unread_block();
                self.miss();
            }
        }
    }

    fn take_entry_times(&mut self, txids: &[Txid], entered: &[Option<u64>]) {
        self.is_asking = false;
        let now_ms = self.now_ms();
        let mut differs = None;
        for (txid, entered_ms) in txids.iter().zip(entered) {
            if let (Some(received_ms), Some(entered_ms)) =
                (self.tracker.live_sample(txid), entered_ms)
            {
                differs = self
                    .node_clock
                    .observe(received_ms, *entered_ms)
                    .or(differs);
            }
        }
        let ours = |entered_ms: &Option<u64>| entered_ms.map(|ms| self.node_clock.ours(ms));
        let entered: Vec<(Txid, Option<u64>)> = txids
            .iter()
            .copied()
            .zip(entered.iter().map(ours))
            .collect();
        self.tracker.entered(&entered, now_ms);
        if let Some(shift) = differs {
            self.node_clock_differs(shift);
        }
        self.ask_entry_times();
    }

    /// A question's task has failed: it is not known which question it was, so the node is read again.
    fn take_failure(&mut self, error: &JoinError) {
        warn!("asking the node: {error}");
        self.is_asking = false;
        self.comparison.answered(None, Instant::now());
        let why = Fault::new(
            "asking the node failed",
            format!("asking the node failed here: {error}"),
        );
        self.fail_reading(why, Failure::Starting);
        self.miss();
    }

    fn take_comparison(&mut self, answer: Result<compare::Answer, RpcError>) {
        let failure = answer.as_ref().err().map(|error| self.asker.fault(error));
        self.source.link.compared(failure);
        self.comparison.answered(answer.ok(), Instant::now());
    }

    /// Compares the picture with the node's mempool when that is due, and acts on the verdict once there is one.
    pub(super) fn compare(&mut self, now: Instant) {
        match self.comparison.ask(&mut self.tracker, now) {
            Some(compare::Kind::Count) => self.asker.count(),
            Some(compare::Kind::Txids) => self.asker.txids(),
            None => {}
        }
        let Some((kind, verdict)) = self.comparison.verdict(&mut self.tracker, now) else {
            return;
        };
        self.metrics.compared(kind.label(), verdict.is_ok());
        match verdict {
            Ok(()) => debug!("as the node has it: {}", kind.label()),
            Err(difference) => {
                warn!("not as the node has it: {difference}; reading it again");
                self.tracker.lost_messages(true, self.now_ms());
                self.miss();
            }
        }
    }

    /// Records that something was missed, so that the node is read again.
    fn miss(&mut self) {
        self.source.link.missed_something();
        self.fall_behind();
    }

    fn now_ms(&self) -> u64 {
        self.source.clock.newest().unwrap_or(0)
    }
}
