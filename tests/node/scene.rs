//! A node, the two watchers beside it, and what was done to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bitcoin::{BlockHash, Transaction, Txid};
use satscope_filter::Filter;
use satscope_proto::v1::TransactionState;

use crate::{
    bitcoind::{Bitcoind, Block},
    checks::{self, InWindow, Outcome, Price},
    coins::Purse,
    ledger::{Expected, Span, WINDOW_MS},
    watcher::Watcher,
};
use satscope_kit::clock::unix_ms;

/// The price that is paid by, USD for one BTC.
pub const PRICE_USD: f64 = 97_350.0;
/// The price that was paid by long ago.
pub const OLD_PRICE_USD: f64 = 88_000.0;
/// The hours before now at which the blocks lie that make the coins: outside of the window, and less than a day.
const COINS_MADE_SECONDS: u64 = 4 * 3600;

/// Transactions sent in one span: the fewer, the narrower is the range of their stamps.
const AT_ONCE: usize = 50;

/// A node with coins, and its watchers.
pub struct Scene {
    name: &'static str,
    pub node: Bitcoind,
    pub purse: Purse,
    pub watchers: Vec<Watcher>,
    /// The price that the watchers must give.
    pub price: Price,
    /// Whether ingest counts all that its ledger has, and nothing else.
    pub counters: bool,
    /// Transactions of blocks from before the window: they are counted, and not looked into.
    pub passed_over: usize,
    blocks: HashMap<BlockHash, Block>,
    /// The transactions that pass the filter.
    payments: BTreeSet<Txid>,
    failures: Vec<String>,
}

impl Scene {
    /// A node with this number of coins, and two watchers that are in step with it.
    pub async fn set(name: &'static str, flags: &[&str], coins: usize) -> Scene {
        Scene::set_at(name, flags, coins, unix_ms() / 1000 - COINS_MADE_SECONDS).await
    }

    /// The same with coins from blocks of this time, Unix seconds.
    pub async fn set_at(name: &'static str, flags: &[&str], coins: usize, made: u64) -> Scene {
        let node = Bitcoind::start(name, flags).await;
        let purse = Purse::fill(&node, coins, 0, made).await;
        let mut scene = Scene::on(name, node, purse);
        scene.watch().await;
        scene.are_in_step().await;
        scene
    }

    /// A node without watchers yet.
    pub fn on(name: &'static str, node: Bitcoind, purse: Purse) -> Scene {
        Scene {
            name,
            node,
            purse,
            watchers: Vec::new(),
            price: Price::Open,
            counters: true,
            passed_over: 0,
            blocks: HashMap::new(),
            payments: BTreeSet::new(),
            failures: Vec::new(),
        }
    }

    /// Starts new watchers without journals, whether the node runs or not.
    pub async fn watch(&mut self) {
        self.watchers.clear();
        for name in ["left alone", "killed"] {
            self.watchers
                .push(Watcher::start(name, self.name, &self.node).await);
        }
    }

    /// Waits until the living watchers are in step; transactions that they could only read from the node are noted by its times.
    pub async fn are_in_step(&mut self) {
        for watcher in self
            .watchers
            .iter()
            .filter(|watcher| watcher.ingest().is_some())
        {
            watcher.is_in_step().await;
        }
        self.learn().await;
    }

    /// Notes all that the living watchers have not met: the mempool by entry times, the window's blocks by header times.
    pub async fn learn(&mut self) {
        let blocks = self.branch().await;
        for watcher in &mut self.watchers {
            if watcher.ingest().is_none() {
                continue;
            }
            for block in &blocks {
                for txid in &block.txids {
                    watcher
                        .ledger
                        .note(*txid, Expected::in_missed_block(block.time));
                }
            }
            watcher.learn_mempool(&self.node).await;
        }
    }

    /// Hands transactions in, each for itself.
    pub async fn send(&mut self, transactions: &[Transaction]) {
        for part in transactions.chunks(AT_ONCE) {
            let from = unix_ms();
            self.node.send(part).await;
            self.sent(part, &(from..=unix_ms()));
        }
    }

    /// Hands a package in.
    pub async fn send_package(&mut self, package: &[Transaction]) {
        let from = unix_ms();
        self.node.submit_package(package).await;
        self.sent(package, &(from..=unix_ms()));
    }

    /// Sends this number of payments at the scene's price.
    pub async fn pay(&mut self, count: usize) -> Vec<Transaction> {
        let payments = self.purse.payments(count, PRICE_USD);
        self.send(&payments).await;
        payments
    }

    /// Notes transactions that the node accepted in this span.
    pub fn sent(&mut self, transactions: &[Transaction], span: &Span) {
        self.judge(transactions);
        for transaction in transactions {
            let txid = transaction.compute_txid();
            self.note(txid, &Expected::live(span));
        }
    }

    /// Notes which transactions the filter lets pass, wherever they were sent.
    pub fn judge(&mut self, transactions: &[Transaction]) {
        let filter = Filter::default();
        let passing = transactions
            .iter()
            .filter(|transaction| filter.judge(*transaction, |_| false).is_ok());
        self.payments.extend(passing.map(Transaction::compute_txid));
    }

    fn note(&mut self, txid: Txid, expected: &Expected) {
        for watcher in &mut self.watchers {
            if watcher.ingest().is_some() {
                watcher.ledger.note(txid, expected.clone());
            }
        }
    }

