//! The tracker held against a simple model of a node: whatever the node does, whenever it is asked and however far behind
//! its messages are, the tracker ends with the model's mempool and window. So does one that begins from its journal.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{
    Amount, BlockHash, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime, consensus::serialize, transaction::Version,
};
use proptest::prelude::*;
use satscope_bitcoin::frame::SequenceEvent;
use satscope_log::{State, Window};

use super::*;

const NOW: u64 = 1_700_000_000_000;

/// What happens at the node; the numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Enter,
    Replace(usize),
    Evict(usize),
    EnterAgain(usize),
    /// Mines some of the mempool, and perhaps something that conflicts with one of the others.
    Mine {
        share: usize,
        conflict: bool,
    },
    /// A branch of two blocks takes the place of the last `depth` blocks, with some of their transactions.
    Reorg {
        depth: usize,
        share: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Enter),
        2 => (0usize..100).prop_map(Step::Replace),
        1 => (0usize..100).prop_map(Step::Evict),
        1 => (0usize..100).prop_map(Step::EnterAgain),
        2 => (1usize..4, any::<bool>()).prop_map(|(share, conflict)| Step::Mine { share, conflict }),
        1 => (1usize..3, 1usize..4).prop_map(|(depth, share)| Step::Reorg { depth, share }),
    ]
}

#[derive(Clone, Debug)]
enum Message {
    RawTx(Transaction),
    Sequence(SequenceEvent),
}

#[derive(Clone, Debug)]
struct MinedBlock {
    hash: BlockHash,
    transactions: Vec<Transaction>,
}

/// The node.
#[derive(Clone, Debug, Default)]
struct Model {
    mempool: BTreeMap<Txid, Transaction>,
    evicted: Vec<Transaction>,
    chain: Vec<MinedBlock>,
    messages: Vec<Message>,
    made: u32,
}

