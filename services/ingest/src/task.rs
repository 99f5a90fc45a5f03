//! The task of ingest: it takes the node's messages into the tracker, asks the node questions, and publishes.

mod answers;
mod beat;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use bitcoin::Txid;
use satscope_bitcoin::{
    frame::{Frame, FrameError, StandInLabels, Topic},
    subscriber::{Incoming, Subscription},
};
use satscope_filter::{Filter, RawTransaction};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use crate::{
    AT_ONCE, QUEUE,
    clock::StampClock,
    journal::{Earlier, JournalError, Owner},
    metrics::Metrics,
    publish::{Publisher, service::MempoolQuery, store::Store},
    resync::{
        Asker,
        compare::{Comparison, Intervals},
        reading::Reading,
    },
    source::{
        Loss, Said, Source,
        past::{Known, PastMessages},
    },
    stamp::{Calm, Gate, NodeClock},
    tracker::{Tracker, Wanted},
};
use satscope_kit::{
    clock::{Steady, unix_ms},
    fault::Fault,
};

/// The longest gap after a recording over which the node's counters still tell whether it was restarted, milliseconds.
const SHORT_GAP_MS: u64 = 60_000;

/// The state of ingest's task.
pub struct Task {
    source: Source,
    tracker: Tracker,
    gate: Gate,
    node_clock: NodeClock,
    asker: Asker,
    publisher: Publisher,
    store: Arc<Store>,
    metrics: Metrics,
    comparison: Comparison,
    /// The reading that goes on, and its number.
    reading: Option<Reading>,
    reading_number: u64,
    /// Whether the reading is a poll: it is made because ZMQ is away, and not because something was missed.
    is_poll: bool,
    /// Why the last reading failed, if it did.
    last_failure: Option<Fault>,
    /// Messages that were received while the node is being read; they are taken once the reading has ended.
    held: VecDeque<Incoming>,
    /// Transactions whose entry times must be asked for.
    to_ask: VecDeque<Txid>,
    /// A question for entry times is open.
    is_asking: bool,
    next_beat: tokio::time::Instant,
    last_beat: Steady,
    /// Beats so far, by which rarer work is timed.
    beats: u64,
    epoch: u64,
}

impl Task {
    /// A task that knows nothing yet.
    pub fn new(source: Source, asker: Asker, store: Arc<Store>, intervals: Intervals) -> Task {
        let gate = match (source.clock.is_standin(), asker.has_rpc()) {
            (true, _) => Gate::StandIn,
            (false, true) => Gate::Behind,
            (false, false) => Gate::Alone(Calm::default()),
        };
        Task {
            tracker: Tracker::new(Filter::default(), source.is_ordered()),
            source,
            gate,
            node_clock: NodeClock::default(),
            asker,
            publisher: Publisher::new(),
            epoch: store.epoch(),
            store,
            metrics: Metrics::start(),
            comparison: Comparison::new(intervals, Instant::now()),
            reading: None,
            reading_number: 0,
            is_poll: false,
            last_failure: None,
            held: VecDeque::new(),
            to_ask: VecDeque::new(),
            is_asking: false,
            next_beat: tokio::time::Instant::now(),
            last_beat: Steady::now(),
            beats: 0,
        }
    }

    /// The endpoints and topics for the subscriber's thread, updated at each change.
    pub fn subscriptions(&self) -> watch::Receiver<Vec<Subscription>> {
        self.source.subscriptions()
    }

    /// Restores the window from the journal in `folder`, and keeps the journal from now on. Returns whether there was anything
    /// to restore.
    ///
    /// # Errors
    /// If the folder cannot be used because of its setting, or is in use. A disk that fails is no error.
    pub fn keep_journal(
        &mut self,
        folder: &std::path::Path,
        owner: Owner,
    ) -> Result<bool, JournalError> {
        let (earlier, past) = Earlier::open(folder, owner, |record| self.tracker.restore(record))?;
        let known = past.last_ms.map(Known::of_journal);
        // With RPC, the node tells the rest.
        match self.asker.has_rpc() {
            true => past
                .last_ms
                .into_iter()
                .for_each(|last_ms| self.source.clock.go_on_from(last_ms)),
            false => self.source.knows(known),
        }
        let now_ms = self.source.clock.newest().unwrap_or(0);
        self.tracker.restored(past.last_ms.unwrap_or(0), now_ms);
        let journal = earlier.begin(now_ms, self.tracker.records())?;
        self.publisher.keep(journal);
        self.flush();
        self.tracker.begin_journal();
        if past.last_ms.is_some() {
            info!(
                mempool = self.tracker.mempool_len(),
                active = self.store.active(),
                "the journal has been read"
            );
        }
        Ok(past.last_ms.is_some())
    }

