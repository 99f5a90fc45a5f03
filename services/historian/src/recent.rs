//! The payment amounts of blocks that are not final, kept beside the history so that they need not be read again.
//!
//! A file that is lost costs reading blocks again. A node that prunes may have forgotten them by then, and their prices are then
//! not made. So the file is begun anew only if SQLite finds it damaged, or if it is of another program or layout. A block whose
//! amounts cannot be read is dropped alone. After any other fault the file stays as it is, and is tried again.

mod codec;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bitcoin::{BlockHash, hashes::Hash as _};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use satscope_oracle::past::BlockPayments;
use thiserror::Error;
use tracing::{info, warn};

use crate::{
    fill_metrics::{RECENT_BYTES, RECENT_FAULTS},
    sqlite,
};

/// Most bytes of encoded amounts that are kept.
const MOST_BYTES: u64 = 56 << 20;
/// Most pages of 4,096 bytes that the file may have: 64 MB.
const MOST_PAGES: u32 = (64 << 20) / 4096;
/// Kilobytes of the file that are held in memory.
const CACHE_KILOBYTES: i32 = 1024;
/// Time from a fault to the next try to open the file or to read it.
const REST: Duration = Duration::from_secs(5);
/// Number of the tables' layout.
const LAYOUT: u32 = 1;
/// `PRAGMA application_id`: "sats", so that another program's file is recognised.
pub const APPLICATION: u32 = 0x7361_7473;

/// The file. While it cannot be used, all payments are asked of the node.
#[derive(Debug)]
pub struct Recent {
    path: PathBuf,
    /// `None` while the file cannot be opened.
    connection: Option<Connection>,
    /// The file is neither opened nor read before this; `None` after a try that worked.
    rests_until: Option<Instant>,
    /// Why the file could not be opened, read or written, for the log; `None` once it has been written again.
    complaint: Option<String>,
}

/// Why the file, or one block in it, cannot be used.
#[derive(Debug, Error)]
enum Fault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("block {0}: {1}")]
    Block(u32, codec::CodecError),
    #[error("another program's file, or another layout's")]
    Foreign,
}

impl Fault {
    /// Whether the file's content is useless, so that the file may be deleted. A full or busy disk, or a missing permission,
    /// says nothing about the content.
    fn is_beyond_use(&self) -> bool {
        match self {
            Fault::Block(..) => false,
            Fault::Foreign => true,
            Fault::Sqlite(error) => sqlite::is_damage(error),
        }
    }
}

impl Recent {
    /// The name of the file, in the state folder, that belongs to a history's file.
    pub fn file_name(history: &str) -> String {
        match history.strip_prefix("history-") {
            Some(rest) => format!("recent-{rest}"),
            None => format!("recent-{history}"),
        }
    }

    /// Opens the file, or begins it anew if it is beyond use.
    pub fn open(path: &Path) -> Recent {
        let mut recent = Recent {
            path: path.to_owned(),
            connection: None,
            rests_until: None,
            complaint: None,
        };
        recent.open_again();
        recent
    }

    /// The payments of a block; `None` if the file does not have them.
    pub fn get(&mut self, height: u32, hash: BlockHash) -> Option<BlockPayments> {
        match get(self.readable()?, height, hash) {
            Ok(found) => found,
            Err(fault @ Fault::Block(..)) => {
                self.drop_block(height, &fault);
                None
            }
            Err(fault) => {
                self.unread(&fault);
                None
            }
        }
    }

    /// Deletes a block's payments that cannot be decoded. Those of all other blocks stay, because a node that prunes may have
    /// forgotten them.
    fn drop_block(&mut self, height: u32, fault: &Fault) {
        RECENT_FAULTS.get().increment(1);
        let path = self.path.display();
        warn!("{path}: {fault}: the payments of this block are dropped, and read again");
        let Some(connection) = &self.connection else {
            return;
        };
        let dropped = connection.execute("DELETE FROM payments WHERE height = ?1", [height]);
        if let Err(error) = dropped {
            self.unread(&error.into());
        }
    }

    /// Whether the file has the payments of each of these blocks, in their order.
    pub fn has(&mut self, blocks: &[(u32, BlockHash)]) -> Vec<bool> {
        let found = self.readable().map(|connection| has(connection, blocks));
        found
            .and_then(|found| found.inspect_err(|fault| self.unread(fault)).ok())
            .unwrap_or_else(|| vec![false; blocks.len()])
    }

    /// Keeps the payments of blocks, in place of others of their heights, and drops those below `lowest`. Above
    /// [`MOST_BYTES`] in all, the lowest blocks are dropped.
    pub fn keep(&mut self, lowest: u32, blocks: &[(u32, BlockHash, &BlockPayments)]) {
        if self.connection.is_none() && self.readable().is_none() {
            return;
        }
        let Some(connection) = &mut self.connection else {
            return;
        };
        match keep(connection, lowest, blocks) {
            Ok(bytes) => {
                RECENT_BYTES.get().set(bytes as f64);
                if self.complaint.take().is_some() {
                    info!("{}: recent blocks are kept again", self.path.display());
                }
            }
            Err(fault) => self.met(&fault),
        }
    }

    /// The open file, which is opened again if it was not open; `None` while it rests after a fault.
    fn readable(&mut self) -> Option<&Connection> {
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        self.rests_until = None;
        if self.connection.is_none() {
            self.open_again();
        }
        self.connection.as_ref()
    }

    fn open_again(&mut self) {
        match open(&self.path) {
            Ok(connection) => self.connection = Some(connection),
            Err(fault) => self.unread(&fault),
        }
    }

    /// Records that the file could not be opened or read, and lets the file rest, because each try may wait for
    /// [`sqlite::PATIENCE`].
    fn unread(&mut self, fault: &Fault) {
        self.rests_until = Some(Instant::now() + REST);
        self.met(fault);
    }

