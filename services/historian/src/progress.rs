//! The progress of the historian. The filler and `upkeep` write it; the service and the metrics read it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use satscope_proto::v1::HistorianState;

use crate::store::Tip;

/// The state of the historian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// It waits for the node.
    #[default]
    Waiting,
    /// It reads the past.
    Filling,
    /// It has all blocks and follows the tip.
    Following,
    /// It cannot write the blocks that it reads.
    Stuck,
}

impl Doing {
    /// Each state with its label in metrics.
    pub const ALL: [(Doing, &str); 4] = [
        (Doing::Waiting, "waiting"),
        (Doing::Filling, "filling"),
        (Doing::Following, "following"),
        (Doing::Stuck, "stuck"),
    ];

    /// The state as a message of the gRPC contract.
    pub fn message(self) -> HistorianState {
        match self {
            Doing::Waiting => HistorianState::Waiting,
            Doing::Filling => HistorianState::Filling,
            Doing::Following => HistorianState::Following,
            Doing::Stuck => HistorianState::Stuck,
        }
    }
}

/// The historian's report of its progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The node's chain, as `getblockchaininfo` names it; `None` until the node has answered.
    pub chain: Option<String>,
    /// The node's best block; `None` until the node has answered.
    pub tip: Option<Tip>,
    /// Number of blocks that have been read, of `wanted_blocks`.
    pub read_blocks: u64,
    /// Number of blocks that are to be read in all; 0 until the node has answered.
    pub wanted_blocks: u64,
    /// Seconds until all blocks are read, at the pace of the last minutes; `None` if the pace is unknown or no block is left.
    pub left_seconds: Option<u64>,
    /// The state of the filler.
    pub doing: Doing,
    /// One line for the public, without addresses or names: what the filler does or waits for.
    pub detail: String,
    /// Why the history's file cannot be used, in words for the public; `None` while it can. Written by `upkeep` alone.
    pub unusable: Option<String>,
}

impl Report {
    /// The historian's state, and one line for the public. While its file cannot be used it is stuck, whatever the
    /// filler does.
    pub fn shown(&self) -> (Doing, &str) {
        match &self.unusable {
            Some(why) => (Doing::Stuck, why),
            None => (self.doing, &self.detail),
        }
    }
}

/// The newest [`Report`]. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Report>>);

impl Progress {
    /// The newest report.
    pub fn report(&self) -> Report {
        self.lock().clone()
    }

    /// Changes the report.
    pub fn update(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_file_outweighs_what_the_filler_does_until_it_can_be_used() {
        let progress = Progress::default();
        progress.update(|report| report.unusable = Some("the disk is full".to_owned()));
        progress.update(|report| {
            report.doing = Doing::Filling;
            report.detail = "history since March 2021".to_owned();
        });
        assert_eq!(
            progress.report().shown(),
            (Doing::Stuck, "the disk is full")
        );
        progress.update(|report| report.unusable = None);
        assert_eq!(
            progress.report().shown(),
            (Doing::Filling, "history since March 2021")
        );
    }
}
