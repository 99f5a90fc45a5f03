//! The node's task: takes what the subscriber thread receives, keeps the tracker, and writes the log.

mod link;
mod past;
mod report;

use std::{sync::Arc, time::Instant};

use bitcoin::BlockHash;
use satscope_bitcoin::{
    counters::{Continuity, TopicCounters},
    frame::{Frame, FrameError, SequenceEvent, StandInLabels, Topic},
    rpc::{Rpc, RpcError},
    subscriber::Incoming,
};
use satscope_filter::Filter;
use satscope_log::Event;
use tokio::{sync::mpsc, time::Interval};
use tracing::{info, warn};

use crate::{
    clock::Clock,
    diagnosis,
    recording::{Known, Past, Recorder},
    resync,
    service::MempoolQuery,
    store::Store,
    tracker::{NodeView, Outcome, Tracker},
};
pub use link::Link;
use report::Report;

/// Messages handled before the other events get their turn.
const AT_ONCE: usize = 256;

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
    /// Additions and removals below this number are in the picture already.
    covered: u64,
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
        (recorder, past): (Recorder, Option<Past>),
    ) -> Node {
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
            tick: tokio::time::interval(std::time::Duration::from_secs(1)),
            covered: 0,
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
                taken = incoming.recv_many(&mut batch, AT_ONCE) => {
                    if taken == 0 {
                        return;
                    }
                    metrics::gauge!("satscope_ingest_queue_messages").set(incoming.len() as f64);
                    for received in batch.drain(..) {
                        self.receive(received).await;
                    }
                }
                Some(query) = queries.recv() => {
                    if query.send(self.tracker.mempool().collect()).is_err() {
                        tracing::debug!("a ListMempool call ended before its answer");
                    }
                }
                _ = self.tick.tick() => self.beat(),
            }
            if self.link.wants_resync(Instant::now()) {
                self.resync().await;
            }
            if self.rpc.is_some() && self.link.wants_hint(Instant::now()) {
                self.ask_why_silent().await;
            }
        }
    }

    async fn receive(&mut self, received: Incoming) {
        match received {
            Incoming::Up(endpoint) => {
                info!("connected to the node at {endpoint}");
                self.recorder.connected(self.clock.now(), &endpoint);
                self.counters.clear();
                self.covered = 0;
                self.link.up(endpoint, self.rpc.is_some());
                self.end_gap_at_connection();
                self.beat();
            }
            Incoming::Down(endpoint) => {
                warn!("lost the node at {endpoint}; trying again");
                self.recorder.disconnected(self.clock.now(), &endpoint);
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
                let outcome = self
                    .tracker
                    .transaction(&body, now_ms)
                    .map_err(|error| FrameError::Body("rawtx", error.to_string()))?;
                self.publish(outcome, now_ms).await;
            }
            Topic::Sequence => {
                let event = SequenceEvent::decode(&body)?;
                if !self.is_covered(event) {
                    let outcome = self.tracker.sequence(event, now_ms);
                    self.publish(outcome, now_ms).await;
                }
            }
            Topic::RawBlock | Topic::HashBlock | Topic::StandIn => {}
        }
        Ok(())
    }

    fn check_continuity(&mut self, topic: Topic, counter: u32) {
        match self.counters.take(topic, counter) {
            Continuity::Next => {}
            Continuity::Gap(lost) => {
                warn!(
                    "{lost} {} messages were lost before counter {counter}",
                    topic.name()
                );
                self.report.gap(topic);
                self.tracker.lost_messages(self.rpc.is_some());
                self.link.missed_something(self.rpc.is_some());
            }
            Continuity::Restart => {
                info!(
                    "the node's {} counter started again at {counter}",
                    topic.name()
                );
                self.covered = 0;
                self.tracker.lost_messages(self.rpc.is_some());
                self.link.missed_something(self.rpc.is_some());
            }
        }
    }

    /// A tick whenever a stand-in's clock enters a new second, so that the stream's own time is whole at any speed.
    fn hear_stand_in(&mut self, labels: StandInLabels) {
        let before = self.clock.now();
        self.clock.hear(labels);
        if before.is_none_or(|before| before / 1000 != labels.time_ms() / 1000) {
            self.beat();
        }
    }

    fn is_covered(&self, event: SequenceEvent) -> bool {
        match event {
            SequenceEvent::Added(_, number) | SequenceEvent::Removed(_, number) => {
                number < self.covered
            }
            SequenceEvent::BlockConnected(_) | SequenceEvent::BlockDisconnected(_) => false,
        }
    }

    async fn publish(&mut self, outcome: Outcome, now_ms: u64) {
        self.write(outcome.events, now_ms);
        if let Some(hash) = outcome.unknown_block {
            self.fetch_block(hash, now_ms).await;
        }
    }

    fn write(&mut self, events: Vec<Event>, now_ms: u64) {
        self.report.count(self.tracker.take_first_sights(), &events);
        self.store.publish(now_ms, events);
    }

    /// The heartbeat: settles what time settles and publishes the status. Its stamp is 0 before a stand-in's first
    /// word, when nothing has happened yet.
    fn beat(&mut self) {
        let now_ms = self.clock.now().unwrap_or(0);
        let mut events = self.tracker.tick(now_ms);
        let status = self.report.status(
            self.tracker.mempool_len(),
            self.link.hops(),
            self.clock.simulation(),
        );
        events.push(Event::Status(Arc::new(status)));
        self.write(events, now_ms);
        self.report.active(self.store.active());
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

    async fn ask_why_silent(&mut self) {
        let Some(rpc) = self.rpc.clone() else {
            return;
        };
        let endpoint = self.link.endpoint().to_owned();
        let why = self.beating(diagnosis::why_silent(&rpc, &endpoint)).await;
        self.link.hint(why);
    }

    /// Makes the picture equal to the node's. Messages that arrive meanwhile wait in the queue.
    async fn resync(&mut self) {
        let (Some(rpc), Some(now_ms)) = (self.rpc.clone(), self.clock.now()) else {
            return;
        };
        self.link.begin_resync();
        self.beat();
        match self.read_node(&rpc, now_ms).await {
            Ok((view, covered, still_loading)) => {
                let events = self.tracker.reconcile(view, now_ms);
                self.covered = covered;
                self.write(events, now_ms);
                self.link.end_resync(still_loading, Instant::now());
                info!(
                    mempool = self.tracker.mempool_len(),
                    active = self.store.active(),
                    "in step with the node"
                );
            }
            Err(error) => {
                warn!("cannot ask the node for what was missed: {error}");
                self.link
                    .end_resync(Some(error.to_string()), Instant::now());
            }
        }
        self.report.resync();
        self.beat();
    }

    async fn read_node(
        &mut self,
        rpc: &Rpc,
        now_ms: u64,
    ) -> Result<(NodeView, u64, Option<String>), RpcError> {
        let moment = self.beating(resync::moment(rpc)).await?;
        let still_loading = diagnosis::initial_download(&moment.info);
        self.report.chain(&moment.info.chain);
        let known = self.tracker.known_blocks();
        let tip = moment.info.best_block_hash;
        let (blocks, abandoned) = self
            .beating(resync::blocks(rpc, tip, &known, now_ms))
            .await?;
        let mempool = moment.listing.txids;
        let wanted: Vec<_> = self
            .tracker
            .missing(&mempool)
            .into_iter()
            .copied()
            .collect();
        let mut missing = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(resync::BATCH) {
            missing.extend(
                self.beating(resync::transactions(rpc, batch, now_ms))
                    .await?,
            );
            self.link.progress(missing.len(), wanted.len());
        }
        let view = NodeView {
            mempool,
            missing,
            blocks,
            abandoned,
        };
        Ok((view, moment.listing.mempool_sequence, still_loading))
    }
}
