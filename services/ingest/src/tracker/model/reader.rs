//! The reader of the model: the tracker with its gate, asked and answered as in the ingest task, and the window of its
//! events.

mod asking;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::{BlockHash, Txid, consensus::serialize, hashes::Hash as _};
use satscope_filter::Filter;
use satscope_log::{Event, State, Window};

use super::node::{Mined, ModelNode, Word};
use crate::{
    resync::reading::Reading,
    stamp::{Calm, Gate, NodeClock},
    tracker::{FetchedBlock, Outbox, Record, Tracker, Wanted},
};
use asking::Asked;

/// The way in which a reader hears its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    pub has_rpc: bool,
    /// `rawtx` and `sequence` come in one order.
    pub is_ordered: bool,
}

/// The reader. Its clock is the node's, plus the steps by which it was set.
pub struct Reader {
    manner: Manner,
    pub tracker: Tracker,
    pub gate: Gate,
    node_clock: NodeClock,
    pub window: Window,
    now_ms: u64,
    set_ms: i64,
    journal: Vec<Record>,
    asked: Vec<Asked>,
    to_ask: VecDeque<Txid>,
    is_asking: bool,
    reading: Option<Reading>,
    reading_number: u64,
    wants_reading: bool,
    /// Messages that wait for the end of a reading, each with its receipt by the node's clock, Unix milliseconds.
    held: VecDeque<(Word, u64)>,
    /// The stamps of the transactions published since the last check.
    pub published: Vec<(Txid, u64)>,
}

impl Reader {
    pub fn new(manner: Manner, now_ms: u64) -> Reader {
        let mut tracker = Tracker::new(Filter::default(), manner.is_ordered);
        tracker.begin_journal();
        let gate = match manner.has_rpc {
            true => Gate::Behind,
            false => Gate::Alone(Calm::default()),
        };
        Reader {
            manner,
            tracker,
            gate,
            node_clock: NodeClock::default(),
            window: Window::default(),
            now_ms,
            set_ms: 0,
            journal: Vec::new(),
            asked: Vec::new(),
            to_ask: VecDeque::new(),
            is_asking: false,
            reading: None,
            reading_number: 0,
            wants_reading: manner.has_rpc,
            held: VecDeque::new(),
            published: Vec::new(),
        }
    }

