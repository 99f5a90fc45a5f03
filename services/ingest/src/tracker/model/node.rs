//! The model of a node: its mempool, its blocks, its clock, and its messages.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
};

use bitcoin::{BlockHash, OutPoint, Transaction, Txid, hashes::Hash as _};
use satscope_bitcoin::frame::SequenceEvent;
use satscope_log::State;

use super::{
    NOW,
    step::{DAY_MS, HOUR_MS, Step},
};
use crate::tracker::{
    FetchedBlock,
    made::{height_script, spending},
};

/// A message of the node, or an incident of the connection to it.
#[derive(Clone, Debug)]
pub enum Word {
    RawTx(Transaction),
    Sequence(SequenceEvent),
    /// The whole block, sent only for the last block of a step.
    RawBlock(BlockHash),
    /// The node's sockets and counters begin anew.
    Begin,
    /// Some messages were lost, as the counter of the next one shows.
    Lost,
}

/// A block.
#[derive(Clone, Debug)]
pub struct Mined {
    pub hash: BlockHash,
    pub height: u32,
    pub previous: Option<BlockHash>,
    /// The header's time, Unix seconds.
    pub time: u64,
    pub transactions: Vec<Transaction>,
}

impl Mined {
    /// The block as the node answers it.
    pub fn fetched(&self) -> FetchedBlock {
        FetchedBlock {
            hash: self.hash,
            height: Some(self.height),
            time_ms: self.time * 1000,
            transactions: self.transactions.clone(),
        }
    }

    /// Its transactions without the coinbase.
    pub fn txids(&self) -> impl Iterator<Item = Txid> {
        self.transactions[1..].iter().map(Transaction::compute_txid)
    }
}

/// When a transaction was first seen, Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The earliest and the latest time that any source gives, apart from entry times that a re-org set.
    pub told_ms: RangeInclusive<u64>,
    /// When its entry time was set anew, because its block was disconnected.
    pub reset_ms: Option<u64>,
}

impl Truth {
    fn also(&mut self, told_ms: &RangeInclusive<u64>) {
        let first_ms = *self.told_ms.start().min(told_ms.start());
        let last_ms = *self.told_ms.end().max(told_ms.end());
        self.told_ms = first_ms..=last_ms;
    }
}

/// The node.
#[derive(Clone, Debug)]
pub struct ModelNode {
    pub now_ms: u64,
    /// The transactions of the mempool with their entry times, Unix milliseconds.
    pub mempool: BTreeMap<Txid, (Transaction, u64)>,
    evicted: Vec<Transaction>,
    pub chain: Vec<Mined>,
    /// All blocks, those of other branches too.
    pub blocks: HashMap<BlockHash, Mined>,
    /// All messages and incidents so far.
    pub words: Vec<Word>,
    /// The number that the next `A` or `R` will have.
    pub number: u64,
    pub truth: BTreeMap<Txid, Truth>,
    /// Transactions that have been in a mempool.dat.
    pub loaded: BTreeSet<Txid>,
    pub is_downloading: bool,
    pub is_loading: bool,
    made: u32,
}

impl Default for ModelNode {
    fn default() -> ModelNode {
        ModelNode {
            now_ms: NOW,
            mempool: BTreeMap::new(),
            evicted: Vec::new(),
            chain: Vec::new(),
            blocks: HashMap::new(),
            words: Vec::new(),
            number: 1,
            truth: BTreeMap::new(),
            loaded: BTreeSet::new(),
            is_downloading: false,
            is_loading: false,
            made: 0,
        }
    }
}

impl ModelNode {
    /// The newest block's hash; all zeros, which no block has, if the chain is empty.
    pub fn tip(&self) -> BlockHash {
        self.chain
            .last()
            .map_or(BlockHash::all_zeros(), |block| block.hash)
    }

