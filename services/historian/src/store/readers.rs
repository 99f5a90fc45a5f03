//! The questions that the history's file answers.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bitcoin::BlockHash;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{
    candles::{self, Candles},
    coverage::{self, Coverage},
    error::StoreError,
    lookup::{self, Price, Source},
    pool::Pool,
    rows::{BlockRow, Identity, MinuteRow, PeriodRow, PeriodState, Seal, StoredPeriod, Tip, Trust},
    schema,
    series::{self, Series, Span},
    whole::{self, Bookmark},
};

/// Connections for questions about one row, which take microseconds.
const QUICK: usize = 4;
/// Connections for questions about many rows, which take up to a second.
const LONG: usize = 2;

/// The readers of the file. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    identity: Identity,
    quick: Pool,
    long: Pool,
    /// Number of minutes in the file, as the writer counts them.
    minutes: Arc<AtomicU64>,
}

impl Readers {
    /// Number of questions about one row that are answered at a time.
    pub const QUICK: usize = QUICK;
    /// Number of questions about many rows that are answered at a time.
    pub const LONG: usize = LONG;

    pub(super) fn open(path: &Path, minutes: Arc<AtomicU64>) -> Result<Readers, StoreError> {
        let quick = Pool::open(path, QUICK)?;
        let identity = quick.ask(|connection| Ok(schema::identity(connection, path)))??;
        let identity = identity.ok_or_else(|| StoreError::NotOurs {
            path: path.to_owned(),
            reason: "an empty database".to_owned(),
        })?;
        Ok(Readers(Arc::new(Shared {
            identity,
            quick,
            long: Pool::open(path, LONG)?,
            minutes,
        })))
    }