impl Model {
    fn number(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    fn say(&mut self, event: SequenceEvent) {
        self.messages.push(Message::Sequence(event));
    }

    fn enter(&mut self, transaction: Transaction) {
        let txid = transaction.compute_txid();
        self.messages.push(Message::RawTx(transaction.clone()));
        self.say(SequenceEvent::Added(txid, 0));
        self.mempool.insert(txid, transaction);
    }

    fn leave(&mut self, txid: Txid) -> Transaction {
        self.say(SequenceEvent::Removed(txid, 0));
        self.mempool.remove(&txid).unwrap()
    }

    fn pick(&self, number: usize) -> Option<Txid> {
        let count = self.mempool.len().max(1);
        self.mempool.keys().nth(number % count).copied()
    }

    fn connect(&mut self, transactions: Vec<Transaction>) {
        let number = self.number();
        let height = self.chain.len() as i64 + 1;
        let mut coinbase = payment(number, number, u32::MAX);
        coinbase.input[0].previous_output = OutPoint::null();
        coinbase.input[0].script_sig = bitcoin::script::Builder::new()
            .push_int(height)
            .into_script();
        let mut hash = [0xb1; 32];
        hash[..4].copy_from_slice(&number.to_le_bytes());
        let block = MinedBlock {
            hash: BlockHash::from_byte_array(hash),
            transactions: [vec![coinbase], transactions].concat(),
        };
        for transaction in &block.transactions {
            self.mempool.remove(&transaction.compute_txid());
        }
        let run = block.transactions.iter().cloned().map(Message::RawTx);
        self.messages.extend(run);
        self.say(SequenceEvent::BlockConnected(block.hash));
        self.chain.push(block);
    }

    fn act(&mut self, step: &Step) {
        match step {
            Step::Enter => {
                let number = self.number();
                self.enter(payment(number, number, 0));
            }
            Step::Replace(number) => {
                if let Some(txid) = self.pick(*number) {
                    let spent = self.leave(txid).input[0].previous_output;
                    let number = self.number();
                    let mut better = payment(number, 0, 0);
                    better.input[0].previous_output = spent;
                    self.enter(better);
                }
            }
            Step::Evict(number) => {
                if let Some(txid) = self.pick(*number) {
                    let evicted = self.leave(txid);
                    self.evicted.push(evicted);
                }
            }
            Step::EnterAgain(number) => {
                if !self.evicted.is_empty() {
                    let at = number % self.evicted.len();
                    let again = self.evicted.remove(at);
                    self.enter(again);
                }
            }
            Step::Mine { share, conflict } => self.mine(*share, *conflict),
            Step::Reorg { depth, share } => self.reorganise(*depth, *share),
        }
    }

    fn mine(&mut self, share: usize, conflict: bool) {
        let mut chosen: Vec<Transaction> = self.mempool.values().step_by(share).cloned().collect();
        let left: Vec<Txid> = self
            .mempool
            .keys()
            .filter(|txid| !chosen.iter().any(|other| other.compute_txid() == **txid))
            .copied()
            .collect();
        if let Some(txid) = left.first().filter(|_| conflict) {
            let spent = self.leave(*txid).input[0].previous_output;
            let number = self.number();
            let mut foreign = payment(number, 0, 0);
            foreign.input[0].previous_output = spent;
            chosen.push(foreign);
        }
        self.connect(chosen);
    }

    /// What was in the abandoned blocks is in the new ones, comes back to the mempool, or conflicts with them and leaves
    /// without a message.
    fn reorganise(&mut self, depth: usize, share: usize) {
        let mut freed = Vec::new();
        for _ in 0..depth.min(self.chain.len()) {
            let block = self.chain.pop().unwrap();
            let run = block.transactions.iter().cloned().map(Message::RawTx);
            self.messages.extend(run);
            self.say(SequenceEvent::BlockDisconnected(block.hash));
            freed.extend(block.transactions.into_iter().skip(1));
        }
        let (mined, rest): (Vec<_>, Vec<_>) = freed
            .into_iter()
            .enumerate()
            .partition(|(at, _)| at % (share + 1) == 0);
        let of =
            |part: Vec<(usize, Transaction)>| part.into_iter().map(|(_, transaction)| transaction);
        self.connect(of(mined).collect());
        self.connect(Vec::new());
        for (at, transaction) in of(rest).enumerate() {
            if at % 3 != 2 {
                self.enter(transaction);
            }
        }
    }

    /// The payments of the window, and whether they are confirmed.
    fn window(&self) -> BTreeMap<Txid, State> {
        let mempool = self.mempool.keys().map(|txid| (*txid, State::Mempool));
        let mined = self.chain.iter().flat_map(|block| &block.transactions[1..]);
        let mined = mined.map(|mined| (mined.compute_txid(), State::Confirmed));
        mempool.chain(mined).collect()
    }
}

fn payment(number: u32, spent: u32, vout: u32) -> Transaction {
    let mut txid = [0xa5; 32];
    txid[..4].copy_from_slice(&spent.to_le_bytes());
    let output = |value_sats| TxOut {
        value: Amount::from_sat(value_sats),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array(txid), vout),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![output(51_234), output(1_000_001 + 10 * u64::from(number))],
    }
}

