//! A reader of the node: the tracker with its gate, asked and answered as the ingest task does it, and what its events add
//! up to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::{BlockHash, Txid, consensus::serialize, hashes::Hash as _};
use satscope_filter::Filter;
use satscope_log::{Event, State, Window};

use super::{
    answers::answer_of,
    node::{Mined, Node, Word},
};
use crate::{
    resync::{
        ask::{Question, Step},
        reading::{Next, Outcome, Reading},
    },
    stamp::{Calm, Gate, NodeClock, Pace},
    tracker::{FetchedBlock, Outbox, Record, Tracker, Wanted},
};

/// How a reader hears its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    pub has_rpc: bool,
    /// `rawtx` and `sequence` come in one order.
    pub is_ordered: bool,
}

/// What the node has been asked.
#[derive(Debug)]
enum Asked {
    Reading(u64, Question),
    Header(BlockHash),
    Block(BlockHash),
    Entered(Vec<Txid>),
    Loaded,
}

/// The reader. Its clock is the node's, plus what it was set by.
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
    /// With the receipt by the node's clock, Unix milliseconds.
    held: VecDeque<(Word, u64)>,
    /// What was published since it was last looked at: the stamps.
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

    /// Another process on the same journal.
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

    /// Its clock is set by so much, milliseconds.
    pub fn set_clock(&mut self, step_ms: i64, node: &Node) {
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

    /// Hears a word, at the moment at which the node said it.
    pub fn hear(&mut self, word: &Word, node: &Node) {
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

    fn take(&mut self, word: &Word, received_ms: u64, node: &Node) {
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

    fn take_held(&mut self, node: &Node) {
        while self.reading.is_none()
            && let Some((word, received_ms)) = self.held.pop_front()
        {
            self.take(&word, received_ms, node);
        }
    }

    fn abandon_reading(&mut self, node: &Node) {
        self.reading = None;
        self.reading_number += 1;
        let held = std::mem::take(&mut self.held);
        for (word, received_ms) in held {
            self.take(&word, received_ms, node);
        }
    }

    /// The next half second, at the node's clock.
    pub fn beat(&mut self, node: &Node) {
        self.now_ms = self.now_ms.max(node.now_ms);
        if self.reading.is_none() {
            let asked = self.tracker.tick(self.now_ms(), &mut self.gate);
            self.to_ask.extend(asked);
        }
        self.ask_entry_times();
        if matches!(self.gate, Gate::Loading) && self.reading.is_none() {
            self.asked.push(Asked::Loaded);
        }
        self.publish();
        self.window.expire(self.now_ms());
        if self.wants_reading && self.reading.is_none() {
            self.reading_number += 1;
            let (reading, question) = Reading::begin(self.now_ms(), false);
            self.reading = Some(reading);
            self.asked
                .push(Asked::Reading(self.reading_number, question));
        }
    }

    fn ask_entry_times(&mut self) {
        if self.is_asking || !self.gate.may_ask() || !self.manner.has_rpc {
            return;
        }
        let mut batch: Vec<Txid> = self.to_ask.drain(..).collect();
        batch.extend(self.tracker.take_live());
        if !batch.is_empty() {
            self.is_asking = true;
            self.asked.push(Asked::Entered(batch));
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

    /// The node answers one of the questions, as it is now.
    pub fn answer(&mut self, choice: usize, node: &Node) {
        self.now_ms = self.now_ms.max(node.now_ms);
        if self.asked.is_empty() {
            return;
        }
        let asked = self.asked.remove(choice % self.asked.len());
        match asked {
            Asked::Reading(number, question) if number == self.reading_number => {
                self.take_step(answer_of(question, node), node);
            }
            Asked::Reading(..) => {}
            Asked::Header(hash) => {
                let block = self.ours(&node.blocks[&hash]);
                self.tracker
                    .dated(hash, block.time_ms, block.height, self.now_ms());
            }
            Asked::Block(hash) => {
                let block = self.ours(&node.blocks[&hash]);
                self.tracker.awaited_block(block, self.now_ms());
            }
            Asked::Entered(txids) => self.take_entry_times(txids, node),
            Asked::Loaded if !node.is_loading && matches!(self.gate, Gate::Loading) => self.miss(),
            Asked::Loaded => {}
        }
        self.publish();
    }

    /// The node answers all questions, and those that follow from them.
    pub fn answer_all(&mut self, node: &Node) {
        while !self.asked.is_empty() {
            self.answer(0, node);
        }
    }

    /// The node does not answer one of the questions.
    pub fn refuse(&mut self, choice: usize, node: &Node) {
        if self.asked.is_empty() {
            return;
        }
        let asked = self.asked.remove(choice % self.asked.len());
        match asked {
            Asked::Reading(number, _) if number == self.reading_number => {
                self.reading = None;
                self.take_held(node);
            }
            Asked::Header(_) | Asked::Block(_) => self.miss(),
            Asked::Entered(txids) => {
                self.is_asking = false;
                txids.iter().for_each(|txid| self.tracker.ask_if_open(txid));
                self.miss();
            }
            Asked::Reading(..) | Asked::Loaded => {}
        }
        self.publish();
    }

    fn take_entry_times(&mut self, txids: Vec<Txid>, node: &Node) {
        self.is_asking = false;
        let mut differs = None;
        let mut entered = Vec::new();
        for txid in txids {
            let entered_ms = node.mempool.get(&txid).map(|(_, entered_ms)| *entered_ms);
            if let (Some(received_ms), Some(entered_ms)) =
                (self.tracker.live_sample(&txid), entered_ms)
            {
                differs = self.node_clock.observe(received_ms, entered_ms).or(differs);
            }
            entered.push((txid, entered_ms));
        }
        for (_, entered_ms) in &mut entered {
            *entered_ms = entered_ms.map(|entered_ms| self.node_clock.ours(entered_ms));
        }
        self.tracker.entered(&entered, self.now_ms());
        if let Some(shift) = differs {
            self.publish();
            self.window = Window::default();
            self.tracker.shift(shift, self.now_ms());
            self.publish();
            self.journal = self.tracker.records().collect();
            self.abandon_reading(node);
            self.wants_reading = true;
        }
        self.ask_entry_times();
    }

    fn take_step(&mut self, step: Step, node: &Node) {
        let Some(mut reading) = self.reading.take() else {
            return;
        };
        let now_ms = self.now_ms();
        let mut next = reading.take(step, now_ms, &self.node_clock, &mut self.tracker);
        while matches!(next, Next::GoOn) {
            self.publish();
            next = reading.go_on(&mut self.tracker);
        }
        match next {
            Next::Ask(question) => {
                self.asked
                    .push(Asked::Reading(self.reading_number, question));
                self.reading = Some(reading);
            }
            Next::Done(Outcome::Downloading(_)) => {
                self.gate = Gate::Downloading;
                self.take_held(node);
            }
            Next::Done(Outcome::InStep { fence, is_loaded }) => {
                self.wants_reading = false;
                self.gate = Gate::Loading;
                self.take_held(node);
                if is_loaded && matches!(self.gate, Gate::Loading) {
                    self.gate = Gate::InStep(Pace::since(fence, now_ms));
                }
            }
            Next::GoOn => {}
        }
    }

    /// Takes what the tracker decided, as journal and log do.
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

    /// The states of what is in the window.
    pub fn states(&self) -> BTreeMap<Txid, State> {
        let states = self.window.iter().map(|tracked| {
            let txid = Txid::from_byte_array(tracked.accepted.txid);
            (txid, tracked.state)
        });
        states.collect()
    }

    /// The stamps of what is in the window, Unix milliseconds.
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