    fn make(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    fn payment(&mut self) -> Transaction {
        let number = self.make();
        payment(number, made_up(number), 0)
    }

    fn note(&mut self, txid: Txid, told_ms: RangeInclusive<u64>) {
        let truth = self.truth.entry(txid).or_insert_with(|| Truth {
            told_ms: told_ms.clone(),
            reset_ms: None,
        });
        truth.also(&told_ms);
    }

    /// Puts a transaction into the mempool, with the present second as its entry time.
    fn enter(&mut self, transaction: Transaction) {
        let entered_ms = self.now_ms - self.now_ms % 1000;
        self.note(transaction.compute_txid(), entered_ms..=self.now_ms);
        self.publish(transaction, entered_ms);
    }

    fn publish(&mut self, transaction: Transaction, entered_ms: u64) {
        let txid = transaction.compute_txid();
        self.words.push(Word::RawTx(transaction.clone()));
        self.words
            .push(Word::Sequence(SequenceEvent::Added(txid, self.number)));
        self.number += 1;
        self.mempool.insert(txid, (transaction, entered_ms));
    }

    fn leave(&mut self, txid: Txid) -> Transaction {
        self.words
            .push(Word::Sequence(SequenceEvent::Removed(txid, self.number)));
        self.number += 1;
        self.mempool.remove(&txid).unwrap().0
    }

    fn pick(&self, number: usize) -> Option<Txid> {
        let count = self.mempool.len().max(1);
        self.mempool.keys().nth(number % count).copied()
    }

    fn connect(&mut self, transactions: Vec<Transaction>, time_ms: u64) {
        let number = self.make();
        let height = self.chain.len() as u32 + 1;
        let mut coinbase = payment(number, made_up(number), u32::MAX);
        coinbase.input[0].previous_output = OutPoint::null();
        coinbase.input[0].script_sig = height_script(i64::from(height));
        let mut hash = [0xb1; 32];
        hash[..4].copy_from_slice(&number.to_le_bytes());
        let block = Mined {
            hash: BlockHash::from_byte_array(hash),
            height,
            previous: self.chain.last().map(|block| block.hash),
            time: time_ms / 1000,
            transactions: [vec![coinbase], transactions].concat(),
        };
        // A reader that was away takes the header's time, which may be ahead.
        let header_ms = block.time * 1000;
        let met_ms = header_ms.min(self.now_ms)..=header_ms;
        for txid in block.txids() {
            self.mempool.remove(&txid);
            self.note(txid, met_ms.clone());
        }
        let run = block.transactions.iter().cloned().map(Word::RawTx);
        self.words.extend(run);
        self.words
            .push(Word::Sequence(SequenceEvent::BlockConnected(block.hash)));
        self.blocks.insert(block.hash, block.clone());
        self.chain.push(block);
    }

    /// Does a step, 10 ms after the one before.
    pub fn act(&mut self, step: &Step) {
        self.now_ms += 10;
        let connected = self.chain.len();
        match step {
            Step::Enter => {
                let payment = self.payment();
                self.enter(payment);
            }
            Step::Replace(number) => {
                if let Some(txid) = self.pick(*number) {
                    let spent = self.leave(txid).input[0].previous_output;
                    let better = self.conflicting(spent);
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
            Step::Mine {
                share,
                conflict,
                foreign,
                ahead_s,
            } => {
                self.mine(*share, *conflict, *foreign, *ahead_s);
            }
            Step::Reorg { depth, share } => self.reorganise(*depth, *share),
            Step::Pass(ms) => self.now_ms += ms,
            Step::Import(age_ms) => self.import(*age_ms),
            Step::Restart(off_ms) => self.restart(*off_ms),
            Step::Loaded => self.is_loading = false,
            Step::CatchUp(off_ms) => self.catch_up(*off_ms),
            Step::Download => self.download(),
            Step::Downloaded => self.is_downloading = false,
        }
        if self.chain.len() > connected || matches!(step, Step::Reorg { .. }) {
            self.words.push(Word::RawBlock(self.tip()));
        }
    }

    fn conflicting(&mut self, spent: OutPoint) -> Transaction {
        let number = self.make();
        let mut other = payment(number, made_up(0), 0);
        other.input[0].previous_output = spent;
        other
    }

    fn mine(&mut self, share: usize, conflict: bool, foreign: bool, ahead_s: i64) {
        let mempool = self.mempool.values().map(|(transaction, _)| transaction);
        let mut chosen: Vec<Transaction> = mempool.step_by(share).cloned().collect();
        let left: Vec<Txid> = self
            .mempool
            .keys()
            .filter(|txid| !chosen.iter().any(|other| other.compute_txid() == **txid))
            .copied()
            .collect();
        if let Some(txid) = left.first().filter(|_| conflict) {
            let spent = self.leave(*txid).input[0].previous_output;
            chosen.push(self.conflicting(spent));
        }
        if foreign {
            chosen.push(self.payment());
        }
        let time_ms = self.now_ms.saturating_add_signed(ahead_s * 1000);
        self.connect(chosen, time_ms);
    }

    /// Replaces the newest blocks. Their transactions are mined in the new blocks, come back to the mempool, or leave
    /// without a message.
    fn reorganise(&mut self, depth: usize, share: usize) {
        let mut freed = Vec::new();
        for _ in 0..depth.min(self.chain.len()) {
            let block = self.chain.pop().unwrap();
            let run = block.transactions.iter().cloned().map(Word::RawTx);
            self.words.extend(run);
            self.words
                .push(Word::Sequence(SequenceEvent::BlockDisconnected(block.hash)));
            freed.extend(block.transactions.into_iter().skip(1));
        }
        let (mined, rest): (Vec<_>, Vec<_>) = freed
            .into_iter()
            .enumerate()
            .partition(|(at, _)| at % (share + 1) == 0);
        let of =
            |part: Vec<(usize, Transaction)>| part.into_iter().map(|(_, transaction)| transaction);
        self.connect(of(mined).collect(), self.now_ms);
        self.connect(Vec::new(), self.now_ms);
        for (at, transaction) in of(rest).enumerate() {
            if at % 3 != 2 {
                let entered_ms = self.now_ms - self.now_ms % 1000;
                if let Some(truth) = self.truth.get_mut(&transaction.compute_txid()) {
                    truth.reset_ms = Some(self.now_ms);
                }
                self.publish(transaction, entered_ms);
            }
        }
    }

    fn import(&mut self, age_ms: u64) {
        let entered_ms = (self.now_ms - age_ms) / 1000 * 1000;
        for _ in 0..80 {
            let imported = self.payment();
            self.note(imported.compute_txid(), entered_ms..=entered_ms);
            self.publish(imported, entered_ms);
        }
    }

    /// Starts the node again, which loads its whole mempool.dat; the transactions keep their entry times.
    fn restart(&mut self, off_ms: u64) {
        self.now_ms += off_ms;
        self.words.push(Word::Begin);
        self.number = 1;
        self.is_loading = true;
        let kept = std::mem::take(&mut self.mempool);
        for (txid, (transaction, entered_ms)) in kept {
            self.loaded.insert(txid);
            self.publish(transaction, entered_ms);
        }
    }

    fn catch_up(&mut self, off_ms: u64) {
        self.restart(off_ms);
        self.is_loading = false;
        let began_ms = self.now_ms - off_ms;
        for part in 1..=4 {
            let missed = vec![self.payment()];
            self.connect(missed, began_ms + off_ms * part / 5);
        }
    }

    fn download(&mut self) {
        let is_synchronised = self
            .chain
            .last()
            .is_some_and(|tip| tip.time * 1000 + DAY_MS > self.now_ms);
        if is_synchronised {
            return;
        }
        self.is_downloading = true;
        for part in 1..=5 {
            let old = vec![self.payment()];
            self.connect(old, self.now_ms - 30 * DAY_MS + part * HOUR_MS);
        }
    }

    /// The payments that its mempool and its best chain have, and whether they are confirmed.
    pub fn window(&self) -> BTreeMap<Txid, State> {
        let mempool = self.mempool.keys().map(|txid| (*txid, State::Mempool));
        let mined = self.chain.iter().flat_map(Mined::txids);
        let mined = mined.map(|txid| (txid, State::Confirmed));
        mempool.chain(mined).collect()
    }
}

fn made_up(number: u32) -> Txid {
    let mut txid = [0xa5; 32];
    txid[..4].copy_from_slice(&number.to_le_bytes());
    Txid::from_byte_array(txid)
}

fn payment(number: u32, spent: Txid, vout: u32) -> Transaction {
    let values_sats = [51_234, 1_000_001 + 10 * u64::from(number)];
    spending(OutPoint::new(spent, vout), values_sats)
}

/// The node after each step.
pub fn history(steps: &[Step]) -> Vec<ModelNode> {
    let mut node = ModelNode::default();
    let mut states = vec![node.clone()];
    for step in steps {
        node.act(step);
        states.push(node.clone());
    }
    states
}