    /// Its clock, Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.saturating_add_signed(self.set_ms)
    }

    /// Replaces the reader with one that restores the same journal.
    pub fn restart(&mut self) {
        let mut next = Reader::new(self.manner, self.now_ms);
        next.set_ms = self.set_ms;
        for record in self.journal.drain(..) {
            next.tracker.restore(record);
        }
        next.tracker.restored(0, next.now_ms());
        next.publish();
        next.journal = next.tracker.records().collect();
        *self = next;
    }

    /// Sets its clock on by `step_ms`, or back if that is negative.
    pub fn set_clock(&mut self, step_ms: i64, node: &ModelNode) {
        self.publish();
        self.set_ms += step_ms;
        self.gate.shift(step_ms);
        let shift = self.node_clock.was_set(step_ms, 0);
        self.window = Window::default();
        self.tracker.shift(shift, self.now_ms());
        self.publish();
        self.journal = self.tracker.records().collect();
        self.wants_reading = self.manner.has_rpc;
        self.abandon_reading(node);
    }

    fn miss(&mut self) {
        self.wants_reading = self.manner.has_rpc;
        if !matches!(self.gate, Gate::Alone(_)) {
            self.gate = Gate::Behind;
        }
    }

    /// Hears a message at the moment at which the node sent it.
    pub fn hear(&mut self, word: &Word, node: &ModelNode) {
        self.now_ms = self.now_ms.max(node.now_ms);
        if matches!(word, Word::Begin) {
            self.abandon_reading(node);
            self.tracker.connection_began();
            self.tracker
                .lost_messages(self.manner.has_rpc, self.now_ms());
            self.miss();
            if !self.manner.has_rpc {
                self.gate = Gate::Alone(Calm::default());
            }
        } else if self.reading.is_some() {
            self.held.push_back((word.clone(), self.now_ms));
        } else {
            self.take(word, self.now_ms, node);
        }
        self.publish();
    }

    fn take(&mut self, word: &Word, received_ms: u64, node: &ModelNode) {
        let now_ms = received_ms.saturating_add_signed(self.set_ms);
        match word {
            Word::RawTx(transaction) => {
                let body = serialize(transaction);
                self.tracker.transaction(&body, now_ms).unwrap();
            }
            Word::Sequence(event) => self.tracker.sequence(*event, now_ms, &mut self.gate),
            Word::RawBlock(hash) if !self.manner.has_rpc => {
                if let Some(block) = node.blocks.get(hash) {
                    self.tracker.fetched_block(self.ours(block), now_ms);
                }
            }
            Word::Lost => {
                self.tracker
                    .lost_messages(self.manner.has_rpc, self.now_ms());
                self.miss();
            }
            Word::RawBlock(_) | Word::Begin => {}
        }
        self.publish();
    }

    fn ours(&self, block: &Mined) -> FetchedBlock {
        let mut fetched = block.fetched();
        fetched.time_ms = self.node_clock.ours(fetched.time_ms);
        fetched
    }

    fn take_held(&mut self, node: &ModelNode) {
        while self.reading.is_none()
            && let Some((word, received_ms)) = self.held.pop_front()
        {
            self.take(&word, received_ms, node);
        }
    }

    fn abandon_reading(&mut self, node: &ModelNode) {
        self.reading = None;
        self.reading_number += 1;
        let held = std::mem::take(&mut self.held);
        for (word, received_ms) in held {
            self.take(&word, received_ms, node);
        }
    }

    /// Whether nothing is missed, and nothing waits.
    pub fn is_in_step(&self) -> bool {
        let follows = matches!(self.gate, Gate::Loading | Gate::InStep(_) | Gate::Alone(_));
        follows && self.reading.is_none()
    }

    /// Whether an answer is still to come, or a question to be asked.
    pub fn is_busy(&self) -> bool {
        self.wants_reading || self.reading.is_some() || !self.asked.is_empty()
    }

    /// Takes the tracker's outbox, as the journal and the log do.
    fn publish(&mut self) {
        let out = self.tracker.take_outbox(Outbox::default());
        let now_ms = self.now_ms();
        for (_, event) in &out.events {
            self.window.apply(event, now_ms);
            if let Event::Accepted(accepted, _) = event {
                let txid = Txid::from_byte_array(accepted.txid);
                self.published.push((txid, accepted.first_seen_ms));
            }
        }
        self.journal.extend(out.records);
        for wanted in out.wanted {
            match wanted {
                Wanted::Header(hash) if self.manner.has_rpc => self.asked.push(Asked::Header(hash)),
                Wanted::Block(hash) if self.manner.has_rpc => self.asked.push(Asked::Block(hash)),
                Wanted::Header(_) | Wanted::Block(_) => {}
                Wanted::Resync => self.miss(),
            }
        }
    }

    /// The states of the transactions in the window.
    pub fn states(&self) -> BTreeMap<Txid, State> {
        let states = self.window.iter().map(|tracked| {
            let txid = Txid::from_byte_array(tracked.accepted.txid);
            (txid, tracked.state)
        });
        states.collect()
    }

    /// The stamps of the transactions in the window, Unix milliseconds.
    pub fn stamps(&self) -> BTreeMap<Txid, u64> {
        let stamps = self.window.iter().map(|tracked| {
            let txid = Txid::from_byte_array(tracked.accepted.txid);
            (txid, tracked.accepted.first_seen_ms)
        });
        stamps.collect()
    }

    /// The blocks of its window, oldest first.
    pub fn blocks(&self) -> Vec<BlockHash> {
        let hashes = self.window.blocks().map(|block| block.hash);
        hashes.map(BlockHash::from_byte_array).collect()
    }

    /// The mempool.
    pub fn mempool(&self) -> BTreeSet<Txid> {
        let mempool: BTreeSet<Txid> = self.tracker.mempool().collect();
        assert_eq!(mempool.len(), self.tracker.mempool_len());
        mempool
    }
}
