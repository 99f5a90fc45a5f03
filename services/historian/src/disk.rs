//! The node's own block files as a source of blocks, beside its RPC.
//!
//! A first pass over `blk*.dat` finds in which file each block lies. Later passes scan the files that have changed. The node stays the
//! one that names the best chain: its blocks are looked up by hash, and each is checked before it is believed. A block that the files
//! do not have, or not as it should be, is asked of the node. Nothing here writes to the node's folder.

mod beside;
mod check;
mod folder;
mod index;
mod keeper;
mod pass;
mod reader;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bitcoin::BlockHash;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{cpu::Cpu, node::Moment, sqlite};
pub use beside::WithDisk;
pub use check::{BlockFiles, check};
use folder::{BlockFolder, DiskError};
pub use index::APPLICATION;
use index::{BlockIndex, IndexError};
use pass::{Passed, pass};

/// Longest time for which blocks wait for the first pass: half a million headers from a solid-state disk.
const FIRST_PASS: Duration = Duration::from_secs(30);

/// The folder of the node's block files, which is opened once the node has told its chain. Clones share it.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state_dir: PathBuf,
    cpu: Cpu,
    open: Mutex<Option<Arc<BlockFolder>>>,
    best: watch::Sender<Option<NodeBest>>,
    /// Whether the first pass is over, or was waited for long enough.
    is_passed: watch::Sender<bool>,
}

/// The node's chain and its best block.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NodeBest {
    chain: String,
    hash: BlockHash,
}

impl Disk {
    /// The block files in the folder at `path`, whose index is kept in `state_dir`. `cpu` reads blocks.
    pub fn new(path: PathBuf, state_dir: PathBuf, cpu: Cpu) -> Disk {
        Disk(Arc::new(Shared {
            path,
            state_dir,
            cpu,
            open: Mutex::default(),
            best: watch::Sender::new(None),
            is_passed: watch::Sender::new(false),
        }))
    }

    /// Takes note of what the node says of itself. A new best block leads to a pass over the files.
    fn told(&self, moment: &Moment) {
        let new = NodeBest {
            chain: moment.chain.clone(),
            hash: moment.hash,
        };
        self.0.best.send_if_modified(|best| {
            let is_new = best.as_ref() != Some(&new);
            *best = Some(new);
            is_new
        });
    }

    /// Waits for the end of the first pass, for at most [`FIRST_PASS`], so that the node is not asked for blocks that the files have.
    async fn first_pass(&self) {
        if *self.0.is_passed.borrow() {
            return;
        }
        let mut passed = self.0.is_passed.subscribe();
        let is_over = passed.wait_for(|is_over| *is_over);
        if tokio::time::timeout(FIRST_PASS, is_over).await.is_err() {
            self.0.is_passed.send_replace(true);
        }
    }

    /// The opened folder; `None` until the first pass has begun, and while the files cannot be used.
    fn folder(&self) -> Option<Arc<BlockFolder>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<BlockFolder>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a pass over the files of a chain. An index that turns out to be damaged is removed, and begun anew by the next pass.
    ///
    /// # Errors
    /// When the files or the index cannot be used. No block is read from the files then.
    fn pass(
        &self,
        chain: &str,
        stop: &CancellationToken,
    ) -> Result<(Arc<BlockFolder>, Passed), DiskError> {
        let passed = self.opened(chain).and_then(|folder| {
            let passed = pass(&folder, stop)?;
            Ok((folder, passed))
        });
        self.0.is_passed.send_replace(true);
        if let Err(error) = &passed {
            *self.lock() = None;
            if error.is_damage() {
                let path = self.0.state_dir.join(BlockIndex::file_name(chain));
                sqlite::remove(&path).map_err(IndexError::Removal)?;
            }
        }
        passed
    }

    fn opened(&self, chain: &str) -> Result<Arc<BlockFolder>, DiskError> {
        if let Some(folder) = self.folder()
            && folder.is_of(chain)?
        {
            return Ok(folder);
        }
        // The index of another chain or key is closed first, because both may be the same file.
        *self.lock() = None;
        let folder = Arc::new(BlockFolder::open(&self.0.path, chain, &self.0.state_dir)?);
        *self.lock() = Some(folder.clone());
        Ok(folder)
    }
}

#[cfg(test)]
mod tests;
