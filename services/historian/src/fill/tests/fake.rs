//! A node whose chain a test makes, and an estimator whose prices are sums, so that a wrong block shows.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_bitcoin::rpc::RpcError;
use satscope_oracle::past::{AFTER, BEFORE, BlockPayments, BlockPrice, Lock};

use crate::{
    fill::{Estimator, estimator::Stretch},
    node::{Header, Moment, Node, NodeError},
};

/// The node. Clones are the same one.
#[derive(Clone, Debug)]
pub struct FakeNode(Arc<Mutex<Chain>>);

#[derive(Debug, Default)]
pub struct Chain {
    blocks: Vec<(Header, BlockPayments)>,
    /// The lowest block that is not pruned.
    pub lowest: u32,
    /// The lowest block whose hash it knows, as a stand-in's.
    pub first_known: u32,
    /// Whether it answers with an error.
    pub is_away: bool,
    /// Whether it takes questions and answers none.
    pub is_silent: bool,
    /// The lowest block whose header it does not give, with an error; `None` if it gives all.
    pub headers_end: Option<u32>,
    pub downloading: Option<f64>,
    /// How often blocks were asked for, by height.
    pub asked: Vec<u32>,
}

impl FakeNode {
    /// A stand-in with a chain of this many blocks above the first, which begins at a height and has only the first block in common
    /// with one of another branch.
    pub fn made_up(tip: u32, lowest: u32, branch: u8) -> FakeNode {
        let node = FakeNode::new(0);
        node.grow(tip, branch);
        node.chain().lowest = lowest;
        node.chain().first_known = lowest;
        node
    }

    /// A chain of this many blocks above the first.
    pub fn new(tip: u32) -> FakeNode {
        let node = FakeNode(Arc::default());
        node.grow(tip + 1, 0);
        node
    }

    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        self.0.lock().unwrap()
    }

    /// Adds blocks; of another branch, they have other payments.
    pub fn grow(&self, count: u32, branch: u8) {
        let mut chain = self.chain();
        for _ in 0..count {
            let height = chain.blocks.len() as u32;
            let previous = match chain.blocks.last() {
                Some((header, _)) => header.hash,
                None => BlockHash::all_zeros(),
            };
            let mut seed = previous.to_byte_array().to_vec();
            seed.push(branch);
            let header = Header {
                height,
                hash: BlockHash::hash(&seed),
                previous,
                time: 1_600_000_000 + 600 * u64::from(height),
            };
            let values = vec![
                1000 + u64::from(header.hash.to_byte_array()[0]),
                u64::from(height) + 2000,
            ];
            chain.blocks.push((header, BlockPayments::new(3, values)));
        }
    }

    /// Leaves the last blocks for as many others, and more.
    pub fn reorganize(&self, left: u32, added: u32, branch: u8) {
        let mut chain = self.chain();
        let kept = chain.blocks.len() - left as usize;
        chain.blocks.truncate(kept);
        drop(chain);
        self.grow(added, branch);
    }

    pub fn tip(&self) -> Header {
        self.chain().blocks.last().unwrap().0
    }

    /// What the history must have of a block, from the chain as it is.
    pub fn expected(&self, height: u32) -> (BlockHash, Option<u64>) {
        let chain = self.chain();
        let header = chain.blocks[height as usize].0;
        let first = height.saturating_sub(BEFORE).max(chain.first_known);
        let end = (height + AFTER + 1).min(chain.blocks.len() as u32);
        let around = &chain.blocks[first as usize..end as usize];
        let payments: Vec<BlockPayments> = around.iter().map(|(_, block)| block.clone()).collect();
        (header.hash, Some(sum(&payments)))
    }

    fn answering(&self) -> Result<MutexGuard<'_, Chain>, NodeError> {
        let chain = self.chain();
        match chain.is_away {
            true => Err(NodeError::Fault(RpcError::Slow("getblock"))),
            false => Ok(chain),
        }
    }
}

impl Node for FakeNode {
    async fn moment(&self) -> Result<Moment, NodeError> {
        if self.chain().is_silent {
            std::future::pending::<()>().await;
        }
        let chain = self.answering()?;
        let tip = chain.blocks.last().unwrap().0;
        Ok(Moment {
            chain: "regtest".to_owned(),
            height: tip.height,
            hash: tip.hash,
            downloading: chain.downloading,
            lowest: (chain.lowest > 0).then_some(chain.lowest),
        })
    }

