//! Bitcoin Core's own block files, `blk*.dat`: the key that masks them, the places of their blocks, and the chain of most work.
//!
//! A file is a row of blocks, each behind the network's magic and its length. Blocks lie in the order of their arrival, not of
//! their height, and stale blocks lie among them. Core reserves room ahead in chunks of 16 MiB that it leaves as zeros. A crash
//! leaves half a block, or old bytes behind newer ones. Nothing here writes to the folder. Source: Core 30,
//! `src/node/blockstorage.{h,cpp}` and `src/flatfile.cpp`.

mod folder;
mod reader;
mod scan;
mod tree;
mod xor;

use std::{io, path::PathBuf};

use thiserror::Error;

pub use folder::{BlkFile, FileState, blk_files, open, will_read};
pub use reader::{ReadAt, block_at, header_at};
pub use scan::{BlkFormat, Magic, Scanned, StoredHeader, scan};
pub use tree::{TreeBlock, best_chain};
pub use xor::XorKey;

/// Why the block files cannot be used.
#[derive(Debug, Error)]
pub enum BlkError {
    /// The operating system failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A folder, pipe, socket or device has the name of a block file, or of the key's.
    #[error("{}: not a regular file; expected one that Core writes", .0.display())]
    NotRegular(PathBuf),
    /// The key has another length.
    #[error("{}: {length} bytes; expected the 8 bytes of Core's XOR key", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
    },
    /// The folder has no block file.
    #[error("{}: no file blk*.dat; expected the folder `blocks` in the node's data folder", .0.display())]
    Empty(PathBuf),
    /// A file begins with bytes that are not the chain's magic.
    #[error(
        "{}: begins with {}; expected {expected}, the magic of the node's chain: the folder is of another chain, or its xor.dat is \
         missing or of other files", path.display(), described(*.found)
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The first four bytes, without the mask.
        found: [u8; 4],
        /// The magic of the node's chain.
        expected: Magic,
    },
}

/// The bytes, and the chain whose magic they are, if they are one.
fn described(found: [u8; 4]) -> String {
    match Magic::name_of(found) {
        Some(chain) => format!("{}, the magic of chain {chain}", Magic::from_bytes(found)),
        None => Magic::from_bytes(found).to_string(),
    }
}

impl BlkError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> BlkError {
        let path = path.into();
        move |error| BlkError::Io { path, error }
    }

    /// Whether the file is no longer there, as after pruning.
    pub fn is_missing(&self) -> bool {
        matches!(self, BlkError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether our user may not read it.
    pub fn is_denied(&self) -> bool {
        matches!(self, BlkError::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied)
    }
}
