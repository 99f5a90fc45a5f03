//! Tests of the mempool and the window. A node is heard from any moment on and asked at any other; the reader gets each answer
//! at once, and may be restarted from its journal.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{BlockHash, Txid, consensus::serialize, hashes::Hash as _};
use proptest::prelude::*;
use satscope_filter::Filter;
use satscope_log::{State, Window};

use super::{
    NOW,
    node::{ModelNode, Word, history},
    step::step_of_places,
};
use crate::{
    stamp::Gate,
    tracker::{Outbox, Place, Record, Tracker, Wanted, transaction::Seen},
};

/// The tracker, and the window that its events add up to.
struct Reader {
    tracker: Tracker,
    gate: Gate,
    window: Window,
    now_ms: u64,
    journal: Vec<Record>,
}

impl Reader {
    fn new() -> Reader {
        let mut tracker = Tracker::new(Filter::default(), true);
        tracker.begin_journal();
        Reader {
            tracker,
            gate: Gate::StandIn,
            window: Window::default(),
            now_ms: NOW,
            journal: Vec::new(),
        }
    }

    /// Takes the tracker's outbox. A block whose run began before the connection is asked of the node, which may have moved on.
    fn apply(&mut self, node: &ModelNode) {
        let out = self.tracker.take_outbox(Outbox::default());
        for (_, event) in &out.events {
            self.window.apply(event, self.now_ms);
        }
        self.journal.extend(out.records);
        for wanted in out.wanted {
            if let Wanted::Block(hash) = wanted
                && let Some(block) = node.blocks.get(&hash)
            {
                self.tracker.awaited_block(block.fetched(), self.now_ms);
                self.apply(node);
            }
        }
    }

    fn hear(&mut self, message: &Word, node: &ModelNode) {
        self.now_ms += 1;
        match message {
            Word::RawTx(transaction) => {
                let body = serialize(transaction);
                self.tracker.transaction(&body, self.now_ms).unwrap();
            }
            Word::Sequence(event) => {
                self.tracker.sequence(*event, self.now_ms, &mut self.gate);
            }
            Word::RawBlock(_) | Word::Begin | Word::Lost => {}
        }
        self.apply(node);
    }

    /// Makes the picture equal to the node's, as a reading does.
    fn ask(&mut self, node: &ModelNode) {
        let now_ms = self.now_ms;
        let known = self.tracker.known_blocks();
        let is_missing = |at: &usize| !known.contains(&node.chain[*at].hash);
        let missing: Vec<usize> = (0..node.chain.len()).filter(is_missing).collect();
        let in_chain = |hash: &BlockHash| node.chain.iter().any(|block| block.hash == *hash);
        let abandoned: Vec<BlockHash> = known.into_iter().filter(|hash| !in_chain(hash)).collect();
        self.tracker.abandon(&abandoned, now_ms);
        for at in missing {
            self.tracker.fetched_block(node.chain[at].fetched(), now_ms);
        }
        let mempool: Vec<Txid> = node.mempool.keys().copied().collect();
        let missing = self.tracker.missing(&mempool, now_ms);
        let entered: Vec<(Txid, u64)> = missing.into_iter().map(|txid| (txid, now_ms)).collect();
        self.tracker.stamp(&entered, now_ms);
        for (txid, _) in entered {
            if self.tracker.wants_content(&txid, now_ms) {
                self.tracker
                    .fetched_transaction(&node.mempool[&txid].0, now_ms);
            }
        }
        self.tracker.are_in_mempool(&mempool, now_ms);
        self.tracker.settle(&mempool, now_ms);
        self.apply(node);
    }

    /// Replaces the reader with one that restores the same journal.
    fn restart(&mut self) {
        let mut next = Reader::new();
        next.now_ms = self.now_ms;
        for record in self.journal.drain(..) {
            next.tracker.restore(record);
        }
        next.tracker.restored(0, next.now_ms);
        next.apply(&ModelNode::default());
        next.journal = next.tracker.records().collect();
        *self = next;
    }

    fn settle(&mut self, node: &ModelNode) {
        self.now_ms += 3000;
        drop(self.tracker.tick(self.now_ms, &mut self.gate));
        self.apply(node);
    }

