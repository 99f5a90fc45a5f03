//! What the tracker decides: all of it leaves by this one door, and is taken whole.

use bitcoin::BlockHash;
use satscope_filter::Rejection;
use satscope_log::{Event, RemovalReason};

use super::record::Record;

/// What became of a transaction when it was first seen, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSight {
    /// It passed the filter.
    Accepted,
    /// It did not, and why; `None` if an earlier process knew why.
    Filtered(Option<Rejection>),
    /// It is older than the window, and was not looked into.
    BeforeWindow,
}

/// What the node must be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The header of a block whose transactions are known.
    Header(BlockHash),
    /// A whole block.
    Block(BlockHash),
    /// Everything.
    Resync,
}

/// What is to be done because of what was taken in, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What the log must hold, each with its stamp, Unix milliseconds.
    pub events: Vec<(u64, Event)>,
    /// What the journal must hold; empty where there is none.
    pub records: Vec<Record>,
    /// What became of transactions first seen.
    pub sights: Vec<FirstSight>,
    /// Why accepted transactions left that were never published.
    pub unpublished: Vec<RemovalReason>,
    /// What the node must be asked.
    pub wanted: Vec<Wanted>,
}

impl Outbox {
    /// Makes it empty; its room is used again.
    pub fn clear(&mut self) {
        self.events.clear();
        self.records.clear();
        self.sights.clear();
        self.unpublished.clear();
        self.wanted.clear();
    }
}
