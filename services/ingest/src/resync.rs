//! The node's RPC, in the background: each question is a task of its own, whose answer the ingest task takes when it has come.

pub mod ask;
pub mod compare;
pub mod reading;

use bitcoin::{BlockHash, Txid};
use satscope_bitcoin::rpc::{BlockHeader, Notification, Rpc, RpcError};
use satscope_kit::fault::Fault;
use tokio::task::{JoinError, JoinSet};

use crate::{source::fault, tracker::FetchedBlock};
use ask::{Question, Step};

/// An answer of the node, or why there is none.
#[derive(Debug)]
pub enum Answer {
    /// The answer to this question of the reading with this number.
    Reading(u64, Question, Result<Step, RpcError>),
    /// The header of a block.
    Header(BlockHash, Result<BlockHeader, RpcError>),
    /// A whole block.
    Block(BlockHash, Result<FetchedBlock, RpcError>),
    /// Entry times of these transactions, by the node's clock in Unix milliseconds; `None` for one that has left since.
    Entered(Vec<Txid>, Result<Vec<Option<u64>>, RpcError>),
    /// The mempool's count and the tip.
    Count(Result<(usize, BlockHash), RpcError>),
    /// The mempool's txids.
    Txids(Result<Vec<Txid>, RpcError>),
    /// Whether the node has loaded its mempool.dat.
    Loaded(Result<bool, RpcError>),
    /// Where the node publishes over ZMQ.
    Published(Result<Vec<Notification>, RpcError>),
    /// The task that asked has failed.
    Failed(JoinError),
}

/// The node's RPC, and the questions to it that are under way.
#[derive(Debug)]
pub struct Asker {
    rpc: Option<Rpc>,
    asked: JoinSet<Answer>,
}

impl Asker {
    /// An asker of the node at `rpc`; without RPC it never asks anything.
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

    /// An error of the node as a fault.
    pub fn fault(&self, error: &RpcError) -> Fault {
        let url = self.rpc.as_ref().map_or("", Rpc::url);
        fault::of_rpc(error, url)
    }

    /// Whether there is another login now than the one that the node refused last.
    pub fn has_new_login(&self) -> bool {
        self.rpc.as_ref().is_some_and(Rpc::has_new_login)
    }

    /// Waits for the next answer; waits forever while no question is open.
    pub async fn next(&mut self) -> Answer {
        match self.asked.join_next().await {
            Some(answer) => answer.unwrap_or_else(Answer::Failed),
            None => std::future::pending().await,
        }
    }

    /// Asks for a reading.
    pub fn reading(&mut self, number: u64, question: Question) {
        self.spawn(async move |rpc| {
            let step = ask::ask(&rpc, question.clone()).await;
            Answer::Reading(number, question, step)
        });
    }

    /// Asks for a header.
    pub fn header(&mut self, hash: BlockHash) {
        self.spawn(async move |rpc| {
            let header = ask::header(&rpc, hash).await;
            Answer::Header(hash, header)
        });
    }

    /// Asks for a block.
    pub fn block(&mut self, hash: BlockHash) {
        self.spawn(async move |rpc| {
            let block = ask::fetch_block(&rpc, hash).await;
            Answer::Block(hash, block)
        });
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

    /// Asks where the node publishes over ZMQ.
    pub fn published(&mut self) {
        self.spawn(async move |rpc| Answer::Published(ask::published(&rpc).await));
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