    /// Takes the messages of a recording as if they came now. They keep their recorded stamps, by which time passes.
    pub async fn take_past(&mut self, mut past: PastMessages) {
        let (mut messages, mut second) = (0_u64, 0);
        for (stamp_ms, frame) in past.by_ref() {
            if second != stamp_ms / 1000 {
                second = stamp_ms / 1000;
                drop(self.tracker.tick(stamp_ms, &mut self.gate));
                self.flush();
                tokio::task::yield_now().await;
            }
            let loss = self.source.check_counter(&frame, &self.metrics);
            if let Some(loss) = loss {
                self.lose(loss);
            }
            if let Err(error) = Said::read(frame, stamp_ms).and_then(|said| self.take(said)) {
                self.metrics.malformed(&error);
            }
            messages += 1;
        }
        let known = past.known();
        let until_ms = known.as_ref().map_or(0, Known::until_ms);
        self.source.knows(known);
        let now_ms = self.source.clock.newest().unwrap_or(until_ms);
        drop(self.tracker.tick(now_ms, &mut self.gate));
        self.flush();
        if until_ms + SHORT_GAP_MS < now_ms {
            // The node may have been restarted since, and its counters may have passed their old values.
            self.source.forget_counters();
            self.set_gate(Gate::Alone(Calm::default()));
        }
        self.tracker.lost_messages(false, now_ms);
        info!(
            messages,
            mempool = self.tracker.mempool_len(),
            active = self.store.active(),
            "filled from the recording"
        );
    }