    /// Handles a fault. A file that is beyond use is begun anew; after any other fault the file stays, and the log says so once
    /// for each reason.
    fn met(&mut self, fault: &Fault) {
        if fault.is_beyond_use() {
            return self.begin_anew(fault);
        }
        let words = fault.to_string();
        if self.complaint.as_ref() != Some(&words) {
            let path = self.path.display();
            warn!(
                "{path}: {words}: recent blocks are not kept for now; the file stays and is tried again"
            );
            self.complaint = Some(words);
        }
    }

    /// Deletes the file and makes another; if that cannot be done, nothing is kept until it can.
    fn begin_anew(&mut self, fault: &Fault) {
        RECENT_FAULTS.get().increment(1);
        let path = self.path.display();
        warn!("{path}: {fault}: the file is begun anew, and recent blocks are read again");
        self.connection = None;
        let removed = sqlite::remove(&self.path);
        match removed
            .map_err(|error| error.to_string())
            .and_then(|()| open(&self.path).map_err(|fault| fault.to_string()))
        {
            Ok(connection) => {
                self.connection = Some(connection);
                self.rests_until = None;
            }
            Err(error) => {
                warn!("{path}: {error}: recent blocks are not kept for now");
                self.rests_until = Some(Instant::now() + REST);
                self.complaint = Some(error);
            }
        }
    }
}

fn open(path: &Path) -> Result<Connection, Fault> {
    let (connection, marks) = sqlite::open(path)?;
    match (marks.application, marks.layout, marks.tables) {
        (0, 0, 0) => begin(&connection)?,
        (APPLICATION, LAYOUT, _) if has_table(&connection)? => {}
        _ => return Err(Fault::Foreign),
    }
    sqlite::write_unsynced(&connection, CACHE_KILOBYTES)?;
    connection.pragma_update_and_check(None, "max_page_count", MOST_PAGES, |_| Ok(()))?;
    Ok(connection)
}

/// Whether the file has the table of this layout.
fn has_table(connection: &Connection) -> Result<bool, Fault> {
    let columns: u32 = connection.query_row(
        "SELECT count(*) FROM pragma_table_info('payments') WHERE name IN ('height', 'hash', 'amounts')",
        [],
        |row| row.get(0),
    )?;
    Ok(columns == 3)
}

fn begin(connection: &Connection) -> Result<(), Fault> {
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.execute_batch(
        "CREATE TABLE payments (height INTEGER PRIMARY KEY, hash BLOB NOT NULL, amounts BLOB NOT NULL) STRICT;",
    )?;
    sqlite::mark(connection, APPLICATION, LAYOUT)?;
    Ok(())
}

fn get(
    connection: &Connection,
    height: u32,
    hash: BlockHash,
) -> Result<Option<BlockPayments>, Fault> {
    let amounts: Option<Vec<u8>> = connection
        .prepare_cached("SELECT amounts FROM payments WHERE height = ?1 AND hash = ?2")?
        .query_row(params![height, hash.as_byte_array()], |row| row.get(0))
        .optional()?;
    let decoded = amounts.map(|amounts| codec::decode(&amounts)).transpose();
    decoded.map_err(|error| Fault::Block(height, error))
}

fn has(connection: &Connection, blocks: &[(u32, BlockHash)]) -> Result<Vec<bool>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM payments WHERE height = ?1 AND hash = ?2")?;
    let found = blocks
        .iter()
        .map(|(height, hash)| statement.exists(params![height, hash.as_byte_array()]));
    Ok(found.collect::<rusqlite::Result<Vec<bool>>>()?)
}

/// Puts payments in, and returns the bytes of amounts that the file then has. Room is made before anything is put in, so that
/// the file does not reach [`MOST_PAGES`] on the way.
fn keep(
    connection: &mut Connection,
    lowest: u32,
    blocks: &[(u32, BlockHash, &BlockPayments)],
) -> Result<u64, Fault> {
    let new: BTreeMap<u32, (&BlockHash, Vec<u8>)> = blocks
        .iter()
        .filter(|(height, ..)| *height >= lowest)
        .map(|(height, hash, payments)| (*height, (hash, codec::encode(payments))))
        .collect();
    let transaction = connection.transaction()?;
    let mut sizes = sizes(&transaction)?;
    sizes.extend(
        new.iter()
            .map(|(height, (_, amounts))| (*height, amounts.len() as u64)),
    );
    let (from, bytes) = fitting(&sizes, lowest);
    let dropped = transaction
        .prepare_cached("DELETE FROM payments WHERE height < ?1")?
        .execute([from])?;
    for (height, (hash, amounts)) in new.range(from..) {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO payments (height, hash, amounts) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![height, hash.as_byte_array(), amounts])?;
    }
    transaction.commit()?;
    if dropped > 0 {
        connection.execute_batch("PRAGMA incremental_vacuum")?;
    }
    Ok(bytes)
}

/// The bytes of each block's amounts, by height.
fn sizes(transaction: &Transaction<'_>) -> Result<BTreeMap<u32, u64>, Fault> {
    let mut statement =
        transaction.prepare_cached("SELECT height, length(amounts) FROM payments")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The lowest height from `lowest` on from which all blocks together take at most [`MOST_BYTES`], and their bytes.
fn fitting(sizes: &BTreeMap<u32, u64>, lowest: u32) -> (u32, u64) {
    let mut bytes = 0;
    for (height, size) in sizes.range(lowest..).rev() {
        if bytes + size > MOST_BYTES {
            return (height + 1, bytes);
        }
        bytes += size;
    }
    (lowest, bytes)
}

#[cfg(test)]
#[path = "recent/tests.rs"]
mod tests;
