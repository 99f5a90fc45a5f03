//! A simulated Bitcoin: payments at a hidden price, blocks, replacements, conflicts and re-orgs, one event at a time.
//!
//! Pure: it knows its own time only, in seconds since its start, and changes the [`Chain`] that it is given. The same
//! parameters and seed give the same transactions in the same order.

mod amounts;
mod coins;
mod habits;
pub mod market;
pub mod miner;
pub mod past;
mod payments;
pub mod scripts;

use std::collections::VecDeque;

use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Network, Txid};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::market::{Market, exponential};
use self::payments::Payments;
use crate::chain::{Chain, Frames, PastChain};

/// Height of the block that a simulated chain starts on.
pub const START_HEIGHT: u32 = 930_000;
/// The mempool's size in virtual bytes, beside the backlog, above which the cheapest transactions are evicted.
const MAX_MEMPOOL_VBYTES: u64 = 8_000_000;
/// The virtual bytes that an eviction then makes free.
const ROOM_VBYTES: u64 = 500_000;
/// The range of times before the start at which the backlog came in, in seconds: all before the window.
const BACKLOG_SECONDS: std::ops::Range<f64> = 11_000.0..250_000.0;
/// The number of latest transactions that may be replaced.
const CANDIDATES: usize = 200;
/// The share of an abandoned block's transactions that the other branch holds too.
const SHARED_BY_BRANCHES: f64 = 0.8;

/// The parameters of a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// The seed, by which a run can be repeated.
    pub seed: u64,
    /// Transactions a second, on average.
    pub rate: f64,
    /// The hidden price at the start, in USD for one BTC.
    pub price_usd: f64,
    /// Standard deviation of the price's logarithm over a year.
    pub volatility: f64,
    /// Seconds between blocks, on average.
    pub block_interval: f64,
    /// Share of the transactions that replace an earlier one.
    pub replace_share: f64,
    /// Share of the blocks with a transaction that conflicts with one of the mempool.
    pub conflict_share: f64,
    /// Share of the blocks that are abandoned for a branch of two.
    pub reorg_share: f64,
    /// Transactions in the mempool at the start, from before the window and too cheap to be mined soon.
    pub backlog: usize,
}

/// The simulated world, without the chain that its events change.
pub struct Simulation {
    parameters: Parameters,
    rng: ChaCha8Rng,
    market: Market,
    payments: Payments,
    candidates: VecDeque<Txid>,
    max_mempool_vbytes: u64,
    /// Unix seconds at its start.
    start: f64,
    next_transaction: f64,
    next_block: f64,
}

impl Simulation {
    /// A simulation that starts at `start` (Unix seconds), and the chain to run it on.
    #[cfg(test)]
    pub fn new(parameters: Parameters, start: f64) -> (Simulation, Chain) {
        Simulation::upon(None, parameters, start)
    }

    /// A simulation that starts at `start` (Unix seconds) upon a past, and the chain to run it on. The past changes nothing but
    /// the hashes of the blocks.
    pub fn upon(
        past: Option<PastChain>,
        parameters: Parameters,
        start: f64,
    ) -> (Simulation, Chain) {
        let mut rng = stream(parameters.seed, 0);
        let market = Market::new(
            stream(parameters.seed, 1),
            parameters.price_usd,
            parameters.volatility,
        );
        let unknown = BlockHash::from_byte_array(scripts::bytes(&mut rng));
        let previous = past.as_ref().map_or(unknown, PastChain::tip_hash);
        let first = miner::mine_on(previous, START_HEIGHT, Vec::new(), start, &mut rng);
        let next_transaction = exponential(&mut rng, 1.0 / parameters.rate);
        let next_block = exponential(&mut rng, parameters.block_interval);
        let mut chain = Chain::upon(past, Network::Bitcoin, first);
        fill(&mut chain, &parameters, start);
        let simulation = Simulation {
            payments: Payments::new(stream(parameters.seed, 2)),
            max_mempool_vbytes: chain.mempool.vbytes() + MAX_MEMPOOL_VBYTES,
            candidates: VecDeque::with_capacity(CANDIDATES),
            parameters,
            rng,
            market,
            start,
            next_transaction,
            next_block,
        };
        (simulation, chain)
    }

    /// The hidden price after the last event, in USD for one BTC.
    pub fn price_usd(&self) -> f64 {
        self.market.price_usd()
    }

    /// When the next event happens, Unix seconds.
    pub fn next_time(&self) -> f64 {
        self.start + self.next_transaction.min(self.next_block)
    }

    /// Lets all future events happen `seconds` later.
    pub fn postpone(&mut self, seconds: f64) {
        self.start += seconds;
    }

    /// Lets the next event happen; returns the messages that Core would publish.
    pub fn step(&mut self, chain: &mut Chain) -> Frames {
        let seconds = self.next_transaction.min(self.next_block);
        self.market.advance(seconds);
        if seconds < self.next_block {
            self.next_transaction += exponential(&mut self.rng, 1.0 / self.parameters.rate);
            self.transaction(chain, self.start + seconds)
        } else {
            self.next_block += exponential(&mut self.rng, self.parameters.block_interval);
            self.block(chain, self.start + seconds)
        }
    }

