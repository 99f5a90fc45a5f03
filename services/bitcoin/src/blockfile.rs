//! Raw block files: the bytes of one block as it goes over the network, and nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bitcoin::consensus::Decodable;
use bitcoin::{Block, Weight};
use thiserror::Error;

/// The extension of a raw block file's name.
pub const EXTENSION: &str = "blk";

/// A block file that cannot be used.
#[derive(Debug, Error)]
pub enum BlockFileError {
    /// The file or folder cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The bytes are no block.
    #[error("{}: byte {offset} of {length}: {what}; expected the bytes of one block", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        offset: usize,
        /// The file's size in bytes.
        length: usize,
        /// The fault at that place.
        what: String,
    },
    /// A folder without block files.
    #[error("{}: no file in this folder ends in .{EXTENSION}", .0.display())]
    Empty(PathBuf),
}

/// Reads the block in a file.
///
/// # Errors
/// When the file cannot be read, is cut short, goes on after the block, or its transactions do not match the header's Merkle
/// root.
pub fn read_block(path: &Path) -> Result<Block, BlockFileError> {
    let bytes = fs::read(path).map_err(|error| BlockFileError::Read {
        path: path.to_path_buf(),
        error,
    })?;
    decode_block(&bytes).map_err(|(offset, what)| BlockFileError::Content {
        path: path.to_path_buf(),
        offset,
        length: bytes.len(),
        what,
    })
}

/// The block files of a folder, by name.
///
/// # Errors
/// When the folder cannot be read or holds none.
pub fn block_files(folder: &Path) -> Result<Vec<PathBuf>, BlockFileError> {
    let read = |error| BlockFileError::Read {
        path: folder.to_path_buf(),
        error,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|end| end == EXTENSION) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(BlockFileError::Empty(folder.to_path_buf()));
    }
    files.sort();
    Ok(files)
}

fn decode_block(bytes: &[u8]) -> Result<Block, (usize, String)> {
    let mut rest = bytes;
    let block = Block::consensus_decode(&mut rest);
    let offset = bytes.len() - rest.len();
    let block = block.map_err(|error| (offset, error.to_string()))?;
    if !rest.is_empty() {
        return Err((offset, format!("{} bytes after the block", rest.len())));
    }
    if block.txdata.is_empty() {
        return Err((offset, "a block without transactions".to_owned()));
    }
    if block.weight() > Weight::MAX_BLOCK {
        return Err((offset, format!("a block of weight {}", block.weight())));
    }
    if !block.check_merkle_root() {
        let what = "transactions that are not those of the header's Merkle root";
        return Err((offset, what.to_owned()));
    }
    Ok(block)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::Network;
    use bitcoin::blockdata::constants::genesis_block;
    use bitcoin::consensus::serialize;

    use super::*;

    fn genesis() -> Vec<u8> {
        serialize(&genesis_block(Network::Bitcoin))
    }

    #[test]
    fn a_block_is_read() {
        let block = decode_block(&genesis()).unwrap();
        assert_eq!(block, genesis_block(Network::Bitcoin));
    }

    #[test]
    fn a_truncated_block_says_where() {
        let bytes = genesis();
        for length in [0, 79, 80, 81, 100, bytes.len() - 1] {
            let (offset, _) = decode_block(&bytes[..length]).unwrap_err();
            assert!(offset <= length, "{offset} of {length}");
        }
    }

    #[test]
    fn bytes_after_the_block_and_other_transactions_are_refused() {
        let mut bytes = genesis();
        bytes.push(0);
        let (offset, what) = decode_block(&bytes).unwrap_err();
        assert_eq!((offset, what.as_str()), (285, "1 bytes after the block"));
        let mut bytes = genesis();
        bytes[200] ^= 1;
        assert!(decode_block(&bytes).unwrap_err().1.contains("Merkle root"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_block(Path::new("/nowhere/x.blk")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/x.blk: "), "{error}");
    }
}
