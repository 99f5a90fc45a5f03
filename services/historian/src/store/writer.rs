//! The one writer of the history's file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tracing::warn;

use super::{
    check,
    digest::digest,
    error::StoreError,
    lookup::number,
    rows::{BlockRow, Identity, MinuteRow, PeriodRow, PeriodState, SealedPeriod, Tip, Trust},
    schema,
    statements::{
        Refused, clear, count, cut, drop_imported, put_blocks, put_minute, put_period_row,
        put_sealed, put_tip, refuse_final,
    },
};

/// Time for which a write waits for a reader that copies the file, or for a checkpoint.
const PATIENCE: Duration = Duration::from_secs(10);
/// The size in bytes to which the write-ahead log is cut back after a checkpoint.
const WAL_BYTES: u32 = 8 << 20;

/// The writer of the file. It keeps other processes from writing until it is dropped.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    identity: Identity,
    /// Number of minutes in the file, shared with the readers.
    minutes: Arc<AtomicU64>,
    /// Whether this writer made the history.
    is_new: bool,
    is_removed: bool,
    _lock: File,
}

impl Writer {
    pub(super) fn open(
        path: &Path,
        identity: &Identity,
        minutes: Arc<AtomicU64>,
    ) -> Result<Writer, StoreError> {
        let lock = lock(path)?;
        let is_new = schema::is_empty(path);
        let opened = connect(path, identity);
        if is_new && opened.is_err() {
            remove(path);
        }
        let connection = opened?;
        let counted =
            connection.query_row("SELECT count(*) FROM minutes", [], |row| number(row, 0));
        let counted = counted.map_err(|error| StoreError::of(path, error))?;
        minutes.store(counted, Ordering::Relaxed);
        Ok(Writer {
            connection,
            path: path.to_owned(),
            identity: identity.clone(),
            minutes,
            is_new,
            is_removed: false,
            _lock: lock,
        })
    }

    /// The identity of this history.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Writes a period in one transaction: its row, and its blocks in place of all that the file had. A final period
    /// gets its digest and the hash of its last block; the hashes of its other blocks are not kept.
    ///
    /// # Errors
    /// When the rows cannot be true, an open period would take the place of a final one, or the file cannot be written;
    /// nothing is then changed.
    pub fn put_period(&mut self, period: &PeriodRow, rows: &[BlockRow]) -> Result<(), StoreError> {
        check::period(period, rows)?;
        let genesis = self.identity.genesis;
        self.write(|transaction| match period.state {
            PeriodState::Open => {
                refuse_final(transaction, period.first_height(), period.last_height())?;
                clear(transaction, period)?;
                put_blocks(transaction, rows, period.state)?;
                put_period_row(transaction, period)?;
                count(transaction, period.period)
            }
            PeriodState::Final => {
                let sealed = SealedPeriod {
                    row: period.clone(),
                    rows: rows.to_vec(),
                    digest: digest(genesis, period.model, period.first_height(), rows),
                };
                put_sealed(transaction, &sealed, Trust::Own)
            }
        })
    }

    /// Writes the newest blocks in one transaction, in place of every row at or above `from_height`, with the node's
    /// best block. `periods` are the open periods that the rows lie in. Other periods that begin at or above
    /// `from_height` are removed, and so are imported periods with blocks there.
    ///
    /// # Errors
    /// When the rows cannot be true, a final period would lose rows, or the file cannot be written; nothing is then changed.
    pub fn put_tail(
        &mut self,
        from_height: u32,
        rows: &[BlockRow],
        periods: &[PeriodRow],
        tip: Tip,
    ) -> Result<(), StoreError> {
        check::blocks(from_height, rows)?;
        check::tail(rows, periods, tip)?;
        self.write(|transaction| {
            refuse_final(transaction, from_height, u32::MAX)?;
            drop_imported(transaction, from_height)?;
            cut(transaction, from_height)?;
            put_blocks(transaction, rows, PeriodState::Open)?;
            for period in periods {
                put_period_row(transaction, period)?;
                count(transaction, period.period)?;
            }
            count(transaction, PeriodRow::of_height(from_height))?;
            put_tip(transaction, tip)
        })
    }

