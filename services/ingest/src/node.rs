//! The node's task: takes what the subscriber thread receives, keeps the tracker, and writes the log.

mod catch_up;
mod comparison;
mod link;
mod past;
mod poll;
mod report;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bitcoin::BlockHash;
use satscope_bitcoin::{
    counters::{Continuity, TopicCounters},
    frame::{Frame, FrameError, SequenceEvent, StandInLabels, Topic},
    rpc::Rpc,
    subscriber::Incoming,
};
use satscope_filter::Filter;
use satscope_log::Event;
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior},
};
use tracing::{info, warn};

use crate::{
    AT_ONCE,
    clock::Clock,
    diagnosis,
    journal::Journal,
    recording::{Known, Past, Recorder},
    resync,
    service::MempoolQuery,
    store::Store,
    tracker::{Outcome, Tracker},
};
use comparison::Comparison;
pub use comparison::Intervals;
pub use link::Link;
use report::Report;
pub use report::describe as describe_metrics;

/// The task's state.
pub struct Node {
    tracker: Tracker,
    store: Arc<Store>,
    rpc: Option<Rpc>,
    clock: Clock,
    link: Link,
    counters: TopicCounters,
    recorder: Recorder,
    /// What a recording tells; taken at the start.
    past: Option<Past>,
    /// What it told of, until messages come again.
    known: Option<Known>,
    report: Report,
    tick: Interval,
    comparison: Comparison,
    journal: Option<Journal>,
    /// Taken from the queue while the node was being asked; to be handled before what follows.
    held: VecDeque<Incoming>,
    /// What the log does not hold yet, each with its stamp.
    unpublished: Vec<(u64, Event)>,
}

impl Node {
    /// Knows nothing yet. `ordered` says whether `rawtx` and `sequence` share an endpoint; what comes is put into
    /// `recorder`, and what `past` tells comes first.
    pub fn new(
        store: Arc<Store>,
        rpc: Option<Rpc>,
        clock: Clock,
        link: Link,
        ordered: bool,
        intervals: Intervals,
        (recorder, past): (Recorder, Option<Past>),
    ) -> Node {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Node {
            tracker: Tracker::new(Filter::default(), ordered),
            store,
            rpc,
            clock,
            link,
            counters: TopicCounters::default(),
            recorder,
            past,
            known: None,
            report: Report::start(),
            tick,
            comparison: Comparison::new(intervals, Instant::now()),
            journal: None,
            held: VecDeque::new(),
            unpublished: Vec::new(),
        }
    }

