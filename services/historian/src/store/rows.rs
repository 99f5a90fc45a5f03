//! The rows of the history's file.

use std::fmt;

use bitcoin::BlockHash;
use satscope_oracle::past::{BlockPrice, PERIOD_BLOCKS};

/// The identity of a file's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain, as `getblockchaininfo` names it.
    pub chain: String,
    /// The hash of the chain's first block.
    pub genesis: BlockHash,
    /// Whether the node is a stand-in.
    pub simulated: bool,
}

impl fmt::Display for Identity {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.simulated {
            ", of a stand-in"
        } else {
            ""
        };
        let Identity { chain, genesis, .. } = self;
        write!(text, "chain {chain:?} with first block {genesis}{kind}")
    }
}

/// The best block of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
}

/// The row of a block that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Its height.
    pub height: u32,
    /// Unix seconds: the median of the header times around it.
    pub time: u64,
    /// Its hash.
    pub hash: BlockHash,
    /// Its price; `None` if its payments show none.
    pub price: Option<BlockPrice>,
    /// Number of its payments.
    pub payments: u32,
    /// Number of the model that read it.
    pub model: u32,
}

/// Whether the rows of a period can still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodState {
    /// The rows can still change.
    Open,
    /// All blocks of the period were read with the period's own lock, and its last block has
    /// [`AFTER`](satscope_oracle::past::AFTER) blocks on top.
    Final,
}

/// The row of a period, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodRow {
    /// Its number: the height of its first block is this many times [`PERIOD_BLOCKS`].
    pub period: u32,
    /// Whether its rows can still change.
    pub state: PeriodState,
    /// Number of the model that read it.
    pub model: u32,
    /// Its lock, as [`Lock::to_bytes`](satscope_oracle::past::Lock::to_bytes) gives it; empty if its payments show no price.
    pub lock: Vec<u8>,
    /// Whether its lock and a neighbour's disagree. Its prices are then given with confidence under 0.5.
    pub disputed: bool,
}

impl StoredPeriod {
    /// Whether its rows can still change only by a new model: it is final, and its rows are the node's or were vouched for.
    pub fn is_certain(&self) -> bool {
        self.row.state == PeriodState::Final && self.trust != Trust::Unverified
    }
}

impl PeriodRow {
    /// The period of a block.
    pub fn of_height(height: u32) -> u32 {
        height / PERIOD_BLOCKS
    }

    /// Height of the period's first block.
    pub fn first_height(&self) -> u32 {
        self.period.saturating_mul(PERIOD_BLOCKS)
    }

    /// Height of the period's last block.
    pub fn last_height(&self) -> u32 {
        self.first_height().saturating_add(PERIOD_BLOCKS - 1)
    }
}

/// The origin of a period's rows, the least trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// A pack whose hash the operator did not expect.
    Unverified,
    /// A pack whose hash the operator expected.
    Vouched,
    /// The node's blocks.
    Own,
}

impl Trust {
    /// The number that stands for it in the file.
    pub(super) fn number(self) -> u8 {
        match self {
            Trust::Own => 0,
            Trust::Vouched => 1,
            Trust::Unverified => 2,
        }
    }

    /// The origin that a number in the file stands for. An unknown number is the least trusted.
    pub(super) fn of_number(number: u8) -> Trust {
        match number {
            0 => Trust::Own,
            1 => Trust::Vouched,
            _ => Trust::Unverified,
        }
    }
}

/// A final period with all its blocks, and the digest that it states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPeriod {
    /// The period's row, in the state [`PeriodState::Final`], not disputed.
    pub row: PeriodRow,
    /// Its blocks.
    pub rows: Vec<BlockRow>,
    /// SHA-256 of its rows, as [`digest`](super::digest()) makes it.
    pub digest: [u8; 32],
}

/// A period, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPeriod {
    /// The row that was written.
    pub row: PeriodRow,
    /// The origin of its rows.
    pub trust: Trust,
    /// Number of its blocks that were read.
    pub blocks: u32,
    /// Number of its blocks that have a price.
    pub priced: u32,
    /// The seal of a final period; `None` for an open one.
    pub seal: Option<Seal>,
}

/// The seal of a final period, which stands for all its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// SHA-256 of its rows, as [`digest`](super::digest()) makes it.
    pub digest: [u8; 32],
    /// The hash of its last block.
    pub last_hash: BlockHash,
}

/// The live estimates of one minute, as they were shown. Prices are US cents for one bitcoin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteRow {
    /// Unix seconds of its start, divided by 60.
    pub minute: u64,
    /// The first price.
    pub open_cents: u64,
    /// The highest price.
    pub high_cents: u64,
    /// The lowest price.
    pub low_cents: u64,
    /// The last price, and the 90 % interval and the confidence that came with it.
    pub close: BlockPrice,
    /// Estimates that were shown.
    pub samples: u32,
}
