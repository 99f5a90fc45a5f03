//! All of ingest's metrics: counts of transactions and messages, for the stream and for Prometheus.

use std::time::Instant;

use metrics::Counter;
use satscope_bitcoin::frame::{FrameError, Topic};
use satscope_kit::{logging::LogLimiter, named_metrics};
use satscope_log::{Counters, Event, Hop, NodeStatus, RemovalReason, Simulation};
use smallvec::SmallVec;
use tracing::warn;

use crate::tracker::FirstSight;

named_metrics! {
    Counter TRANSACTIONS = "satscope_ingest_transactions_total",
        "Distinct transactions met since the start, those read back at the start included, by what the filter said and why.";
    Counter REMOVED = "satscope_ingest_removed_total",
        "Accepted transactions that left the mempool unconfirmed, or a window that was full, by reason.";
    Counter BLOCKS = "satscope_ingest_blocks_total", "Blocks connected and disconnected.";
    Counter MALFORMED = "satscope_ingest_malformed_total",
        "Messages that could not be read, by reason.";
    Counter ZMQ_GAPS = "satscope_ingest_zmq_gaps_total",
        "Times that a topic's counter showed lost messages.";
    Counter UNREAD_BLOCKS = "satscope_ingest_unread_blocks_total",
        "Blocks whose transactions could not be learned.";
    Counter RESYNCS = "satscope_ingest_resyncs_total",
        "Times that the node was asked for what was missed, by outcome.";
    Counter CLOCK_STEPS = "satscope_ingest_clock_steps_total",
        "Times that the system clock was set by over 2 s, by direction.";
    Counter ENTRY_TIMES_ASKED = "satscope_ingest_entry_times_asked_total",
        "Transactions whose entry time was asked of the node because their receipt may not be their stamp.";
    Gauge JOURNAL_BYTES = "satscope_ingest_journal_bytes", "Size of the journal of what was seen.";
    Counter JOURNAL_FAILURES = "satscope_ingest_journal_failures_total",
        "Times that the journal, or a new file for it, could not be written.";
    Gauge JOURNAL_WRITTEN = "satscope_ingest_journal_written",
        "1 while each change is written to the journal, else 0: a restart then loses stamps.";
    Counter POLLS = "satscope_ingest_polls_total",
        "Times that the node was read over RPC while its ZMQ was away, by outcome.";
    Counter COMPARISONS = "satscope_ingest_comparisons_total",
        "Times that the mempool was compared with the node's, by what was compared and outcome.";
    Gauge MEMPOOL_TRANSACTIONS = "satscope_ingest_mempool_transactions",
        "Transactions in the node's mempool.";
    Gauge WINDOW_TRANSACTIONS = "satscope_ingest_window_transactions",
        "Accepted transactions of the last three hours.";
    Gauge QUEUE_MESSAGES = "satscope_ingest_queue_messages",
        "Messages waiting between ZMQ and the tracker.";
    Gauge SUBSCRIBERS = "satscope_ingest_subscribers", "Streams of transactions being served.";
}

/// The counts since the start.
#[derive(Debug)]
pub struct Metrics {
    started: Instant,
    counters: Counters,
    /// The counters of first sights: one for each outcome that has occurred.
    sights: Vec<(FirstSight, Counter)>,
    chain: String,
    limiter: LogLimiter,
}

impl Metrics {
    /// Registers all metrics, with counters at 0.
    pub fn start() -> Metrics {
        describe();
        begin_at_zero();
        Metrics {
            started: Instant::now(),
            counters: Counters::default(),
            sights: Vec::new(),
            chain: String::new(),
            limiter: LogLimiter::default(),
        }
    }

