//! The payment amounts of blocks that are not final, kept beside the history so that they need not be read again.
//!
//! The file may be lost, damaged or refused at any time: it costs reading blocks again, and nothing else. A node that prunes may
//! have forgotten them by then.

mod codec;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bitcoin::{BlockHash, hashes::Hash as _};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use satscope_oracle::past::BlockPayments;
use thiserror::Error;
use tracing::warn;

use crate::fill_metrics::{RECENT_BYTES, RECENT_FAULTS};

/// The most that is kept, in bytes of encoded amounts.
const MOST_BYTES: u64 = 56 << 20;
/// What the file may have in pages of 4,096 bytes: 64 MB.
const MOST_PAGES: u32 = (64 << 20) / 4096;
/// How long a statement waits for another process that looks at the file.
const PATIENCE: Duration = Duration::from_secs(2);
/// Number of the tables' layout.
const LAYOUT: u32 = 1;
/// "sats", so that a file of another program is known for what it is.
const APPLICATION: u32 = 0x7361_7473;

/// The file; without one, all is asked of the node.
#[derive(Debug)]
pub struct Recent {
    path: PathBuf,
    connection: Option<Connection>,
}

/// Why the file was not usable.
#[derive(Debug, Error)]
enum Fault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("block {0}: {1}")]
    Block(u32, codec::CodecError),
    #[error("another program's file, or another layout's")]
    Foreign,
}

impl Recent {
    /// The name of the file of a chain, in the state folder.
    pub fn file_name(history: &str) -> String {
        match history.strip_prefix("history-") {
            Some(rest) => format!("recent-{rest}"),
            None => format!("recent-{history}"),
        }
    }

    /// Opens the file, or begins it anew if it cannot be used.
    pub fn open(path: &Path) -> Recent {
        let mut recent = Recent {
            path: path.to_owned(),
            connection: None,
        };
        match open(path) {
            Ok(connection) => recent.connection = Some(connection),
            Err(fault) => recent.begin_anew(&fault),
        }
        recent
    }

    /// The payments of a block, if they were kept.
    pub fn get(&mut self, height: u32, hash: BlockHash) -> Option<BlockPayments> {
        let found = get(self.connection.as_ref()?, height, hash);
        found.unwrap_or_else(|fault| {
            self.begin_anew(&fault);
            None
        })
    }

    /// Whether the payments of each of these blocks were kept, in their order.
    pub fn has(&mut self, blocks: &[(u32, BlockHash)]) -> Vec<bool> {
        let found = self
            .connection
            .as_ref()
            .map(|connection| has(connection, blocks));
        match found {
            Some(Ok(found)) => found,
            Some(Err(fault)) => {
                self.begin_anew(&fault);
                vec![false; blocks.len()]
            }
            None => vec![false; blocks.len()],
        }
    }

    /// Keeps the payments of blocks in place of others of their heights, and lets those go that are below a height. Beyond
    /// `MOST_BYTES`, the lowest blocks are let go.
    pub fn keep(&mut self, lowest: u32, blocks: &[(u32, BlockHash, &BlockPayments)]) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        match keep(connection, lowest, blocks) {
            Ok(bytes) => RECENT_BYTES.get().set(bytes as f64),
            Err(fault) => self.begin_anew(&fault),
        }
    }

    /// A file that cannot be used is taken away, and another begun; if there can be none, nothing is kept.
    fn begin_anew(&mut self, fault: &Fault) {
        RECENT_FAULTS.get().increment(1);
        let path = self.path.display();
        warn!("{path}: {fault}: the file is begun anew, and recent blocks are read again");
        self.connection = None;
        let removed = remove(&self.path);
        match removed
            .map_err(|error| error.to_string())
            .and_then(|()| open(&self.path).map_err(|fault| fault.to_string()))
        {
            Ok(connection) => self.connection = Some(connection),
            Err(error) => warn!("{path}: {error}: recent blocks are not kept"),
        }
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0));
    let (application, layout) = (number("application_id")?, number("user_version")?);
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, layout, tables) {
        (0, 0, 0) => begin(&connection)?,
        (APPLICATION, LAYOUT, _) => {}
        _ => return Err(Fault::Foreign),
    }
    // What a power cut takes is read again.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update_and_check(None, "max_page_count", MOST_PAGES, |_| Ok(()))?;
    Ok(connection)
}

fn begin(connection: &Connection) -> Result<(), Fault> {
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.execute_batch(
        "CREATE TABLE payments (height INTEGER PRIMARY KEY, hash BLOB NOT NULL, amounts BLOB NOT NULL) STRICT;",
    )?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", LAYOUT)?;
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

/// The bytes of amounts that are kept afterwards.
fn keep(
    connection: &mut Connection,
    lowest: u32,
    blocks: &[(u32, BlockHash, &BlockPayments)],
) -> Result<u64, Fault> {
    let transaction = connection.transaction()?;
    let dropped = transaction
        .prepare_cached("DELETE FROM payments WHERE height < ?1")?
        .execute([lowest])?;
    for (height, hash, payments) in blocks.iter().filter(|(height, ..)| *height >= lowest) {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO payments (height, hash, amounts) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![
                height,
                hash.as_byte_array(),
                codec::encode(payments)
            ])?;
    }
    let (bytes, over) = make_room(&transaction)?;
    transaction.commit()?;
    if dropped + over > 0 {
        connection.execute_batch("PRAGMA incremental_vacuum")?;
    }
    Ok(bytes)
}

/// Lets the lowest blocks go until the rest is no more than [`MOST_BYTES`]: what is left in bytes, and how many blocks went.
fn make_room(transaction: &Transaction<'_>) -> Result<(u64, usize), Fault> {
    let sum = |transaction: &Transaction<'_>| {
        transaction
            .prepare_cached("SELECT coalesce(sum(length(amounts)), 0) FROM payments")?
            .query_row([], |row| row.get::<_, i64>(0))
    };
    let (mut bytes, mut went) = (sum(transaction)?.unsigned_abs(), 0);
    while bytes > MOST_BYTES {
        went += transaction
            .prepare_cached(
                "DELETE FROM payments WHERE height IN (SELECT height FROM payments ORDER BY height LIMIT 16)",
            )?
            .execute([])?;
        bytes = sum(transaction)?.unsigned_abs();
    }
    Ok((bytes, went))
}

#[cfg(test)]
#[path = "recent/tests.rs"]
mod tests;