    /// The identity of this history.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.0.quick.path()
    }

    /// The newest price at or before a time, Unix seconds. `None` if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn price_at(&self, time: u64, source: Source) -> Result<Option<Price>, StoreError> {
        self.0.quick.ask(|connection| {
            let end = time.saturating_add(1);
            lookup::Line::of(connection, source, end)?.newest_before(end)
        })
    }

    /// The price of a block. `None` if the block was not read or shows no price.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn price_of_height(&self, height: u32) -> Result<Option<Price>, StoreError> {
        self.0
            .quick
            .ask(|connection| lookup::of_height(connection, height))
    }

    /// The prices of a span of time, oldest first, at most [`MOST_ROWS`](super::MOST_ROWS).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn series(&self, span: Span, source: Source) -> Result<Series, StoreError> {
        self.0
            .long
            .ask(|connection| series::series(connection, span, source))
    }

    /// The prices of blocks in cells of a span of time, oldest first, at most [`MOST_ROWS`](super::MOST_ROWS).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn candles(&self, span: Span) -> Result<Candles, StoreError> {
        self.0
            .long
            .ask(|connection| candles::candles(connection, span))
    }

    /// The contents of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn coverage(&self) -> Result<Coverage, StoreError> {
        let minutes = self.0.minutes.load(Ordering::Relaxed);
        self.0
            .long
            .ask(|connection| coverage::coverage(connection, minutes))
    }

    /// Minutes in the file, counted one by one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count_minutes(&self) -> Result<u64, StoreError> {
        let statement = "SELECT count(*) FROM minutes";
        let count = self
            .0
            .long
            .ask(|connection| connection.query_row(statement, [], |row| row.get::<_, i64>(0)));
        count.map(|count| count.unsigned_abs())
    }

    /// All periods, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn periods(&self) -> Result<Vec<StoredPeriod>, StoreError> {
        self.0.long.ask(|connection| {
            let mut statement = connection.prepare_cached(&format!("{PERIODS} ORDER BY period"))?;
            statement.query_map([], period)?.collect()
        })
    }

    /// One period. `None` if the file does not have it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn period(&self, number: u32) -> Result<Option<StoredPeriod>, StoreError> {
        self.0.quick.ask(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("{PERIODS} WHERE period = ?1"))?;
            statement.query_row([number], period).optional()
        })
    }

    /// The hash of a block of an open period, or of the last block of a final one. `None` for other blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, StoreError> {
        self.0.quick.ask(|connection| {
            let of_block = bytes(
                connection,
                "SELECT hash FROM blocks WHERE height = ?1",
                height,
            )?;
            let of_last =
                "SELECT last_hash FROM periods WHERE state = 1 AND period * 2016 + 2015 = ?1";
            let found = match of_block {
                Some(found) => Some(found),
                None if height % 2016 == 2015 => bytes(connection, of_last, height)?,
                None => None,
            };
            found.map(|found| schema::hash(&found)).transpose()
        })
    }

    /// The heights from `height` on that have a hash, with the hashes, lowest first. Only blocks of open periods have
    /// one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn hashes_from(&self, height: u32) -> Result<Vec<(u32, BlockHash)>, StoreError> {
        self.0.long.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT height, hash FROM blocks WHERE height >= ?1 AND hash IS NOT NULL ORDER BY height",
            )?;
            let found = statement.query_map([height], |row| {
                Ok((row.get(0)?, schema::hash(row.get_ref(1)?.as_blob()?)?))
            })?;
            found.collect()
        })
    }

    /// The node's best block, as last written. `None` if it never was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tip(&self) -> Result<Option<Tip>, StoreError> {
        self.0.quick.ask(|connection| {
            let mut statement = connection.prepare_cached("SELECT height, hash FROM tip")?;
            let tip = statement.query_row([], |row| {
                Ok(Tip {
                    height: row.get(0)?,
                    hash: schema::hash(row.get_ref(1)?.as_blob()?)?,
                })
            });
            tip.optional()
        })
    }

    /// The newest minute. `None` if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest_minute(&self) -> Result<Option<MinuteRow>, StoreError> {
        self.0.quick.ask(|connection| {
            let newest = lookup::minutes("ORDER BY minute DESC LIMIT 1");
            let mut statement = connection.prepare_cached(&newest)?;
            statement.query_row([], lookup::minute_row).optional()
        })
    }

    /// Whether the file has this minute.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_minute(&self, minute: u64) -> Result<bool, StoreError> {
        self.0.quick.ask(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM minutes WHERE minute = ?1")?;
            statement.exists([minute as i64])
        })
    }

    /// The blocks from a height on, one for each of these hashes, which they get. Fewer if the file has fewer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rows(&self, first: u32, hashes: &[BlockHash]) -> Result<Vec<BlockRow>, StoreError> {
        self.0
            .long
            .ask(|connection| whole::rows(connection, first, hashes))
    }

    /// The prices of some blocks from a place on and before `end`, Unix seconds, oldest first; none if there are no more.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn page(&self, from: Bookmark, end: u64) -> Result<Vec<Price>, StoreError> {
        self.0
            .long
            .ask(|connection| whole::page(connection, from, end))
    }

    /// Searches the whole file for damage. Takes about a second for 100 MB.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if there is any.
    pub fn check(&self) -> Result<(), StoreError> {
        let path = self.path();
        self.0
            .long
            .ask(|connection| Ok(schema::quick_check(connection, path)))?
    }

    /// Size of the file and of its write-ahead log, in bytes.
    ///
    /// # Errors
    /// When the file is gone.
    pub fn file_bytes(&self) -> Result<u64, StoreError> {
        let path = self.path();
        let main = fs::metadata(path).map_err(|error| StoreError::of_system(path, &error))?;
        let mut beside = path.as_os_str().to_owned();
        beside.push("-wal");
        // A file that no process writes has no write-ahead log.
        Ok(main.len() + fs::metadata(beside).map_or(0, |beside| beside.len()))
    }
}

/// A query for periods, with the columns that [`period`] reads.
pub(super) const PERIODS: &str = "SELECT period, state, model, disputed, blocks, priced, lock, digest, last_hash, trust FROM periods";

/// A period, read from a row.
pub(super) fn period(row: &Row<'_>) -> rusqlite::Result<StoredPeriod> {
    let state = match row.get(1)? {
        true => PeriodState::Final,
        false => PeriodState::Open,
    };
    let seal = match (row.get(7)?, row.get::<_, Option<Vec<u8>>>(8)?) {
        (Some(digest), Some(last)) => Some(Seal {
            digest,
            last_hash: schema::hash(&last)?,
        }),
        _ => None,
    };
    Ok(StoredPeriod {
        row: PeriodRow {
            period: row.get(0)?,
            state,
            model: row.get(2)?,
            lock: row.get(6)?,
            disputed: row.get(3)?,
        },
        trust: Trust::of_number(row.get(9)?),
        blocks: row.get(4)?,
        priced: row.get(5)?,
        seal,
    })
}

fn bytes(
    connection: &Connection,
    statement: &str,
    height: u32,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached(statement)?;
    let found = statement.query_row([height], |row| row.get::<_, Option<Vec<u8>>>(0));
    Ok(found.optional()?.flatten())
}
