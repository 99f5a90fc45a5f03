//! The folder of the node's block files, opened for one chain: its key, its index, and the chain of most work.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bitcoin::{Network, constants::genesis_block};
use satscope_bitcoin::blk::{BlkError, BlkFormat, Magic, XorKey, best_chain};
use satscope_kit::logging::LogLimiter;
use thiserror::Error;

use super::index::{BlockIndex, IndexError, beginning};

/// Why the block files are not read.
#[derive(Debug, Error)]
pub enum DiskError {
    /// The folder or a file cannot be used.
    #[error(transparent)]
    Files(#[from] BlkError),
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The magic of the chain is not known.
    #[error(
        "the block files of chain {0} cannot be told from others; expected main, test, testnet4, signet or regtest"
    )]
    Chain(String),
}

impl DiskError {
    /// Whether the index is to be begun anew.
    pub fn is_damage(&self) -> bool {
        matches!(self, DiskError::Index(error) if error.is_damage())
    }
}

/// How the files of a folder are read, as files of a chain.
///
/// # Errors
/// When the chain is unknown, or the key cannot be read.
pub fn format_of(path: &Path, chain: &str) -> Result<BlkFormat, DiskError> {
    let magic = Magic::of_chain(chain).ok_or_else(|| DiskError::Chain(chain.to_owned()))?;
    let key = XorKey::of_folder(path)?;
    Ok(BlkFormat { magic, key })
}

/// The folder, opened.
#[derive(Debug)]
pub struct BlockFolder {
    path: PathBuf,
    chain: String,
    format: BlkFormat,
    index: BlockIndex,
    first: u64,
    /// The chain of most work in the files: the beginning of each hash, by height.
    best: Mutex<Arc<[u64]>>,
    limiter: Mutex<LogLimiter>,
}

impl BlockFolder {
    /// The folder at `path`, whose index lies in `state_dir`.
    ///
    /// # Errors
    /// When the chain is unknown, or the key or the index cannot be read.
    pub fn open(path: &Path, chain: &str, state_dir: &Path) -> Result<BlockFolder, DiskError> {
        let network = Network::from_core_arg(chain);
        let network = network.map_err(|_| DiskError::Chain(chain.to_owned()))?;
        let format = format_of(path, chain)?;
        let key = format.key.bytes();
        let identity = format!("{chain}, key {key:02x?}, {}", path.display());
        std::fs::create_dir_all(state_dir).map_err(IndexError::Folder)?;
        let index = BlockIndex::open(&state_dir.join(BlockIndex::file_name(chain)), &identity)?;
        Ok(BlockFolder {
            path: path.to_owned(),
            chain: chain.to_owned(),
            format,
            index,
            first: beginning(genesis_block(network).block_hash()),
            best: Mutex::default(),
            limiter: Mutex::default(),
        })
    }

    /// Whether it is still opened for this chain and with the key that its files have now.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn is_of(&self, chain: &str) -> Result<bool, DiskError> {
        let key = XorKey::of_folder(&self.path)?;
        Ok(self.chain == chain && self.format.key == key)
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How its files are read.
    pub fn format(&self) -> BlkFormat {
        self.format
    }

    /// The index of its blocks.
    pub fn index(&self) -> &BlockIndex {
        &self.index
    }

    /// The chain of most work in the files, by height. It is empty until all files were scanned once, and if the chain's first block
    /// is not among them.
    pub fn best(&self) -> Arc<[u64]> {
        self.best
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The number of lines about bad blocks that were held back since the last one; `None` if this one is to be held back too.
    pub fn may_log(&self) -> Option<u64> {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.pass("block", Instant::now())
    }

    /// Finds the chain of most work among all blocks of the index, and returns their number.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find_best(&self) -> Result<usize, IndexError> {
        let tree = self.index.tree()?;
        let best = best_chain(&tree, self.first);
        *self.best.lock().unwrap_or_else(PoisonError::into_inner) = best.into();
        Ok(tree.len())
    }
}