    /// Mines this number of blocks with the mempool's transactions.
    pub async fn mine(&mut self, blocks: u32) -> Vec<BlockHash> {
        let from = unix_ms();
        let hashes = self.node.generate(blocks).await;
        self.mined(&hashes, &(from..=unix_ms())).await;
        hashes
    }

    /// Mines one block with just these transactions.
    pub async fn mine_just(&mut self, transactions: &[Transaction]) -> BlockHash {
        self.judge(transactions);
        let from = unix_ms();
        let hash = self.node.generate_with(transactions).await;
        self.mined(&[hash], &(from..=unix_ms())).await;
        hash
    }

    /// Notes the transactions that are first met in these blocks, which came in this span.
    pub async fn mined(&mut self, hashes: &[BlockHash], span: &Span) {
        for hash in hashes {
            let block = self.node.block(*hash).await;
            for txid in &block.txids {
                self.note(*txid, &Expected::in_block(block.time, span));
            }
            self.blocks.insert(*hash, block);
        }
    }

    /// Kills the ingest of the second watcher once it has what the node has.
    pub async fn kill(&mut self) {
        let watcher = self.watchers.last().expect("watchers");
        if let Err(difference) = checks::mempool(watcher, &self.node).await {
            self.failures.push(format!("before a kill: {difference}"));
        }
        self.watchers.last_mut().expect("watchers").kill().await;
    }

    /// Starts it again, and waits until it is in step.
    pub async fn restart(&mut self) {
        self.watchers.last_mut().expect("watchers").restart().await;
        self.are_in_step().await;
    }

    /// Holds both watchers to the node; prints what holds, and keeps what does not for the scene's end.
    pub async fn check(&mut self, situation: &str) {
        let mempool = self.node.mempool().await;
        let blocks = self.branch().await;
        let confirmed: BTreeSet<Txid> = blocks.into_iter().flat_map(|block| block.txids).collect();
        let mut failures = Vec::new();
        for (watcher, is_left_alone) in self.watchers.iter().zip([true, false]) {
            let expected = self.window_of(watcher, &mempool, &confirmed);
            let mut outcomes = vec![
                ("mempool", checks::mempool(watcher, &self.node).await),
                ("window", checks::window(watcher, &expected).await),
                ("price", checks::price(watcher, self.price).await),
            ];
            // A killed ingest counts anew: its journal's transactions, and those that came after.
            if is_left_alone && self.counters {
                outcomes.push((
                    "counters",
                    checks::received(watcher, self.passed_over).await,
                ));
            }
            failures.extend(report(situation, watcher.name, outcomes));
        }
        self.failures.extend(failures);
    }

    /// Keeps a difference that a situation found itself.
    pub fn hold(&mut self, situation: &str, number: usize, what: &'static str, outcome: Outcome) {
        let failures = report(situation, self.watchers[number].name, vec![(what, outcome)]);
        self.failures.extend(failures);
    }

    /// The transactions that a watcher's window must have now.
    fn window_of(
        &self,
        watcher: &Watcher,
        mempool: &BTreeSet<Txid>,
        confirmed: &BTreeSet<Txid>,
    ) -> BTreeMap<Txid, InWindow> {
        let since_ms = unix_ms() - WINDOW_MS;
        let met = watcher.ledger.iter().filter(|(txid, expected)| {
            self.payments.contains(*txid) && expected.is_after(since_ms)
        });
        met.filter_map(|(txid, expected)| {
            let state = if confirmed.contains(txid) {
                TransactionState::Confirmed
            } else if mempool.contains(txid) {
                TransactionState::Mempool
            } else {
                return None;
            };
            Some((
                *txid,
                InWindow {
                    expected: expected.clone(),
                    state,
                },
            ))
        })
        .collect()
    }

    /// The blocks of the best chain within the window, newest first.
    async fn branch(&mut self) -> Vec<Block> {
        let since_ms = unix_ms() - WINDOW_MS;
        let mut branch = Vec::new();
        let mut next = Some(self.node.tip().await);
        while let Some(hash) = next {
            if !self.blocks.contains_key(&hash) {
                let block = self.node.block(hash).await;
                self.blocks.insert(hash, block);
            }
            let block = self.blocks[&hash].clone();
            if block.time * 1000 < since_ms {
                break;
            }
            next = block.previous;
            branch.push(block);
        }
        branch
    }

    /// Fails with all that did not hold.
    pub fn end(self) {
        assert!(
            self.failures.is_empty(),
            "{}:\n{}",
            self.name,
            self.failures.join("\n")
        );
    }
}

/// Prints a line, and gives the failures.
fn report(situation: &str, watcher: &str, outcomes: Vec<(&'static str, Outcome)>) -> Vec<String> {
    let word = |(what, outcome): &(&str, Outcome)| {
        format!("{what} {}", if outcome.is_ok() { "holds" } else { "FAILS" })
    };
    let words: Vec<String> = outcomes.iter().map(word).collect();
    println!("{situation}, {watcher}: {}", words.join(", "));
    let failed = outcomes
        .into_iter()
        .filter_map(|(what, outcome)| Some((what, outcome.err()?)));
    let lines: Vec<String> = failed
        .map(|(what, difference)| format!("{situation}, {watcher}, {what}: {difference}"))
        .collect();
    lines.iter().for_each(|line| println!("  {line}"));
    lines
}