    async fn genesis(&self) -> Result<BlockHash, NodeError> {
        Ok(self.answering()?.blocks[0].0.hash)
    }

    async fn hash_at(&self, height: u32) -> Result<Option<BlockHash>, NodeError> {
        let chain = self.answering()?;
        if height > 0 && height < chain.first_known {
            return Err(NodeError::Gone(height));
        }
        Ok(chain
            .blocks
            .get(height as usize)
            .map(|(header, _)| header.hash))
    }

    async fn headers(&self, heights: Range<u32>) -> Result<Vec<Header>, NodeError> {
        let chain = self.answering()?;
        if heights.start < chain.first_known {
            return Err(NodeError::Gone(heights.start));
        }
        if chain.headers_end.is_some_and(|end| heights.end > end) {
            return Err(NodeError::Fault(RpcError::Slow("getblockheader")));
        }
        let found = chain
            .blocks
            .get(heights.start as usize..heights.end as usize);
        let found = found.ok_or_else(|| NodeError::Changed("shorter".to_owned()))?;
        Ok(found.iter().map(|(header, _)| *header).collect())
    }

    async fn payments(&self, blocks: &[Header]) -> Result<Vec<BlockPayments>, NodeError> {
        tokio::task::yield_now().await;
        let mut chain = self.answering()?;
        let mut found = Vec::new();
        for header in blocks.iter().take(16) {
            if header.height < chain.lowest {
                return Err(NodeError::Pruned(header.height));
            }
            match chain.blocks.get(header.height as usize) {
                Some((known, payments)) if known.hash == header.hash => {
                    found.push(payments.clone());
                }
                _ => return Err(NodeError::Changed("left".to_owned())),
            }
        }
        chain
            .asked
            .extend(blocks.iter().take(16).map(|header| header.height));
        Ok(found)
    }
}

fn sum(blocks: &[BlockPayments]) -> u64 {
    blocks.iter().flat_map(BlockPayments::values_sats).sum()
}

/// The price of a block is the sum of all amounts that it rests on.
#[derive(Clone, Copy, Debug)]
pub struct Sums {
    pub model: u32,
    /// The place of all locks.
    pub place: u16,
}

impl Sums {
    fn lock_of(self, stretch: &Stretch) -> Option<Lock> {
        let head = [stretch.first_height.to_le_bytes(), 7i32.to_le_bytes()].concat();
        let places = stretch.blocks.iter().flat_map(|_| self.place.to_le_bytes());
        Lock::from_bytes(&head.into_iter().chain(places).collect::<Vec<u8>>())
    }
}

impl Estimator for Sums {
    fn model(&self) -> u32 {
        self.model
    }

    fn lock(&self, stretch: &Stretch) -> Option<Lock> {
        self.lock_of(stretch)
    }

    fn carried(&self, lock: &Lock, stretch: &Stretch) -> Option<Lock> {
        let bytes = lock.to_bytes();
        let first = u32::from_le_bytes(bytes[..4].try_into().unwrap());
        let blocks = (bytes.len() - 8) as u32 / 2;
        let is_within = (first..first + blocks).contains(&stretch.first_height);
        is_within.then(|| self.lock_of(stretch))?
    }

    fn prices(
        &self,
        stretch: &Stretch,
        lock: &Lock,
        heights: Range<u32>,
    ) -> Vec<Option<BlockPrice>> {
        // The lock is of these blocks.
        assert_eq!(Some(lock), self.lock_of(stretch).as_ref());
        let price = |height: u32| {
            let from = height
                .saturating_sub(BEFORE)
                .saturating_sub(stretch.first_height);
            let to = (height + AFTER + 1 - stretch.first_height).min(stretch.blocks.len() as u32);
            let cents = sum(&stretch.blocks[from as usize..to as usize]);
            Some(BlockPrice {
                price_cents: cents,
                low_cents: cents - 1,
                high_cents: cents + 1,
                confidence_thousandths: 900,
            })
        };
        heights.map(price).collect()
    }
}
