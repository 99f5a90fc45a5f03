//! Bitcoin Core over JSON-RPC; blocks come over its REST interface if that is on.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use bitcoin::BlockHash;
use satscope_bitcoin::rpc::{Answer, BlockchainInfo, Call, Rpc, RpcError, patiently, pauses};
use satscope_oracle::past::BlockPayments;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tracing::{debug, error, info};

use super::{
    BlockError, Header, Moment, Node, NodeError,
    bytes::{Hex, payments},
    headers::headers,
    weight::Weight,
};
use crate::{
    cpu::Cpu,
    fill_metrics::{BLOCKS_READ, BYTES_READ, FROM_REST, FROM_RPC, UNREADABLE},
};

/// States of the node's REST interface.
mod rest {
    /// Not known yet.
    pub const UNKNOWN: u8 = 0;
    /// The node serves REST.
    pub const ON: u8 = 1;
    /// The node does not serve REST.
    pub const OFF: u8 = 2;
}

/// The node. Clones share its connections.
#[derive(Clone, Debug)]
pub struct CoreNode {
    rpc: Rpc,
    cpu: Cpu,
    weight: Arc<Weight>,
    /// Permits for answers with blocks, each of which is on its way or in memory.
    room: Arc<Semaphore>,
    rest: Arc<AtomicU8>,
}

impl CoreNode {
    /// The node at `rpc`, whose blocks are read by `cpu`. At most `at_once` answers with blocks are held at once; each
    /// takes some 20 MB while it is read.
    pub fn new(rpc: Rpc, cpu: Cpu, at_once: usize) -> CoreNode {
        CoreNode {
            rpc,
            cpu,
            weight: Arc::default(),
            room: Arc::new(Semaphore::new(at_once.max(1))),
            rest: Arc::new(AtomicU8::new(rest::UNKNOWN)),
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let answer = patiently(|| self.rpc.call(method, params.clone())).await;
        if answer.as_ref().is_err_and(|error| !error.is_absence()) {
            // The node may have been restarted with other settings.
            self.rest.store(rest::UNKNOWN, Ordering::Relaxed);
        }
        answer
    }

    /// Whether the node serves REST. The node is asked once, and again after each fault.
    async fn has_rest(&self) -> bool {
        #[derive(Deserialize)]
        struct ChainInfo {
            #[serde(rename = "bestblockhash")]
            _best: BlockHash,
        }
        match self.rest.load(Ordering::Relaxed) {
            rest::ON => return true,
            rest::OFF => return false,
            _ => {}
        }
        let answer = self.rpc.rest("/rest/chaininfo.json").await;
        let is_on = answer.is_ok_and(|body| serde_json::from_slice::<ChainInfo>(&body).is_ok());
        let (state, interface) = match is_on {
            true => (rest::ON, "REST"),
            false => (rest::OFF, "RPC"),
        };
        if self.rest.swap(state, Ordering::Relaxed) != state {
            info!("blocks are read over the node's {interface}");
        }
        is_on
    }

    /// The first block, over REST; `None` if it must be asked for over RPC.
    async fn over_rest(&self, block: &Header) -> Option<Read> {
        if !self.has_rest().await {
            return None;
        }
        let answer = self
            .rpc
            .rest(&format!("/rest/block/{}.bin", block.hash))
            .await;
        match answer {
            Ok(bytes) => {
                let hash = block.hash;
                let read = move || Read::of([Ok(bytes)].into_iter(), &[hash]);
                Some(self.cpu.run(read).await)
            }
            Err(error) => {
                debug!("block {}: {error}; the RPC is asked", block.hash);
                self.rest.store(rest::UNKNOWN, Ordering::Relaxed);
                None
            }
        }
    }

    async fn over_rpc(&self, blocks: &[Header]) -> Result<Read, RpcError> {
        let hashes: Arc<[BlockHash]> = blocks.iter().map(|block| block.hash).collect();
        let calls = hashes.iter().map(|hash| ("getblock", json!([hash, 0])));
        let calls: Arc<[Call]> = calls.collect();
        let asked = self.rpc.ask(&calls).await;
        if asked.is_err() {
            self.weight.begin_anew();
        }
        let answer = asked?;
        self.cpu
            .run(move || read_answer(answer, &calls, &hashes))
            .await
    }

    /// The payments that were read; if there are none, why the first block was not read.
    async fn taken(
        &self,
        read: Read,
        source: &'static [(&'static str, &'static str); 1],
        first: &Header,
    ) -> Result<Vec<BlockPayments>, NodeError> {
        if !read.payments.is_empty() {
            self.weight.learn(read.payments.len(), read.largest);
            BLOCKS_READ.of(source).increment(read.payments.len() as u64);
            BYTES_READ.of(source).increment(read.bytes);
            return Ok(read.payments);
        }
        self.weight.begin_anew();
        let (height, hash) = (first.height, first.hash);
        Err(match read.failed {
            Some(Failed::Node(error)) if error.is_absence() => {
                NodeError::Changed(format!("block {height}, {hash}, is not to be had"))
            }
            // Core gives this error for a pruned block, but for others too, so the prune height decides.
            Some(Failed::Node(error)) if error.may_be_pruned() => {
                let lowest = self.moment().await?.lowest;
                match lowest.is_some_and(|lowest| height < lowest) {
                    true => NodeError::Pruned(height),
                    false => NodeError::Fault(error),
                }
            }
            Some(Failed::Node(error)) => NodeError::Fault(error),
            Some(Failed::Block(error)) => NodeError::Block {
                height,
                hash,
                error,
            },
            None => NodeError::Changed("no block was asked for".to_owned()),
        })
    }
}

impl Node for CoreNode {
    async fn moment(&self) -> Result<Moment, NodeError> {
        let info: BlockchainInfo = self.call("getblockchaininfo", json!([])).await?;
        Ok(Moment {
            chain: info.chain,
            height: info.blocks,
            hash: info.best_block_hash,
            downloading: info
                .initial_block_download
                .then_some(info.verification_progress),
            lowest: info.prune_height.filter(|lowest| *lowest > 0),
        })
    }

