//! The steps of a node, as proptest chooses them.

use proptest::prelude::*;

const MINUTE_MS: u64 = 60_000;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// A step of the node; the numbers choose among the transactions and blocks that it has.
#[derive(Clone, Debug)]
pub enum Step {
    Enter,
    Replace(usize),
    Evict(usize),
    EnterAgain(usize),
    /// Mines some of the mempool, perhaps a transaction that conflicts with one of the others, and perhaps one that was
    /// never in the mempool. The header's time lies `ahead_s` seconds from now.
    Mine {
        share: usize,
        conflict: bool,
        foreign: bool,
        ahead_s: i64,
    },
    /// A branch of two blocks takes the place of the last `depth` blocks, with some of their transactions.
    Reorg {
        depth: usize,
        share: usize,
    },
    /// Time passes, milliseconds.
    Pass(u64),
    /// `importmempool` with transactions that entered another node this many milliseconds ago.
    Import(u64),
    /// The node starts again after this many milliseconds off, and loads its mempool.dat.
    Restart(u64),
    /// The node has loaded its mempool.dat.
    Loaded,
    /// The node starts again after this many milliseconds off, and connects the blocks that were mined meanwhile.
    CatchUp(u64),
    /// The node is in its initial download if its tip is older than a day, and connects blocks of a month ago.
    Download,
    /// The initial download is over.
    Downloaded,
}

impl Step {
    /// Whether it takes longer than any answer of the node.
    pub fn is_long(&self) -> bool {
        match self {
            Step::Pass(ms) => *ms > 30_000,
            Step::Restart(_) | Step::CatchUp(_) => true,
            _ => false,
        }
    }
}

/// The steps that need no clock.
pub fn step_of_places() -> impl Strategy<Value = Step> {
    let mine = (1usize..4, any::<bool>());
    prop_oneof![
        6 => Just(Step::Enter),
        2 => (0usize..100).prop_map(Step::Replace),
        1 => (0usize..100).prop_map(Step::Evict),
        1 => (0usize..100).prop_map(Step::EnterAgain),
        2 => mine.prop_map(|(share, conflict)| Step::Mine { share, conflict, foreign: false, ahead_s: 0 }),
        1 => (1usize..3, 1usize..4).prop_map(|(depth, share)| Step::Reorg { depth, share }),
    ]
}

/// All steps.
pub fn step() -> impl Strategy<Value = Step> {
    let mine = (1usize..4, any::<bool>(), any::<bool>(), -90i64..90);
    prop_oneof![
        8 => Just(Step::Enter),
        2 => (0usize..100).prop_map(Step::Replace),
        1 => (0usize..100).prop_map(Step::Evict),
        1 => (0usize..100).prop_map(Step::EnterAgain),
        3 => mine.prop_map(|(share, conflict, foreign, ahead_s)| Step::Mine { share, conflict, foreign, ahead_s }),
        1 => (1usize..3, 1usize..4).prop_map(|(depth, share)| Step::Reorg { depth, share }),
        6 => (500u64..30_000).prop_map(Step::Pass),
        1 => (MINUTE_MS..2 * HOUR_MS).prop_map(Step::Pass),
        1 => (MINUTE_MS..3 * DAY_MS).prop_map(Step::Import),
        1 => (MINUTE_MS..DAY_MS).prop_map(Step::Restart),
        2 => Just(Step::Loaded),
        1 => (HOUR_MS..12 * HOUR_MS).prop_map(Step::CatchUp),
        1 => Just(Step::Download),
        2 => Just(Step::Downloaded),
    ]
}
