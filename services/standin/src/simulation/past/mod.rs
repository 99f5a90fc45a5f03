//! The blocks before a simulation's start, each made again whenever it is asked for.
//!
//! Only the header of each block and the time when it was mined are kept. A block's transactions are a function of seed and
//! height, so that a past of years takes 90 bytes a block.

mod path;
mod times;

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use bitcoin::block::Header;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, TxMerkleNode};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use self::path::Path;
use super::habits::Habits;
use super::market::exponential;
use super::payments::Payments;
use super::{START_HEIGHT, miner, scripts, stream};
use crate::chain::Content;
use crate::tx::Tx;

/// Blocks of a day.
pub const BLOCKS_PER_DAY: u32 = 144;
/// Numbers of the random streams that this module uses; the live part has those below.
const TIMES: u64 = 16;
const CLOCKS: u64 = 17;
const PATH: u64 = 18;
const ROOT: u64 = 19;
/// The first of two streams for each height.
const BLOCKS: u64 = 1 << 32;
/// Blocks that a thread makes before it looks for more work, or for the end.
const CHUNK: usize = 64;
/// The time between a payment and its block: the least, plus a random time with this mean, but at most an hour.
const LEAST_WAIT_SECONDS: f64 = 60.0;
const MEAN_WAIT_SECONDS: f64 = 600.0;
const MOST_WAIT_SECONDS: f64 = 3600.0;

/// The parameters of a past.
#[derive(Clone, Copy, Debug)]
pub struct PastParameters {
    /// The seed, by which the past can be repeated.
    pub seed: u64,
    /// The hidden price at its end, in USD for one BTC.
    pub price_usd: f64,
    /// Its length in days.
    pub days: u32,
    /// Transactions of a block, on average.
    pub payments: u32,
}

/// A maker of the blocks of a past, the newest of which lies right before [`START_HEIGHT`].
#[derive(Debug)]
pub struct Maker {
    parameters: PastParameters,
    first_height: u32,
    /// When each block was mined, oldest first, in seconds before the start.
    mined: Vec<u32>,
    path: Path,
}

impl Maker {
    pub fn new(parameters: PastParameters) -> Maker {
        let blocks = parameters.days * BLOCKS_PER_DAY;
        let seed = parameters.seed;
        Maker {
            parameters,
            first_height: START_HEIGHT.saturating_sub(blocks),
            mined: times::mined(&mut stream(seed, TIMES), blocks as usize),
            path: Path::new(&mut stream(seed, PATH), parameters.price_usd),
        }
    }

    /// Height of the oldest block.
    pub fn first_height(&self) -> u32 {
        self.first_height
    }

    /// Each block's height and the hidden price when it was mined, in USD for one BTC; oldest first.
    pub fn prices(&self) -> impl Iterator<Item = (u32, f64)> {
        let price = |before: &u32| self.path.price_usd(f64::from(*before));
        (self.first_height..).zip(self.mined.iter().map(price))
    }

    /// The Merkle roots of all blocks, oldest first, made on all cores; `None` if `stop` returns true meanwhile.
    pub fn roots(&self, stop: impl Fn() -> bool + Sync) -> Option<Vec<TxMerkleNode>> {
        let mut roots = vec![TxMerkleNode::all_zeros(); self.mined.len()];
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let chunks = Mutex::new(
            (self.first_height..)
                .step_by(CHUNK)
                .zip(roots.chunks_mut(CHUNK)),
        );
        let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((first, chunk)) = next().filter(|_| !stop()) {
                        for (height, root) in (first..).zip(chunk) {
                            *root = self.fill(height).1;
                        }
                    }
                });
            }
        });
        (!stop()).then_some(roots)
    }

    /// The headers of the blocks with these Merkle roots, oldest first; `start` in Unix seconds.
    pub fn headers(&self, roots: &[TxMerkleNode], start: u32) -> Vec<Header> {
        let seed = self.parameters.seed;
        let times = times::headers(&mut stream(seed, CLOCKS), &self.mined);
        let mut previous = BlockHash::from_byte_array(scripts::bytes(&mut stream(seed, ROOT)));
        let header = |(root, before): (&TxMerkleNode, u32)| {
            let header = miner::seal(previous, *root, start.saturating_sub(before));
            previous = header.block_hash();
            header
        };
        roots.iter().zip(times).map(header).collect()
    }

    /// A block's transactions, the coinbase first, and their Merkle root.
    fn fill(&self, height: u32) -> (Vec<Arc<Tx>>, TxMerkleNode) {
        let mut rng = self.stream(height, 0);
        let count = self.payments(&mut rng);
        let mut payments = Payments::of(self.stream(height, 1), Habits::at_height(height));
        let mined = self.position(height).and_then(|at| self.mined.get(at));
        let mined = mined.copied().unwrap_or_default();
        let txs = (0..count).map(|_| {
            let before = f64::from(mined) + wait(&mut rng);
            let tip = self.tip(height, before);
            payments.next(self.path.price_usd(before), tip)
        });
        let txs: Vec<Arc<Tx>> = txs.collect();
        miner::fill(height, txs, &mut rng)
    }

    /// Height of the tip `before` seconds before the start, when a transaction of block `height` was made.
    fn tip(&self, height: u32, before: f64) -> u32 {
        let below = self.position(height).unwrap_or_default();
        let later = self.mined[..below]
            .iter()
            .rev()
            .take_while(|mined| f64::from(**mined) < before);
        height - 1 - (later.count() as u32).min(height - 1)
    }

    /// How many transactions a block has beside the coinbase: the first draw of its stream.
    fn payments(&self, rng: &mut ChaCha8Rng) -> usize {
        let mean = self.parameters.payments;
        rng.random_range(mean.div_ceil(2)..=mean + mean / 2) as usize
    }

    fn stream(&self, height: u32, number: u64) -> ChaCha8Rng {
        stream(
            self.parameters.seed,
            BLOCKS + 2 * u64::from(height) + number,
        )
    }

    fn position(&self, height: u32) -> Option<usize> {
        height.checked_sub(self.first_height).map(|at| at as usize)
    }
}

impl Content for Maker {
    fn txs(&self, height: u32) -> Vec<Arc<Tx>> {
        self.fill(height).0
    }

    fn count(&self, height: u32) -> usize {
        self.payments(&mut self.stream(height, 0)) + 1
    }
}

/// How long before its block a payment is made, in seconds.
fn wait(rng: &mut ChaCha8Rng) -> f64 {
    let wait = LEAST_WAIT_SECONDS + exponential(rng, MEAN_WAIT_SECONDS);
    wait.min(MOST_WAIT_SECONDS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
