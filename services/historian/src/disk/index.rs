//! The index of the node's block files, kept beside the history: in which file a block lies, and where.
//!
//! A file of the node is one unit: when it has changed, it is scanned whole, and its blocks take the place of those that it had. A
//! block is known by the first eight bytes of its hash, because that is enough to find it; the reader checks the whole hash. So
//! 950,000 blocks take some 39 MB of disk, and none of them is kept in memory.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bitcoin::{BlockHash, hashes::Hash as _};
use rusqlite::{Connection, OptionalExtension as _, params};
use satscope_bitcoin::blk::{FileState, StoredHeader, TreeBlock};
use thiserror::Error;
use tracing::warn;

use crate::sqlite;

/// Number of the tables' layout.
const LAYOUT: u32 = 1;
/// Kilobytes of the file that are held in memory.
const CACHE_KILOBYTES: i32 = 2048;
/// `PRAGMA application_id`: "satb".
pub const APPLICATION: u32 = 0x7361_7462;
const TABLES: &str = "
    CREATE TABLE folder (identity TEXT NOT NULL) STRICT;
    CREATE TABLE files (number INTEGER PRIMARY KEY, length INTEGER NOT NULL, written_ns INTEGER NOT NULL) STRICT;
    CREATE TABLE blocks (hash INTEGER PRIMARY KEY, previous INTEGER NOT NULL, bits INTEGER NOT NULL,
        file INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT;
";

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// The number of the file.
    pub file: u32,
    /// The offset of the magic before the block, in bytes.
    pub offset: u32,
}

/// Why the index cannot be used.
#[derive(Debug, Error)]
pub enum IndexError {
    /// SQLite failed.
    #[error("the index of the block files: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file is another program's, or of another layout.
    #[error("the index of the block files: another program's file, or another layout's")]
    NotOurs,
    /// The state folder cannot be made.
    #[error("the folder of the index of the block files: {0}")]
    Folder(std::io::Error),
    /// A damaged file cannot be removed.
    #[error("the index of the block files cannot be removed: {0}")]
    Removal(std::io::Error),
}

impl IndexError {
    /// Whether nothing in the file can be of use, so that it may be deleted.
    pub fn is_damage(&self) -> bool {
        match self {
            IndexError::Sqlite(error) => sqlite::is_damage(error),
            IndexError::NotOurs => true,
            IndexError::Removal(_) | IndexError::Folder(_) => false,
        }
    }
}

/// The index of one folder.
#[derive(Debug)]
pub struct BlockIndex(Mutex<Connection>);

/// The beginning of a hash, by which the index knows a block.
pub fn beginning(hash: BlockHash) -> u64 {
    let bytes = hash.to_byte_array();
    let (first, _) = bytes.as_chunks::<8>();
    u64::from_le_bytes(first[0])
}

/// SQLite's integers have a sign. The order stays.
fn signed(hash: u64) -> i64 {
    (hash ^ 1 << 63).cast_signed()
}

fn unsigned(hash: i64) -> u64 {
    hash.cast_unsigned() ^ 1 << 63
}

impl BlockIndex {
    /// The name of the file, in the state folder, for a chain as `getblockchaininfo` names it.
    pub fn file_name(chain: &str) -> String {
        format!("blocks-{chain}.sqlite")
    }

