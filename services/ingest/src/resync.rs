//! The node's RPC, in the background: each question is a task of its own, whose answer the ingest task takes when it has come.

pub mod ask;
pub mod compare;
pub mod reading;

use bitcoin::{BlockHash, Txid};
use satscope_bitcoin::rpc::{BlockHeader, Rpc, RpcError};
use tokio::task::{JoinError, JoinSet};

use crate::{source::hint, tracker::FetchedBlock};
use ask::{Question, Step};

/// An answer of the node, or why there is none.
#[derive(Debug)]
pub enum Answer {
    /// To a question of the reading of that number.
    Reading(u64, Result<Step, RpcError>),
    /// The header of a block.
    Header(BlockHash, Result<BlockHeader, RpcError>),
    /// A whole block.
    Block(BlockHash, Result<FetchedBlock, RpcError>),
    /// Entry times of these transactions, by the node's clock in Unix milliseconds; `None` of one that has left since.
    Entered(Vec<Txid>, Result<Vec<Option<u64>>, RpcError>),
    /// The mempool's count and the tip.
    Count(Result<(usize, BlockHash), RpcError>),
    /// The mempool's txids.
    Txids(Result<Vec<Txid>, RpcError>),
    /// Whether the node has loaded its mempool.dat.
    Loaded(Result<bool, RpcError>),
    /// Why its ZMQ is silent.
    Hint(String),
    /// The task that asked has failed.
    Failed(JoinError),
}

/// Asks the node.
#[derive(Debug)]
pub struct Asker {
    rpc: Option<Rpc>,
    asked: JoinSet<Answer>,
}

impl Asker {
    /// Of the node at `rpc`; without one, nothing is ever asked.
    pub fn new(rpc: Option<Rpc>) -> Asker {
        Asker {
            rpc,
            asked: JoinSet::new(),
        }
    }

    /// Whether the node can be asked.
    pub fn has_rpc(&self) -> bool {
        self.rpc.is_some()
    }

    /// The next answer; never, while nothing is asked.
    pub async fn next(&mut self) -> Answer {
        match self.asked.join_next().await {
            Some(answer) => answer.unwrap_or_else(Answer::Failed),
            None => std::future::pending().await,
        }
    }

    /// Asks for a reading.
    pub fn reading(&mut self, number: u64, question: Question) {
        self.spawn(async move |rpc| Answer::Reading(number, ask::ask(&rpc, question).await));
    }

    /// Asks for a header.
    pub fn header(&mut self, hash: BlockHash) {
        self.spawn(async move |rpc| Answer::Header(hash, ask::header(&rpc, hash).await));
    }

    /// Asks for a block.
    pub fn block(&mut self, hash: BlockHash) {
        self.spawn(async move |rpc| Answer::Block(hash, ask::fetch_block(&rpc, hash).await));
    }

    /// Asks for entry times.
    pub fn entry_times(&mut self, txids: Vec<Txid>) {
        self.spawn(async move |rpc| {
            let entered = ask::entry_times(&rpc, &txids).await;
            Answer::Entered(txids, entered)
        });
    }

    /// Asks for the mempool's count and the tip.
    pub fn count(&mut self) {
        self.spawn(async move |rpc| Answer::Count(ask::count_and_tip(&rpc).await));
    }

    /// Asks for the mempool's txids.
    pub fn txids(&mut self) {
        self.spawn(async move |rpc| {
            let listing = ask::mempool(&rpc).await;
            Answer::Txids(listing.map(|listing| listing.txids))
        });
    }

    /// Asks whether the mempool.dat has been loaded.
    pub fn loaded(&mut self) {
        self.spawn(async move |rpc| Answer::Loaded(ask::is_loaded(&rpc).await));
    }

    /// Asks why nothing is received from `endpoint`.
    pub fn hint(&mut self, endpoint: String) {
        self.spawn(async move |rpc| Answer::Hint(hint::why_silent(&rpc, &endpoint).await));
    }

    fn spawn<F: Future<Output = Answer> + Send + 'static>(
        &mut self,
        asking: impl FnOnce(Rpc) -> F,
    ) {
        if let Some(rpc) = &self.rpc {
            self.asked.spawn(asking(rpc.clone()));
        }
    }
}