/// The tracker and what its events add up to.
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

    /// Takes what the tracker decided. A run that began before the connection: the node is asked, which has moved on meanwhile.
    fn apply(&mut self, node: &Model) {
        let out = self.tracker.take_outbox(Outbox::default());
        for (_, event) in &out.events {
            self.window.apply(event, self.now_ms);
        }
        self.journal.extend(out.records);
        for wanted in out.wanted {
            if let Wanted::Block(hash) = wanted
                && let Some(at) = node.chain.iter().position(|block| block.hash == hash)
            {
                self.tracker.fetched_block(fetched(node, at), self.now_ms);
                self.apply(node);
            }
        }
    }

    fn hear(&mut self, message: &Message, node: &Model) {
        self.now_ms += 1;
        match message {
            Message::RawTx(transaction) => {
                let body = serialize(transaction);
                self.tracker.transaction(&body, self.now_ms).unwrap();
            }
            Message::Sequence(event) => {
                self.tracker.sequence(*event, self.now_ms, &mut self.gate);
            }
        }
        self.apply(node);
    }

    /// As a reading does it.
    fn ask(&mut self, node: &Model) {
        let now_ms = self.now_ms;
        let known = self.tracker.known_blocks();
        let is_missing = |at: &usize| !known.contains(&node.chain[*at].hash);
        let missing: Vec<usize> = (0..node.chain.len()).filter(is_missing).collect();
        let in_chain = |hash: &BlockHash| node.chain.iter().any(|block| block.hash == *hash);
        let abandoned: Vec<BlockHash> = known.into_iter().filter(|hash| !in_chain(hash)).collect();
        self.tracker.abandon(&abandoned, now_ms);
        for at in missing {
            self.tracker.fetched_block(fetched(node, at), now_ms);
        }
        let mempool: Vec<Txid> = node.mempool.keys().copied().collect();
        let missing = self.tracker.missing(&mempool, now_ms);
        let entered: Vec<(Txid, u64)> = missing.into_iter().map(|txid| (txid, now_ms)).collect();
        self.tracker.stamp(&entered, now_ms);
        for (txid, _) in entered {
            if self.tracker.wants_content(&txid, now_ms) {
                self.tracker
                    .fetched_transaction(&node.mempool[&txid], now_ms);
            }
        }
        self.tracker.are_in_mempool(&mempool, now_ms);
        self.tracker.settle(&mempool, now_ms);
        self.apply(node);
    }

    /// Another process on the same journal.
    fn restart(&mut self) {
        let mut next = Reader::new();
        next.now_ms = self.now_ms;
        for record in self.journal.drain(..) {
            next.tracker.restore(record);
        }
        next.tracker.restored(next.now_ms);
        next.apply(&Model::default());
        next.journal = next.tracker.records().collect();
        *self = next;
    }

    fn settle(&mut self, node: &Model) {
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

fn fetched(node: &Model, at: usize) -> FetchedBlock {
    FetchedBlock {
        hash: node.chain[at].hash,
        height: Some(at as u32 + 1),
        time_ms: NOW,
        transactions: node.chain[at].transactions.clone(),
    }
}

/// The node after each step.
fn history(steps: &[Step]) -> Vec<Model> {
    let mut node = Model::default();
    let mut states = vec![node.clone()];
    for step in steps {
        node.act(step);
        states.push(node.clone());
    }
    states
}

fn expect(reader: &Reader, node: &Model) -> Result<(), TestCaseError> {
    let expected: BTreeSet<Txid> = node.mempool.keys().copied().collect();
    prop_assert_eq!(reader.mempool(), expected);
    prop_assert_eq!(reader.states(), node.window());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn all_messages_give_the_nodes_state(steps in prop::collection::vec(step(), 1..40)) {
        let node = history(&steps).pop().unwrap();
        let mut reader = Reader::new();
        node.messages.iter().for_each(|message| reader.hear(message, &node));
        reader.settle(&node);
        expect(&reader, &node)?;
    }

    /// Connected at some message, asked at a later moment, with the messages in between still to come.
    #[test]
    fn a_connection_at_any_message_with_the_answer_of_any_later_moment(
        steps in prop::collection::vec(step(), 1..40),
        (connected, asked, behind) in (0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0),
    ) {
        let states = history(&steps);
        let node = states.last().unwrap();
        let asked = &states[(asked * states.len() as f64) as usize];
        let connected = (connected * asked.messages.len() as f64) as usize;
        let heard = connected + (behind * (asked.messages.len() - connected) as f64) as usize;
        let mut reader = Reader::new();
        node.messages[connected..heard].iter().for_each(|message| reader.hear(message, asked));
        reader.ask(asked);
        node.messages[heard..].iter().for_each(|message| reader.hear(message, node));
        reader.settle(node);
        expect(&reader, node)?;
    }

    /// Killed after some message and started again at a later one, with the journal and the node's answer.
    #[test]
    fn a_killed_process_comes_back_with_its_own_stamps(
        steps in prop::collection::vec(step(), 1..40),
        (killed, back) in (0.0f64..1.0, 0.0f64..1.0),
    ) {
        let states = history(&steps);
        let node = states.last().unwrap();
        let at_return = &states[(back * states.len() as f64) as usize];
        let back = at_return.messages.len();
        let killed = (killed * back as f64) as usize;
        let mut undisturbed = Reader::new();
        let mut reader = Reader::new();
        let mut stamped: Vec<Txid> = Vec::new();
        for (at, message) in node.messages.iter().enumerate() {
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
        if back == node.messages.len() {
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
