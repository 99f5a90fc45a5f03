//! The questions that a reader asks its node, and what each answer or refusal changes.

use bitcoin::{BlockHash, Txid};
use satscope_log::Window;

use super::Reader;
use crate::{
    resync::{
        ask::{Question, Step},
        reading::{Next, Outcome, Reading},
    },
    stamp::{Gate, Pace},
    tracker::model::{answers::answer_of, node::ModelNode},
};

/// A question that the node has not answered yet.
#[derive(Debug)]
pub enum Asked {
    Reading(u64, Question),
    Header(BlockHash),
    Block(BlockHash),
    Entered(Vec<Txid>),
    Loaded,
}

impl Reader {
    /// Lets the next beat come, at the node's clock.
    pub fn beat(&mut self, node: &ModelNode) {
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

    /// The node answers one of the questions, as it is now.
    pub fn answer(&mut self, choice: usize, node: &ModelNode) {
        self.now_ms = self.now_ms.max(node.now_ms);
        if self.asked.is_empty() {
            return;
        }
        let asked = self.asked.remove(choice % self.asked.len());
        match asked {
            Asked::Reading(number, question) if number == self.reading_number => {
                self.take_step(answer_of(question, node), node);
            }
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
            Asked::Reading(..) | Asked::Loaded => {}
        }
        self.publish();
    }

    /// The node answers all questions, and those that follow from them.
    pub fn answer_all(&mut self, node: &ModelNode) {
        while !self.asked.is_empty() {
            self.answer(0, node);
        }
    }

    /// The node does not answer one of the questions.
    pub fn refuse(&mut self, choice: usize, node: &ModelNode) {
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

    fn take_entry_times(&mut self, txids: Vec<Txid>, node: &ModelNode) {
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

    fn take_step(&mut self, step: Step, node: &ModelNode) {
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
}
