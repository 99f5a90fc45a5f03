//! Keeps the index up to date: a pass over the files after each new block of the node, and once a minute.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Disk, NodeBest,
    folder::{BlockFolder, DiskError},
    index::beginning,
    pass::Passed,
};
use crate::fill_metrics::{BLOCK_FILES_BLOCKS, BLOCK_FILES_HEIGHT};

/// Longest time between two passes: files that could not be used, or had just been written to, are looked at again.
const LONGEST: Duration = Duration::from_mins(1);
/// Shortest time between two passes.
const SHORTEST: Duration = Duration::from_secs(5);
/// Passes in a row after which files without the node's best block count as lagging.
const LAGGING: u32 = 3;

impl Disk {
    /// Makes passes until told to stop.
    ///
    /// # Errors
    /// When a pass panics.
    pub async fn keep(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut best = self.0.best.subscribe();
        let mut words = Words::default();
        loop {
            let until_told = async {
                let told = best.wait_for(Option::is_some).await;
                // An error means that the sender is gone, and `self` holds it.
                told.ok().and_then(|told| told.clone())
            };
            let Some(Some(told)) = stop.run_until_cancelled(until_told).await else {
                return Ok(());
            };
            let (disk, chain, ends) = (self.clone(), told.chain.clone(), stop.clone());
            let passed = spawn_blocking(move || disk.pass(&chain, &ends)).await?;
            words.of(&self.0.path, passed, &told);
            let pause = async {
                tokio::time::sleep(SHORTEST).await;
                tokio::time::timeout(LONGEST, best.changed()).await.is_ok()
            };
            if stop.run_until_cancelled(pause).await.is_none() {
                return Ok(());
            }
        }
    }
}

/// What the log was told last: each state is told once.
#[derive(Debug, Default)]
struct Words {
    told: Option<State>,
    /// Passes in a row after which the files did not have the node's best block.
    lagging: u32,
}

/// The state of the files after a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Their blocks are read.
    Well,
    /// None of them is read, for this reason.
    Unusable(String),
    /// One of them cannot be read, for this reason.
    Unread(String),
    /// They do not have the node's best block.
    Lagging,
}

impl Words {
    fn of(
        &mut self,
        path: &Path,
        passed: Result<(Arc<BlockFolder>, Passed), DiskError>,
        best: &NodeBest,
    ) {
        let (state, passed) = match passed {
            Err(error) => (Some(State::Unusable(error.to_string())), None),
            Ok((folder, passed)) => (self.state(&folder, &passed, best), Some((folder, passed))),
        };
        if let Some((folder, passed)) = &passed {
            report(folder, passed);
        }
        let Some(state) = state.filter(|state| self.told.as_ref() != Some(state)) else {
            return;
        };
        let path = path.display();
        match (&state, passed) {
            (State::Well, Some((folder, passed))) => info!(
                "{} blocks in the node's {} block files in {path} need not be asked of the node",
                passed.blocks.unwrap_or_else(|| folder.best().len()),
                passed.files
            ),
            (State::Well, None) => {}
            (State::Unusable(reason), _) => {
                warn!(
                    "the block files in {path} are not read: {reason}; blocks are asked of the node"
                );
            }
            (State::Unread(reason), _) => {
                warn!("a block file is left out: {reason}; its blocks are asked of the node");
            }
            (State::Lagging, _) => warn!(
                "the block files in {path} lag behind the node, or are another node's; blocks that they lack are asked of the node"
            ),
        }
        self.told = Some(state);
    }

    /// The state; `None` if it is not clear yet whether the files lag.
    fn state(&mut self, folder: &BlockFolder, passed: &Passed, best: &NodeBest) -> Option<State> {
        let is_there = matches!(folder.index().find(beginning(best.hash)), Ok(Some(_)));
        self.lagging = if is_there {
            0
        } else {
            self.lagging.saturating_add(1)
        };
        match &passed.unread {
            Some(error) => Some(State::Unread(error.to_string())),
            None if is_there => Some(State::Well),
            None => (self.lagging >= LAGGING).then_some(State::Lagging),
        }
    }
}

fn report(folder: &BlockFolder, passed: &Passed) {
    if let Some(blocks) = passed.blocks {
        BLOCK_FILES_BLOCKS.get().set(blocks as f64);
        BLOCK_FILES_HEIGHT
            .get()
            .set(folder.best().len().saturating_sub(1) as f64);
    }
}

#[cfg(test)]
mod tests {
    use satscope_bitcoin::blk::BlkError;

    use super::*;

    fn unusable(words: &mut Words, number: u32) -> Option<State> {
        let error = BlkError::Empty(format!("/blocks/{number}").into());
        let best = NodeBest {
            chain: "main".to_owned(),
            hash: bitcoin::hashes::Hash::all_zeros(),
        };
        words.of(Path::new("/blocks"), Err(error.into()), &best);
        words.told.clone()
    }

    #[test]
    fn a_new_reason_is_told_and_the_same_one_is_not() {
        let mut words = Words::default();
        let first = unusable(&mut words, 1);
        assert!(matches!(&first, Some(State::Unusable(reason)) if reason.contains("/blocks/1")));
        assert_eq!(unusable(&mut words, 1), first);
        assert_ne!(unusable(&mut words, 2), first);
    }
}
