//! The tracker's decisions, which leave it in one outbox that is taken whole.

use bitcoin::BlockHash;
use satscope_filter::Rejection;
use satscope_log::{Event, RemovalReason};

use super::record::Record;

/// The outcome of a transaction's first sight, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSight {
    /// It passed the filter.
    Accepted,
    /// The filter left it out, for this reason; `None` if only an earlier process knew the reason.
    Filtered(Option<Rejection>),
    /// It is older than the window, and was not looked into.
    BeforeWindow,
}

/// The questions to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The header of a block whose transactions are known.
    Header(BlockHash),
    /// A whole block.
    Block(BlockHash),
    /// All of it: a reading of mempool and chain.
    Resync,
}

/// The work that follows from the messages taken in, each kind in order.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Events for the log, each with its time, Unix milliseconds.
    pub events: Vec<(u64, Event)>,
    /// Records for the journal; empty without one.
    pub records: Vec<Record>,
    /// The outcomes of first sights.
    pub sights: Vec<FirstSight>,
    /// The reasons for which accepted but never published transactions left.
    pub unpublished: Vec<RemovalReason>,
    /// The questions to the node.
    pub wanted: Vec<Wanted>,
}

impl Outbox {
    /// Empties the outbox, and keeps its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.records.clear();
        self.sights.clear();
        self.unpublished.clear();
        self.wanted.clear();
    }
}