    async fn genesis(&self) -> Result<BlockHash, NodeError> {
        Ok(self.call("getblockhash", json!([0])).await?)
    }

    async fn hash_at(&self, height: u32) -> Result<Option<BlockHash>, NodeError> {
        match self.call("getblockhash", json!([height])).await {
            Ok(hash) => Ok(Some(hash)),
            Err(error) if error.is_beyond_tip() => Ok(None),
            Err(error) if error.may_be_pruned() => Err(NodeError::Gone(height)),
            Err(error) => Err(error.into()),
        }
    }

    async fn headers(&self, heights: Range<u32>) -> Result<Vec<Header>, NodeError> {
        headers(&self.rpc, heights).await
    }

    /// The payments of blocks. If a block's transactions cannot be read after several tries, it counts as one without
    /// payments. The node has verified the block, and the prices around it rest on 162 others.
    async fn payments(&self, blocks: &[Header]) -> Result<Vec<BlockPayments>, NodeError> {
        let Some(first) = blocks.first() else {
            return Ok(Vec::new());
        };
        let _room = self.room.acquire().await;
        let mut pauses = pauses();
        loop {
            let (read, source) = match self.over_rest(first).await {
                Some(read) => (read, &FROM_REST),
                None => {
                    let count = self.weight.next().min(blocks.len());
                    let read = patiently(|| self.over_rpc(&blocks[..count])).await?;
                    (read, &FROM_RPC)
                }
            };
            match (self.taken(read, source, first).await, pauses.next()) {
                (Err(NodeError::Block { .. }), Some(pause)) => tokio::time::sleep(pause).await,
                (
                    Err(NodeError::Block {
                        height,
                        hash,
                        error: BlockError::Transactions(what),
                    }),
                    None,
                ) => {
                    UNREADABLE.get().increment(1);
                    error!("block {height}, {hash}, counts as one without payments: {what}");
                    return Ok(vec![BlockPayments::default()]);
                }
                (taken, _) => return taken,
            }
        }
    }
}

/// Why a block of an answer was not read.
#[derive(Debug)]
enum Failed {
    Node(RpcError),
    Block(BlockError),
}

/// The blocks of an answer, up to the first that could not be read.
#[derive(Debug, Default)]
struct Read {
    payments: Vec<BlockPayments>,
    /// Bytes of the largest block, and of all.
    largest: usize,
    bytes: u64,
    failed: Option<Failed>,
}

impl Read {
    fn of(blocks: impl Iterator<Item = Result<Vec<u8>, RpcError>>, hashes: &[BlockHash]) -> Read {
        let mut read = Read::default();
        for (block, hash) in blocks.zip(hashes) {
            let found = block.map_err(Failed::Node).and_then(|bytes| {
                read.largest = read.largest.max(bytes.len());
                read.bytes += bytes.len() as u64;
                payments(*hash, &bytes).map_err(Failed::Block)
            });
            match found {
                Ok(found) => read.payments.push(found),
                Err(failed) => {
                    read.failed = Some(failed);
                    break;
                }
            }
        }
        read
    }
}

/// Reads an answer. A passing fault of the first block counts as a fault of the whole answer.
fn read_answer(answer: Answer, calls: &[Call], hashes: &[BlockHash]) -> Result<Read, RpcError> {
    let blocks = answer.batch::<Hex>(calls)?;
    drop(answer);
    let blocks = blocks
        .into_iter()
        .map(|block| block.map(|Hex(bytes)| bytes));
    let read = Read::of(blocks, hashes);
    match read {
        Read {
            failed: Some(Failed::Node(error)),
            payments,
            ..
        } if payments.is_empty() && error.is_passing() => Err(error),
        read => Ok(read),
    }
}

#[cfg(test)]
mod tests;