    /// Reopens the periods with blocks at or above `from_height`, and removes these blocks. Blocks below stay; those of
    /// a period that was final have no hashes. Imported periods with blocks there are removed.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is then changed.
    pub fn reopen(&mut self, from_height: u32) -> Result<(), StoreError> {
        self.write(|transaction| {
            drop_imported(transaction, from_height)?;
            transaction.execute(
                "UPDATE periods SET state = 0, digest = NULL, last_hash = NULL WHERE period >= ?1",
                [PeriodRow::of_height(from_height)],
            )?;
            cut(transaction, from_height)?;
            count(transaction, PeriodRow::of_height(from_height))
        })
    }

    /// Writes minutes in one transaction, each in place of the file's row of that minute.
    ///
    /// # Errors
    /// When the rows cannot be true, or the file cannot be written; nothing is then changed.
    pub fn put_minutes(&mut self, rows: &[MinuteRow]) -> Result<(), StoreError> {
        rows.iter().try_for_each(check::minute)?;
        let added = self.write(|transaction| {
            let mut added = 0;
            for row in rows {
                added += put_minute(transaction, row)?;
            }
            Ok(added)
        })?;
        self.minutes.fetch_add(added, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the node's best block.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_tip(&mut self, tip: Tip) -> Result<(), StoreError> {
        self.write(|transaction| put_tip(transaction, tip))
    }

    /// Sets whether a period's lock and a neighbour's disagree. Does nothing if the file does not have the period.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_disputed(&mut self, period: u32, disputed: bool) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction
                .prepare_cached("UPDATE periods SET disputed = ?2 WHERE period = ?1")?
                .execute(params![period, disputed])?;
            Ok(())
        })
    }

    /// Moves all writes from the log into the main file, so that they outlive a power cut and the file can be copied
    /// alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        let done = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        done.map_err(|error| StoreError::of(&self.path, error))
    }

    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Refused>,
    ) -> Result<T, StoreError> {
        self.begin().and_then(|(transaction, path)| {
            let done = work(&transaction).and_then(|done| {
                transaction.commit()?;
                Ok(done)
            });
            done.map_err(|refused| refused.told(path))
        })
    }

    /// A transaction, which is undone if it is dropped before it is committed, and the path of the file.
    pub(super) fn begin(&mut self) -> Result<(Transaction<'_>, &Path), StoreError> {
        let path = self.path.as_path();
        let begun = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|error| StoreError::of(path, error))?;
        Ok((transaction, path))
    }

    /// Ends the writing, and removes the file if it held no history before this writer. To be called only when the first write has
    /// failed.
    pub(crate) fn give_up(mut self) {
        if self.is_new {
            remove(&self.path);
            self.is_removed = true;
        }
    }
}

/// An orderly end moves all writes into the main file, even if readers outlive the writer, because readers cannot do
/// it.
impl Drop for Writer {
    fn drop(&mut self) {
        if self.is_removed {
            return;
        }
        if let Err(error) = self.checkpoint() {
            warn!("the history is whole, but a part of it stays in the file beside: {error}");
        }
    }
}

/// A connection that writes, to a file with all its tables.
fn connect(path: &Path, identity: &Identity) -> Result<Connection, StoreError> {
    let of = |error| StoreError::of(path, error);
    let mut connection = Connection::open(path).map_err(of)?;
    connection.busy_timeout(PATIENCE).map_err(of)?;
    // Checked before anything is written, so that another history's file stays as it is.
    schema::check(&connection, path, identity)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(of)?;
    if mode != "wal" {
        return Err(StoreError::Open {
            path: path.to_owned(),
            reason: format!("its journal mode stays {mode}, and should be wal"),
        });
    }
    connection
        .pragma_update(None, "synchronous", "NORMAL")
        .and_then(|()| connection.pragma_update(None, "journal_size_limit", WAL_BYTES))
        .map_err(of)?;
    schema::bring_up(&mut connection, path, identity)?;
    Ok(connection)
}

/// Removes a history that is still empty, with the files of SQLite beside it. A reader that has it open keeps what it reads.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(
                    "{}: the empty history cannot be removed: {error}",
                    Path::new(&name).display()
                );
            }
            _ => {}
        }
    }
}

/// Keeps other writing processes out by a lock on a file beside the history. A lock on the history itself would not do,
/// because closing any other handle on it would release SQLite's own locks. Source: fcntl(2), "Record locking".
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|error| StoreError::of_system(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::of_system(path, &error)),
    }
}

#[cfg(test)]
impl Writer {
    /// Limits the file to this many pages in tests, as a full disk does.
    pub(crate) fn limit_pages(&self, pages: u32) {
        let limited =
            self.connection
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        assert_eq!(limited, Ok(()));
    }
}