    fn transaction(&mut self, chain: &mut Chain, time: f64) -> Frames {
        if self.rng.random_bool(self.parameters.replace_share)
            && let Some(frames) = self.replacement(chain, time)
        {
            return frames;
        }
        let tx = self.payments.next(self.price_usd(), chain.tip().height);
        if tx.replaceable {
            self.remember(tx.txid);
        }
        let mut frames = chain.accept(tx, time);
        if chain.mempool.vbytes() > self.max_mempool_vbytes {
            frames.extend(self.evict_cheapest(chain));
        }
        frames
    }

    fn remember(&mut self, txid: Txid) {
        if self.candidates.len() == CANDIDATES {
            self.candidates.pop_front();
        }
        self.candidates.push_back(txid);
    }

    /// Replaces one of the latest transactions that nothing was built on yet.
    fn replacement(&mut self, chain: &mut Chain, time: f64) -> Option<Frames> {
        let old = self.pick_candidate(chain)?;
        let new = self.payments.raise_fee(&chain.mempool.get(&old)?.tx)?;
        self.payments.forget(&old);
        Some(chain.accept(new, time))
    }

    fn pick_candidate(&mut self, chain: &Chain) -> Option<Txid> {
        if self.candidates.is_empty() {
            return None;
        }
        let at = self.rng.random_range(0..self.candidates.len());
        let txid = self.candidates.remove(at)?;
        let entry = chain.mempool.get(&txid)?;
        chain.mempool.children(&entry.tx).is_empty().then_some(txid)
    }

    /// Evicts the cheapest transactions until there is `ROOM_VBYTES` of room, because one at a time would need a search each.
    fn evict_cheapest(&mut self, chain: &mut Chain) -> Frames {
        let mut by_rate: Vec<(f64, Txid)> = chain
            .mempool
            .entries()
            .map(|entry| (entry.tx.fee_rate(), entry.tx.txid))
            .collect();
        by_rate.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut frames = Frames::new();
        for (_, txid) in by_rate {
            if chain.mempool.vbytes() <= self.max_mempool_vbytes - ROOM_VBYTES {
                break;
            }
            if chain.mempool.contains(&txid) {
                for gone in chain.mempool.with_descendants(txid) {
                    self.payments.forget(&gone);
                }
                frames.extend(chain.evict(txid));
            }
        }
        frames
    }

    fn block(&mut self, chain: &mut Chain, time: f64) -> Frames {
        let whole = chain.tip().txs.is_some() && chain.tip().height > START_HEIGHT;
        let frames = if whole && self.rng.random_bool(self.parameters.reorg_share) {
            self.reorganize(chain, time)
        } else {
            self.extend(chain, time)
        };
        self.payments.block_mined();
        frames
    }

    fn extend(&mut self, chain: &mut Chain, time: f64) -> Frames {
        let mut txs = miner::select(&chain.mempool);
        if self.rng.random_bool(self.parameters.conflict_share)
            && let Some(old) = self.pick_candidate(chain)
            && let Some(at) = txs.iter().position(|tx| tx.txid == old)
            && let Some(rival) = miner::rival(&txs[at], &mut self.rng)
        {
            self.payments.forget(&old);
            txs[at] = rival;
        }
        let block = miner::mine(chain, txs, time, &mut self.rng);
        let mut frames = chain.connect(block.clone());
        frames.extend(block.connected_frames(true));
        frames
    }

    /// Abandons the tip for a branch of two blocks in one step. Transactions that only the old tip held go back into the
    /// mempool.
    fn reorganize(&mut self, chain: &mut Chain, time: f64) -> Frames {
        let Some((old, mut frames)) = chain.disconnect() else {
            return self.extend(chain, time);
        };
        let (shared, left) = miner::split(&old, SHARED_BY_BRANCHES, &mut self.rng);
        let first = miner::mine(chain, shared, time, &mut self.rng);
        frames.extend(chain.connect(first.clone()));
        let second = miner::mine(chain, Vec::new(), time + 1.0, &mut self.rng);
        frames.extend(chain.connect(second.clone()));
        for tx in left {
            frames.extend(chain.accept(tx, time));
        }
        frames.extend(first.connected_frames(false));
        frames.extend(second.connected_frames(true));
        frames
    }
}

/// Puts the backlog into the mempool.
fn fill(chain: &mut Chain, parameters: &Parameters, start: f64) {
    let mut rng = stream(parameters.seed, 3);
    let mut payments = Payments::new(stream(parameters.seed, 4));
    for _ in 0..parameters.backlog {
        let tx = payments.cheap(parameters.price_usd);
        let time = start - rng.random_range(BACKLOG_SECONDS);
        chain.enter(tx, time);
    }
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fixtures;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod realism;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
