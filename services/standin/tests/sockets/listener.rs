//! A subscriber that adds up what it receives.

use std::collections::{HashMap, HashSet};

use bitcoin::{Block, Transaction, Txid, consensus::deserialize};
use satscope_bitcoin::frame::{Frame, SequenceEvent, StandInLabels, Topic};

/// The mempool that the messages add up to; every counter is followed.
#[derive(Default)]
pub struct Listener {
    pub mempool: HashSet<Txid>,
    run: Vec<Txid>,
    counters: HashMap<&'static str, u32>,
    pub labels: Option<StandInLabels>,
    pub transactions: usize,
    pub blocks: Vec<(Vec<Txid>, Option<Block>)>,
}

impl Listener {
    pub fn take(&mut self, frame: Frame) {
        let counter = self
            .counters
            .entry(frame.topic.name())
            .or_insert(frame.counter);
        assert_eq!(*counter, frame.counter, "{}", frame.topic.name());
        *counter += 1;
        match frame.topic {
            Topic::RawTx => {
                let transaction: Transaction = deserialize(&frame.body).unwrap();
                self.run.push(transaction.compute_txid());
            }
            Topic::Sequence => self.sequence(SequenceEvent::decode(&frame.body).unwrap()),
            Topic::RawBlock => {
                let block: Block = deserialize(&frame.body).unwrap();
                self.blocks.last_mut().unwrap().1 = Some(block);
            }
            Topic::StandIn => self.labels(StandInLabels::decode(&frame.body).unwrap()),
            Topic::HashBlock => assert_eq!(frame.body.len(), 32),
        }
    }

    fn sequence(&mut self, event: SequenceEvent) {
        match event {
            SequenceEvent::Added(txid, _) => {
                assert!(self.run.iter().all(|of_run| *of_run == txid));
                self.mempool.insert(txid);
                self.transactions += 1;
            }
            SequenceEvent::Removed(txid, _) => {
                self.mempool.remove(&txid);
            }
            SequenceEvent::BlockConnected(_) => {
                for txid in &self.run {
                    self.mempool.remove(txid);
                }
                self.blocks.push((self.run.clone(), None));
            }
            SequenceEvent::BlockDisconnected(_) => {}
        }
        self.run.clear();
    }

    fn labels(&mut self, labels: StandInLabels) {
        if let Some(before) = self.labels.replace(labels) {
            assert!(
                labels.time >= before.time,
                "{} < {}",
                labels.time,
                before.time
            );
        }
    }
}
