//! The node as the historian needs it: its best block, headers by height, and the payments of blocks.

mod bytes;
mod core;
mod headers;
mod weight;

use std::ops::Range;

use bitcoin::BlockHash;
use satscope_bitcoin::rpc::RpcError;
use satscope_oracle::past::BlockPayments;
use thiserror::Error;

pub use bytes::{BlockError, checked_payments};
pub use core::CoreNode;
pub use headers::read as read_header;

/// The header of a block on the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
    /// The hash of the block before it; all zeros for the chain's first block.
    pub previous: BlockHash,
    /// The time that its miner set, Unix seconds.
    pub time: u64,
}

/// The node's state at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Its chain, as `getblockchaininfo` names it.
    pub chain: String,
    /// The height of its best block.
    pub height: u32,
    /// The hash of that block.
    pub hash: BlockHash,
    /// The part of the network's chain that it has verified, 0 to 1; `None` once its initial download is over.
    pub downloading: Option<f64>,
    /// The lowest block that it has; `None` if it does not prune.
    pub lowest: Option<u32>,
}

/// Why the node did not answer a question.
#[derive(Debug, Error)]
pub enum NodeError {
    /// It cannot answer now; the question may be asked again.
    #[error(transparent)]
    Fault(#[from] RpcError),
    /// A block is not, or no longer, in its chain, because the chain has changed.
    #[error("the node's chain has changed: {0}")]
    Changed(String),
    /// It has pruned a block.
    #[error("the node has pruned block {0}")]
    Pruned(u32),
    /// It knows no hash of a block of its own chain. Bitcoin Core knows all of them; a stand-in knows only those of the
    /// blocks that it has.
    #[error("the node does not have block {0}, which the history was made of")]
    Gone(u32),
    /// It gave another block, or one that is cut off; the same question may be asked again.
    #[error("block {height}, {hash}: {error}")]
    Block {
        /// The block's height.
        height: u32,
        /// The block's hash.
        hash: BlockHash,
        /// The error in the block.
        error: BlockError,
    },
}

impl NodeError {
    /// Whether the same question may have an answer later.
    pub fn is_fault(&self) -> bool {
        matches!(self, NodeError::Fault(_) | NodeError::Block { .. })
    }

    /// The words for the public: no address, user or path, and no words of the node.
    pub fn public(&self) -> &'static str {
        match self {
            NodeError::Fault(error) => error.public(),
            NodeError::Changed(_) => "the node's chain has changed",
            NodeError::Pruned(_) => "the node has pruned a block",
            NodeError::Gone(_) => "the node does not have the blocks that the history was made of",
            NodeError::Block { .. } => "the node's answer cannot be read",
        }
    }
}

/// A node that answers questions. While it is busy, each question is repeated a limited number of times.
pub trait Node: Clone + Send + Sync + 'static {
    /// The node's state now.
    fn moment(&self) -> impl Future<Output = Result<Moment, NodeError>> + Send;

    /// The hash of the chain's first block.
    fn genesis(&self) -> impl Future<Output = Result<BlockHash, NodeError>> + Send;

    /// The hash of the best chain's block at this height; `None` if the chain is shorter.
    fn hash_at(
        &self,
        height: u32,
    ) -> impl Future<Output = Result<Option<BlockHash>, NodeError>> + Send;

    /// The headers of the best chain's blocks at these heights, each the child of the one before it.
    fn headers(
        &self,
        heights: Range<u32>,
    ) -> impl Future<Output = Result<Vec<Header>, NodeError>> + Send;

    /// The payments of the first of these blocks: at least one block, and as many as fit in an answer of good size.
    fn payments(
        &self,
        blocks: &[Header],
    ) -> impl Future<Output = Result<Vec<BlockPayments>, NodeError>> + Send;
}