    /// Counts transactions first seen. A batch of them is added up first, since a counter takes longer to find than to count.
    pub fn first_seen(&mut self, sights: &[FirstSight]) {
        let mut counts = SmallVec::<[(FirstSight, u64); 4]>::new();
        for sight in sights {
            match counts.iter_mut().find(|(counted, _)| counted == sight) {
                Some((_, count)) => *count += 1,
                None => counts.push((*sight, 1)),
            }
        }
        for (sight, count) in counts {
            self.counters.received += count;
            self.counters.filtered += u64::from(sight != FirstSight::Accepted) * count;
            self.sight(sight).increment(count);
        }
    }

    /// The counter of a sight, which is made once.
    fn sight(&mut self, sight: FirstSight) -> &Counter {
        let known = self.sights.iter().position(|(known, _)| *known == sight);
        let at = known.unwrap_or_else(|| {
            let (outcome, reason) = match sight {
                FirstSight::Accepted => ("accepted", ""),
                FirstSight::Filtered(Some(reason)) => ("filtered", reason.as_str()),
                FirstSight::Filtered(None) => ("filtered", "restored"),
                FirstSight::BeforeWindow => ("filtered", "before_window"),
            };
            let counter = TRANSACTIONS.of(&[("outcome", outcome), ("reason", reason)]);
            self.sights.push((sight, counter));
            self.sights.len() - 1
        });
        &self.sights[at].1
    }

    /// Counts accepted transactions that left before their stamps were known, by reason.
    pub fn left_unpublished(&self, reasons: &[RemovalReason]) {
        for reason in reasons {
            REMOVED.of(&[("reason", reason.as_str())]).increment(1);
        }
    }

    /// Counts events that are about to be written.
    pub fn happened(&self, events: &[(u64, Event)]) {
        for (_, event) in events {
            match event {
                Event::Removed(_, reason) => {
                    REMOVED.of(&[("reason", reason.as_str())]).increment(1);
                }
                Event::BlockConnected(..) => {
                    BLOCKS.of(&[("change", "connected")]).increment(1);
                }
                Event::BlockDisconnected(..) => {
                    BLOCKS.of(&[("change", "disconnected")]).increment(1);
                }
                Event::Accepted(..) | Event::Status(_) => {}
            }
        }
    }

    /// Counts a message that cannot be read, and logs it at most once a second for its reason.
    pub fn malformed(&mut self, error: &FrameError) {
        let reason = error.label();
        MALFORMED.of(&[("reason", reason)]).increment(1);
        if let Some(held_back) = self.limiter.pass(reason, Instant::now()) {
            warn!(reason, held_back, "left out a message: {error}");
        }
    }

    /// Counts a message from a stand-in that has not yet said the time, and logs it at most once a second.
    pub fn before_clock(&mut self) {
        let reason = "no_clock";
        MALFORMED.of(&[("reason", reason)]).increment(1);
        if let Some(held_back) = self.limiter.pass(reason, Instant::now()) {
            warn!(
                reason,
                held_back, "left out a message: the stand-in has not said the time; is it one?"
            );
        }
    }

    /// Logs that `count` of the oldest transactions are dropped, because the window has no room for more.
    pub fn window_full(&mut self, count: usize) {
        if let Some(held_back) = self.limiter.pass("window_full", Instant::now()) {
            warn!(
                count,
                held_back,
                "the window is larger than window_bytes allows; its oldest transactions are let go"
            );
        }
    }

    /// Counts a loss of messages of a topic.
    pub fn gap(&self, topic: Topic) {
        ZMQ_GAPS.of(&[("topic", topic.name())]).increment(1);
    }

    /// Counts a step of the system clock by `step_ms`.
    pub fn clock_step(&self, step_ms: i64) {
        let direction = if step_ms < 0 { "back" } else { "forward" };
        CLOCK_STEPS.of(&[("direction", direction)]).increment(1);
    }

    /// Counts the transactions whose entry times were asked for because their stamps depend on them.
    pub fn asked(&self, transactions: usize) {
        ENTRY_TIMES_ASKED.get().increment(transactions as u64);
    }