    /// Works until the subscriber thread ends.
    pub async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        mut queries: mpsc::Receiver<MempoolQuery>,
    ) {
        let mut batch = Vec::with_capacity(AT_ONCE);
        loop {
            let has_room = self.held.len() < QUEUE;
            tokio::select! {
                taken = incoming.recv_many(&mut batch, AT_ONCE), if has_room => {
                    if taken == 0 {
                        self.flush();
                        return;
                    }
                    self.metrics.queue(self.held.len() + incoming.len());
                    batch.drain(..).for_each(|received| self.receive(received));
                    self.flush();
                }
                answer = self.asker.next() => self.take_answer(answer),
                Some(query) = queries.recv() => {
                    if query.send(self.tracker.mempool().collect()).is_err() {
                        debug!("a ListMempool call ended before its answer");
                    }
                }
                () = tokio::time::sleep_until(self.next_beat) => self.beat(),
            }
            self.ask();
        }
    }

    /// Takes a message or notice from the subscriber's thread; messages wait while the node is being read.
    fn receive(&mut self, received: Incoming) {
        match received {
            Incoming::Up(endpoint) => {
                self.abandon_reading();
                self.tracker.connection_began();
                self.source.up(endpoint);
                if self.asker.has_rpc() {
                    self.set_gate(Gate::Behind);
                }
                self.beat();
            }
            Incoming::Down(endpoint) => {
                self.abandon_reading();
                self.tracker.connection_began();
                self.source.down(&endpoint);
                self.beat();
            }
            message if self.reading.is_some() => self.held.push_back(message),
            Incoming::Message(received, message) => {
                let heard = message.and_then(|frame| self.hear(received, frame));
                if let Err(error) = heard {
                    self.metrics.malformed(&error);
                }
            }
        }
    }

    fn hear(&mut self, received: Instant, frame: Frame) -> Result<(), FrameError> {
        if let Some(loss) = self.source.check_counter(&frame, &self.metrics) {
            self.lose(loss);
        }
        let said = self.source.read(received, frame, &mut self.metrics)?;
        self.take(said)
    }

    fn take(&mut self, said: Said) -> Result<(), FrameError> {
        match said {
            Said::Transaction(body, received_ms) => self
                .tracker
                .transaction(&body, received_ms)
                .map_err(|error| FrameError::Body("rawtx", error.to_string()))?,
            Said::Sequence(event, received_ms) => {
                self.tracker.sequence(event, received_ms, &mut self.gate);
            }
            Said::Block(block, received_ms) => self.tracker.fetched_block(block, received_ms),
            Said::Tick => self.beat(),
            Said::Nothing => {}
        }
        Ok(())
    }

    /// Tells the tracker, the link and the gate that messages were lost.
    fn lose(&mut self, loss: Loss) {
        let has_rpc = self.asker.has_rpc();
        self.tracker
            .lost_messages(has_rpc, self.source.clock.newest().unwrap_or(0));
        self.source.link.missed_something();
        match (has_rpc, loss) {
            (true, _) => self.fall_behind(),
            (false, Loss::Restart) => self.set_gate(Gate::Alone(Calm::default())),
            (false, Loss::Gap) => {}
        }
    }

    /// Lets no receipt become a stamp until the node has been read. For a node that cannot be asked, the pace of its
    /// transactions still decides.
    fn fall_behind(&mut self) {
        if !matches!(self.gate, Gate::Alone(_)) {
            self.set_gate(Gate::Behind);
        }
    }

    /// Sets the gate; a stand-in's stays, because its clock comes with its messages.
    fn set_gate(&mut self, gate: Gate) {
        if !matches!(self.gate, Gate::StandIn) {
            self.gate = gate;
        }
    }

    /// Publishes the outbox, then drops the accepted transactions that the window has no room for.
    fn flush(&mut self) {
        self.publish();
        let beyond = self.store.beyond_room();
        if !beyond.is_empty() {
            self.metrics.window_full(beyond.len());
            let now_ms = self.source.clock.newest().unwrap_or(0);
            self.tracker.let_go(&beyond, now_ms);
            self.publish();
        }
    }

    fn publish(&mut self) {
        let now_ms = self.source.clock.newest().unwrap_or(0);
        let mut out = self.tracker.take_outbox(self.publisher.spare());
        for wanted in out.wanted.drain(..) {
            self.want(wanted);
        }
        self.publisher
            .publish(out, now_ms, self.store.as_ref(), &mut self.metrics);
    }

    fn want(&mut self, wanted: Wanted) {
        match wanted {
            // Without RPC the header is not asked for: `rawblock` brings it, or nothing does.
            Wanted::Header(hash) => self.asker.header(hash),
            Wanted::Block(hash) if self.asker.has_rpc() => self.asker.block(hash),
            Wanted::Block(hash) => {
                warn!(
                    "block {hash}: its transactions were not published together, and there is no RPC to ask"
                );
                self.metrics.unread_block();
            }
            Wanted::Resync => {
                self.source.link.missed_something();
                self.fall_behind();
            }
        }
    }

    /// Asks the node the questions that are due.
    fn ask(&mut self) {
        if !self.asker.has_rpc() {
            return;
        }
        let now = Instant::now();
        if self.reading.is_none() {
            if self.source.link.wants_reading(now) {
                self.begin_reading(false);
            } else if self.source.link.is_in_step() {
                self.compare(now);
            } else if self.source.link.wants_poll(now) {
                self.begin_reading(true);
            }
        }
        if self.source.link.wants_listing(now) {
            self.asker.published();
        }
    }

    /// The receipts of the transactions that wait, by the stand-in's clock, which comes with the messages; and the newest
    /// receipt.
    fn held_receipts(&self) -> (Vec<(Txid, u64)>, u64) {
        let mut clock = self.source.clock;
        let receipts: Vec<(Txid, u64)> = self
            .held
            .iter()
            .filter_map(|held| receipt(held, &mut clock))
            .collect();
        let newest_ms = receipts.last().map_or(0, |(_, received_ms)| *received_ms);
        (receipts, newest_ms)
    }
}

/// The txid and receipt of a `rawtx`; `None` for a coinbase and for any other message. A stand-in's labels move `clock`.
fn receipt(received: &Incoming, clock: &mut StampClock) -> Option<(Txid, u64)> {
    let Incoming::Message(at, Ok(Frame { topic, body, .. })) = received else {
        return None;
    };
    match topic {
        Topic::StandIn => clock.hear(StandInLabels::decode(body).ok()?),
        Topic::RawTx => {
            let transaction = RawTransaction::read(body).ok()?;
            let received_ms = clock.stamp(*at)?;
            return (!transaction.is_coinbase()).then(|| (transaction.txid(), received_ms));
        }
        Topic::RawBlock | Topic::HashBlock | Topic::Sequence => {}
    }
    None
}