    fn states(&self) -> BTreeMap<Txid, State> {
        let states = self.window.iter().map(|tracked| {
            let txid = Txid::from_byte_array(tracked.accepted.txid);
            (txid, tracked.state)
        });
        states.collect()
    }

    fn stamps(&self) -> BTreeMap<Txid, u64> {
        let stamps = self.window.iter().map(|tracked| {
            let txid = Txid::from_byte_array(tracked.accepted.txid);
            (txid, tracked.accepted.first_seen_ms)
        });
        stamps.collect()
    }

    fn mempool(&self) -> BTreeSet<Txid> {
        let mempool: BTreeSet<Txid> = self.tracker.mempool().collect();
        assert_eq!(mempool.len(), self.tracker.mempool_len());
        mempool
    }
}

fn expect(reader: &Reader, node: &ModelNode) -> Result<(), TestCaseError> {
    let expected: BTreeSet<Txid> = node.mempool.keys().copied().collect();
    prop_assert_eq!(reader.mempool(), expected);
    prop_assert_eq!(reader.states(), node.window());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn all_messages_give_the_nodes_state(steps in prop::collection::vec(step_of_places(), 1..40)) {
        let node = history(&steps).pop().unwrap();
        let mut reader = Reader::new();
        node.words.iter().for_each(|message| reader.hear(message, &node));
        reader.settle(&node);
        expect(&reader, &node)?;
    }

    /// The reader connects at some message and gets an answer of a later moment, before it hears all messages in between.
    #[test]
    fn a_connection_at_any_message_with_the_answer_of_any_later_moment(
        steps in prop::collection::vec(step_of_places(), 1..40),
        (connected, asked, behind) in (0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0),
    ) {
        let states = history(&steps);
        let node = states.last().unwrap();
        let asked = &states[(asked * states.len() as f64) as usize];
        let connected = (connected * asked.words.len() as f64) as usize;
        let heard = connected + (behind * (asked.words.len() - connected) as f64) as usize;
        let mut reader = Reader::new();
        node.words[connected..heard].iter().for_each(|message| reader.hear(message, asked));
        reader.ask(asked);
        node.words[heard..].iter().for_each(|message| reader.hear(message, node));
        reader.settle(node);
        expect(&reader, node)?;
    }

    /// The reader is killed after some message and starts again at a later one, with the journal and the node's answer.
    #[test]
    fn a_killed_process_comes_back_with_its_own_stamps(
        steps in prop::collection::vec(step_of_places(), 1..40),
        (killed, back) in (0.0f64..1.0, 0.0f64..1.0),
    ) {
        let states = history(&steps);
        let node = states.last().unwrap();
        let at_return = &states[(back * states.len() as f64) as usize];
        let back = at_return.words.len();
        let killed = (killed * back as f64) as usize;
        let mut undisturbed = Reader::new();
        let mut reader = Reader::new();
        let mut stamped: Vec<Txid> = Vec::new();
        for (at, message) in node.words.iter().enumerate() {
            undisturbed.hear(message, node);
            if at == killed {
                let is_stamped = |(_, seen): &(&Txid, &Seen)| seen.place != Place::Announced;
                stamped = reader.tracker.seen.iter().filter(is_stamped).map(|(txid, _)| *txid).collect();
                reader.restart();
                let stamps = reader.stamps();
                for (txid, state) in reader.states() {
                    prop_assert!(undisturbed.window.get(&txid.to_byte_array()).is_none_or(|tracked| tracked.accepted.first_seen_ms == stamps[&txid]), "{state:?}");
                }
            }
            if at < killed {
                reader.hear(message, node);
            } else if at >= back {
                if at == back {
                    reader.ask(at_return);
                }
                reader.hear(message, node);
            } else {
                reader.now_ms += 1;
            }
        }
        if back == node.words.len() {
            reader.ask(at_return);
        }
        undisturbed.settle(node);
        reader.settle(node);
        expect(&undisturbed, node)?;
        expect(&reader, node)?;
        let (stamps, expected) = (reader.stamps(), undisturbed.stamps());
        for txid in stamped {
            prop_assert_eq!(stamps.get(&txid), expected.get(&txid));
        }
    }
}