    /// Counts a block whose transactions could not be learned.
    pub fn unread_block(&self) {
        UNREAD_BLOCKS.get().increment(1);
    }

    /// Counts a resync that has ended.
    pub fn resync(&self, succeeded: bool) {
        let outcome = if succeeded { "succeeded" } else { "failed" };
        RESYNCS.of(&[("outcome", outcome)]).increment(1);
    }

    /// Counts a poll: a reading of the node while its ZMQ was away.
    pub fn polled(&self, succeeded: bool) {
        let outcome = if succeeded { "succeeded" } else { "failed" };
        POLLS.of(&[("outcome", outcome)]).increment(1);
    }

    /// Counts a comparison of the picture with the node's.
    pub fn compared(&self, what: &'static str, is_equal: bool) {
        let outcome = if is_equal { "equal" } else { "different" };
        COMPARISONS
            .of(&[("what", what), ("outcome", outcome)])
            .increment(1);
    }

    /// Sets the number of messages that wait.
    pub fn queue(&self, messages: usize) {
        QUEUE_MESSAGES.get().set(messages as f64);
    }

    /// Notes the chain that the node is on, and warns if it is new and not main.
    pub fn chain(&mut self, chain: &str) {
        if self.chain != chain && chain != "main" {
            warn!("the node is on the chain {chain:?}, not on main");
        }
        chain.clone_into(&mut self.chain);
    }

    /// Sets the number of transactions in the window.
    pub fn active(&self, active: usize) {
        WINDOW_TRANSACTIONS.get().set(active as f64);
    }

    /// The status at this beat.
    pub fn status(
        &mut self,
        mempool: usize,
        hops: Vec<Hop>,
        simulation: Option<Simulation>,
    ) -> NodeStatus {
        self.counters.mempool = mempool as u64;
        self.counters.uptime_ms = (self.started.elapsed().as_millis() as u64).max(1);
        MEMPOOL_TRANSACTIONS.get().set(mempool as f64);
        NodeStatus {
            hops,
            counters: self.counters,
            chain: self.chain.clone(),
            simulation,
        }
    }
}

/// Registers metrics at zero so that they appear before their first event.
fn begin_at_zero() {
    SUBSCRIBERS.get().set(0);
    for topic in [Topic::RawTx, Topic::Sequence] {
        ZMQ_GAPS.of(&[("topic", topic.name())]).increment(0);
    }
    for reason in RemovalReason::ALL {
        REMOVED.of(&[("reason", reason.as_str())]).increment(0);
    }
    for outcome in ["succeeded", "failed"] {
        RESYNCS.of(&[("outcome", outcome)]).increment(0);
    }
    for change in ["connected", "disconnected"] {
        BLOCKS.of(&[("change", change)]).increment(0);
    }
    UNREAD_BLOCKS.get().increment(0);
    ENTRY_TIMES_ASKED.get().increment(0);
    for direction in ["back", "forward"] {
        CLOCK_STEPS.of(&[("direction", direction)]).increment(0);
    }
}

/// Registers the count of the journal's failures at zero.
pub fn journal_begins() {
    JOURNAL_FAILURES.get().increment(0);
}

/// Notes that the journal is written, and has this length in bytes.
pub fn journal_written(bytes: u64) {
    JOURNAL_WRITTEN.get().set(1);
    JOURNAL_BYTES.get().set(bytes as f64);
}

/// Notes that the journal is not written.
pub fn journal_lost() {
    JOURNAL_WRITTEN.get().set(0);
}

/// Counts a failure to write the journal, or a new file for it.
pub fn journal_failed() {
    JOURNAL_FAILURES.get().increment(1);
}

/// Counts a subscriber that came.
pub fn subscribed() {
    SUBSCRIBERS.get().increment(1.0);
}

/// Counts a subscriber that left.
pub fn unsubscribed() {
    SUBSCRIBERS.get().decrement(1.0);
}