    /// Opens the index of a folder. It is begun anew if it is damaged, or of a folder with another identity.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub fn open(path: &Path, identity: &str) -> Result<BlockIndex, IndexError> {
        match open(path, identity) {
            Ok(Some(connection)) => return Ok(BlockIndex(Mutex::new(connection))),
            Ok(None) => {}
            Err(error) if error.is_damage() => {
                warn!("{}: {error}: it is begun anew", path.display());
            }
            Err(error) => return Err(error),
        }
        sqlite::remove(path).map_err(IndexError::Removal)?;
        match open(path, identity)? {
            Some(connection) => Ok(BlockIndex(Mutex::new(connection))),
            None => Err(IndexError::NotOurs),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files that are in the index, with their state when they were scanned.
    pub fn files(&self) -> Result<BTreeMap<u32, FileState>, IndexError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT number, length, written_ns FROM files")?;
        let rows = statement.query_map([], |row| {
            let state = FileState {
                length: row.get::<_, i64>(1)?.cast_unsigned(),
                written_ns: row.get(2)?,
            };
            Ok((row.get(0)?, state))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Puts the blocks of a file in place of those that the index has of that file. A block that lies in another file too stays
    /// there.
    pub fn replace(
        &self,
        file: u32,
        state: FileState,
        blocks: &[StoredHeader],
    ) -> Result<(), IndexError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        {
            let is_known = transaction
                .prepare_cached("SELECT 1 FROM files WHERE number = ?1")?
                .exists([file])?;
            if is_known {
                let mut delete =
                    transaction.prepare_cached("DELETE FROM blocks WHERE file = ?1")?;
                delete.execute([file])?;
            }
            let mut insert = transaction
                .prepare_cached("INSERT OR IGNORE INTO blocks VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for block in blocks {
                let (hash, previous) = (beginning(block.hash), beginning(block.previous));
                let bits = block.bits.to_consensus();
                insert.execute(params![
                    signed(hash),
                    signed(previous),
                    bits,
                    file,
                    block.offset
                ])?;
            }
            let mut put =
                transaction.prepare_cached("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3)")?;
            put.execute(params![file, state.length.cast_signed(), state.written_ns])?;
        }
        Ok(transaction.commit()?)
    }

    /// Removes files, as after pruning, with their blocks.
    pub fn forget(&self, files: &[u32]) -> Result<(), IndexError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for file in files {
            transaction.execute("DELETE FROM files WHERE number = ?1", [file])?;
        }
        if !files.is_empty() {
            transaction.execute(
                "DELETE FROM blocks WHERE file NOT IN (SELECT number FROM files)",
                [],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Has a file scanned again at the next pass, because something else lies where a block should.
    pub fn doubt(&self, file: u32) -> Result<(), IndexError> {
        let connection = self.connection();
        connection.execute("UPDATE files SET written_ns = -1 WHERE number = ?1", [file])?;
        Ok(())
    }

    /// Where a block lies; `None` if it is in no file.
    pub fn find(&self, beginning: u64) -> Result<Option<BlockPlace>, IndexError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT file, offset FROM blocks WHERE hash = ?1")?;
        let place = statement.query_row([signed(beginning)], |row| {
            Ok(BlockPlace {
                file: row.get(0)?,
                offset: row.get(1)?,
            })
        });
        Ok(place.optional()?)
    }

    /// All blocks, ascending by hash: 24 bytes each.
    pub fn tree(&self) -> Result<Vec<TreeBlock>, IndexError> {
        let connection = self.connection();
        let count: u32 =
            connection.query_row("SELECT count(*) FROM blocks", [], |row| row.get(0))?;
        let mut tree = Vec::with_capacity(count as usize);
        let mut statement =
            connection.prepare_cached("SELECT hash, previous, bits FROM blocks ORDER BY hash")?;
        let rows = statement.query_map([], |row| {
            Ok(TreeBlock {
                hash: unsigned(row.get(0)?),
                previous: unsigned(row.get(1)?),
                bits: row.get(2)?,
            })
        })?;
        for row in rows {
            tree.push(row?);
        }
        Ok(tree)
    }
}

/// The connection; `None` if the index is of another folder.
fn open(path: &Path, identity: &str) -> Result<Option<Connection>, IndexError> {
    let (connection, marks) = sqlite::open(path)?;
    match (marks.application, marks.layout, marks.tables) {
        (0, 0, 0) => begin(&connection, identity)?,
        (APPLICATION, LAYOUT, 3) => {}
        _ => return Err(IndexError::NotOurs),
    }
    sqlite::write_unsynced(&connection, CACHE_KILOBYTES)?;
    let found: Option<String> = connection
        .query_row("SELECT identity FROM folder", [], |row| row.get(0))
        .optional()?;
    Ok((found.as_deref() == Some(identity)).then_some(connection))
}

fn begin(connection: &Connection, identity: &str) -> Result<(), IndexError> {
    connection.execute_batch(TABLES)?;
    connection.execute("INSERT INTO folder VALUES (?1)", [identity])?;
    sqlite::mark(connection, APPLICATION, LAYOUT)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::pow::CompactTarget;

    use super::*;

    /// Blocks in a file, and files, as many as Bitcoin's chain has in 2026.
    const BLOCKS: u32 = 180;
    const FILES: u32 = 5280;

    fn hash(number: u32) -> BlockHash {
        BlockHash::hash(&number.to_le_bytes())
    }

    fn block(number: u32) -> StoredHeader {
        StoredHeader {
            offset: number % BLOCKS * 700_000,
            hash: hash(number),
            previous: hash(number.wrapping_sub(1)),
            bits: CompactTarget::from_consensus(0x1702_3456),
        }
    }

    fn fill(index: &BlockIndex, files: u32) {
        let state = FileState {
            length: 1 << 27,
            written_ns: 7,
        };
        for file in (0..files).rev() {
            let blocks: Vec<_> = (file * BLOCKS..(file + 1) * BLOCKS).map(block).collect();
            index.replace(file, state, &blocks).unwrap();
        }
    }

    #[test]
    fn a_block_is_found_until_its_file_is_replaced_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let index = BlockIndex::open(&folder.path().join("index"), "here").unwrap();
        fill(&index, 4);
        let find = |number: u32| index.find(beginning(hash(number))).unwrap();
        let place = |file, offset| Some(BlockPlace { file, offset });
        assert_eq!((find(0), find(181)), (place(0, 0), place(1, 700_000)));
        assert_eq!(find(4 * BLOCKS), None);
        let state = FileState {
            length: 1,
            written_ns: 8,
        };
        index.replace(1, state, &[block(185)]).unwrap();
        assert_eq!((find(181), find(185)), (None, place(1, 3_500_000)));
        index.forget(&[0, 3]).unwrap();
        assert_eq!((find(0), find(3 * BLOCKS)), (None, None));
        assert_eq!(
            index.files().unwrap().keys().copied().collect::<Vec<_>>(),
            [1, 2]
        );
        let tree = index.tree().unwrap();
        assert_eq!(tree.len(), BLOCKS as usize + 1);
        assert!(tree.is_sorted_by(|one, next| one.hash < next.hash));
    }

    #[test]
    #[ignore = "takes a minute"]
    fn the_index_of_the_whole_chain_is_small() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let index = BlockIndex::open(&path, "here").unwrap();
        fill(&index, FILES);
        let began = std::time::Instant::now();
        let tree = index.tree().unwrap();
        let read = began.elapsed();
        let best = satscope_bitcoin::blk::best_chain(&tree, beginning(hash(0)));
        assert_eq!(best.len(), (BLOCKS * FILES) as usize);
        let bytes = std::fs::metadata(&path).unwrap().len();
        println!(
            "{} blocks: {bytes} bytes, read in {read:?}, with the best chain in {:?}",
            best.len(),
            began.elapsed()
        );
        assert!(bytes < 64 << 20);
    }
}