    /// Works until the subscriber thread ends.
    pub async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        mut queries: mpsc::Receiver<MempoolQuery>,
    ) {
        if let Some(past) = self.past.take() {
            self.take_past(past).await;
        }
        let mut batch = Vec::with_capacity(AT_ONCE);
        loop {
            tokio::select! {
                taken = next_batch(&mut self.held, &mut incoming, &mut batch) => {
                    if taken == 0 {
                        self.flush();
                        return;
                    }
                    self.report.queue(self.held.len() + incoming.len());
                    for received in batch.drain(..) {
                        self.receive(received).await;
                    }
                    self.flush();
                }
                Some(query) = queries.recv() => {
                    if query.send(self.tracker.mempool().collect()).is_err() {
                        tracing::debug!("a ListMempool call ended before its answer");
                    }
                }
                _ = self.tick.tick() => self.beat(),
            }
            self.ask_node(&mut incoming).await;
        }
    }

    /// Whatever is to be asked now.
    async fn ask_node(&mut self, incoming: &mut mpsc::Receiver<Incoming>) {
        let Some(rpc) = self.rpc.clone() else {
            return;
        };
        if self.link.wants_resync(Instant::now()) {
            self.resync(&rpc, incoming).await;
        } else if self.link.is_in_step() {
            self.compare(&rpc).await;
        } else if self.link.wants_poll(Instant::now()) {
            self.poll(&rpc, incoming).await;
        }
        if self.link.wants_hint(Instant::now()) {
            let endpoint = self.link.endpoint().to_owned();
            let why = self.beating(diagnosis::why_silent(&rpc, &endpoint)).await;
            self.link.hint(why);
        }
    }

    async fn receive(&mut self, received: Incoming) {
        match received {
            Incoming::Up(endpoint) => {
                info!("connected to the node at {endpoint}");
                self.recorder.connected(self.clock.newest(), &endpoint);
                self.counters.clear();
                self.clock.connected();
                self.link.up(endpoint, self.rpc.is_some());
                self.end_gap_at_connection();
                self.beat();
            }
            Incoming::Down(endpoint) => {
                warn!("lost the node at {endpoint}; trying again");
                self.recorder.disconnected(self.clock.newest(), &endpoint);
                self.link.down(&endpoint);
                self.beat();
            }
            Incoming::Message(at_ms, message) => {
                if let Ok(frame) = &message {
                    self.record(at_ms, frame);
                }
                if let Err(error) = self.message(at_ms, message).await {
                    self.report.malformed(&error);
                }
            }
        }
    }

    async fn message(
        &mut self,
        at_ms: u64,
        message: Result<Frame, FrameError>,
    ) -> Result<(), FrameError> {
        let Frame {
            topic,
            body,
            counter,
        } = message?;
        self.check_continuity(topic, counter);
        if topic == Topic::StandIn {
            self.hear_stand_in(StandInLabels::decode(&body)?);
            return Ok(());
        }
        let Some(now_ms) = self.clock.stamp(at_ms) else {
            self.report.before_clock();
            return Ok(());
        };
        match topic {
            Topic::RawTx => {
                let event = self
                    .tracker
                    .transaction(&body, now_ms)
                    .map_err(|error| FrameError::Body("rawtx", error.to_string()))?;
                self.write(event, now_ms);
            }
            Topic::Sequence => {
                let outcome = self.tracker.sequence(SequenceEvent::decode(&body)?, now_ms);
                self.take(outcome, now_ms).await;
            }
            Topic::RawBlock | Topic::HashBlock | Topic::StandIn => {}
        }
        Ok(())
    }

    fn check_continuity(&mut self, topic: Topic, counter: u32) {
        match self.counters.take(topic, counter) {
            Continuity::Next => return,
            Continuity::Gap(lost) => {
                warn!(
                    "{lost} {} messages were lost before counter {counter}",
                    topic.name()
                );
                self.report.gap(topic);
            }
            Continuity::Restart => info!(
                "the node's {} counter started again at {counter}",
                topic.name()
            ),
        }
        self.tracker.lost_messages(self.rpc.is_some());
        self.link.missed_something(self.rpc.is_some());
    }

    /// A tick whenever a stand-in's clock enters a new second, so that the stream's own time is whole at any speed.
    fn hear_stand_in(&mut self, labels: StandInLabels) {
        let before = self.clock.newest();
        self.clock.hear(labels);
        if before.is_none_or(|before| before / 1000 != labels.time_ms() / 1000) {
            self.beat();
        }
    }

    async fn take(&mut self, outcome: Outcome, now_ms: u64) {
        self.write(outcome.events, now_ms);
        if let Some(hash) = outcome.unknown_block {
            self.fetch_block(hash, now_ms).await;
        }
    }

    /// Keeps events for the next [`Node::flush`].
    fn write(&mut self, events: impl IntoIterator<Item = Event>, now_ms: u64) {
        for event in events {
            self.unpublished.push((now_ms, event));
        }
    }

    /// Publishes what there is, and lets go of what the window has no room for.
    fn flush(&mut self) {
        self.publish();
        let beyond = self.store.beyond_room();
        if !beyond.is_empty() {
            self.report.window_full(beyond.len());
            let events = self.tracker.let_go(&beyond);
            self.write(events, self.clock.newest().unwrap_or(0));
            self.publish();
        }
    }

    /// Into the journal first, then to the subscribers: what they were told is not forgotten.
    fn publish(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.append(self.clock.newest().unwrap_or(0), self.tracker.changes());
        }
        self.tracker.written();
        self.report.first_seen(self.tracker.take_first_sights());
        self.report.happened(&self.unpublished);
        self.store.publish(self.unpublished.drain(..));
    }

    /// The heartbeat: settles what time settles and publishes the status. Its stamp is 0 before a stand-in's first
    /// word, when nothing has happened yet.
    fn beat(&mut self) {
        let now_ms = self.clock.newest().unwrap_or(0);
        let mut events = self.tracker.tick(now_ms);
        self.report.first_seen(self.tracker.take_first_sights());
        let status = self.report.status(
            self.tracker.mempool_len(),
            self.link.hops(),
            self.clock.simulation(),
        );
        events.push(Event::Status(Arc::new(status)));
        self.write(events, now_ms);
        self.flush();
        self.report.active(self.store.active());
        if let Some(journal) = &mut self.journal {
            journal.keep_short(now_ms, self.tracker.records());
        }
    }

    /// Waits for an answer of the node while the heartbeat goes on.
    async fn beating<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = self.tick.tick() => self.beat(),
            }
        }
    }

    async fn fetch_block(&mut self, hash: BlockHash, now_ms: u64) {
        let Some(rpc) = self.rpc.clone() else {
            warn!(
                "block {hash}: its transactions were not published together, and there is no RPC to ask"
            );
            self.report.unread_block();
            return;
        };
        match self.beating(resync::fetch_block(&rpc, hash)).await {
            Ok(block) => {
                let events = self.tracker.fetched_block(block, now_ms);
                self.write(events, now_ms);
            }
            Err(error) => {
                warn!("block {hash}: {error}");
                self.report.unread_block();
                self.link.missed_something(true);
            }
        }
    }
}

/// What was held back first, then what is in the queue; 0 when nothing can come any more.
async fn next_batch(
    held: &mut VecDeque<Incoming>,
    incoming: &mut mpsc::Receiver<Incoming>,
    batch: &mut Vec<Incoming>,
) -> usize {
    if held.is_empty() {
        return incoming.recv_many(batch, AT_ONCE).await;
    }
    batch.extend(held.drain(..held.len().min(AT_ONCE)));
    batch.len()
}
