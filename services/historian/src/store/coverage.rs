//! The file's contents, and the block from which they are complete.

use rusqlite::{Connection, OptionalExtension as _, Row};
use satscope_oracle::past::PERIOD_BLOCKS;

use super::{
    lookup::{final_height, number, settled_height, tip_height},
    rows::Trust,
};

/// A block with a price, by height and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its height.
    pub height: u32,
    /// Its time, Unix seconds.
    pub time: u64,
}

/// The contents of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The oldest block with a price.
    pub first: Option<Place>,
    /// The newest block with a price.
    pub last: Option<Place>,
    /// The oldest block with a price after which every block up to `last` has been read.
    pub since: Option<Place>,
    /// Height of the node's best block, as last written.
    pub tip_height: Option<u32>,
    /// Height of the highest settled block that was read.
    pub settled_height: Option<u32>,
    /// Height of the highest final block, without those that are unverified.
    pub final_height: Option<u32>,
    /// Number of blocks that were read.
    pub read: u64,
    /// Number of blocks with a price.
    pub blocks: u64,
    /// Number of final periods, without those that are unverified.
    pub final_periods: u64,
    /// Number of blocks with a price that come from a pack which was not vouched for.
    pub unverified: u64,
    /// Number of minutes.
    pub minutes: u64,
    /// The oldest minute's start, Unix seconds.
    pub first_minute: Option<u64>,
    /// The newest minute's start, Unix seconds.
    pub last_minute: Option<u64>,
}

/// The contents of the file. The number of minutes is given, because SQLite would count them by reading all.
pub(super) fn coverage(connection: &Connection, minutes: u64) -> rusqlite::Result<Coverage> {
    let last = end_of(connection, "time DESC, height DESC")?;
    let [read, blocks, final_periods, unverified] = connection
        .prepare_cached(
            "SELECT coalesce(sum(blocks), 0), coalesce(sum(priced), 0), coalesce(sum(state AND trust <> 2), 0),
                    coalesce(sum(CASE trust WHEN 2 THEN priced END), 0)
             FROM periods",
        )?
        .query_row([], |row| {
            Ok([number(row, 0)?, number(row, 1)?, number(row, 2)?, number(row, 3)?])
        })?;
    let minute = |order: &str| -> rusqlite::Result<Option<i64>> {
        connection
            .prepare_cached(&format!("SELECT {order}(minute) FROM minutes"))?
            .query_row([], |row| row.get(0))
    };
    let seconds = |minute: Option<i64>| minute.map(|minute| minute.unsigned_abs() * 60);
    Ok(Coverage {
        first: end_of(connection, "time, height")?,
        last,
        since: match last {
            Some(last) => since(connection, last)?,
            None => None,
        },
        tip_height: tip_height(connection)?,
        settled_height: match settled_height(connection)? {
            Some(settled) => highest(connection, settled)?,
            None => None,
        },
        final_height: final_height(connection, Trust::Vouched)?,
        read,
        blocks,
        final_periods,
        unverified,
        minutes,
        first_minute: seconds(minute("min")?),
        last_minute: seconds(minute("max")?),
    })
}

/// The oldest block with a price after which all blocks up to `last` were read. The read blocks of a period have no
/// gap between them. So two periods join if the last block of the first and the first block of the second were read.
fn since(connection: &Connection, last: Place) -> rusqlite::Result<Option<Place>> {
    let mut statement = connection.prepare_cached(
        "SELECT period, blocks FROM periods WHERE period <= ?1 AND blocks > 0 ORDER BY period DESC",
    )?;
    let mut rows = statement.query([last.height / PERIOD_BLOCKS])?;
    let mut begin = last.height;
    let mut joined: Option<u32> = None;
    while let Some(row) = rows.next()? {
        let (period, blocks): (u32, u32) = (row.get(0)?, row.get(1)?);
        let is_next = joined.is_none_or(|newer| newer == period + 1);
        if !is_next || (joined.is_some() && !reaches_its_end(connection, period)?) {
            break;
        }
        let first = period * PERIOD_BLOCKS;
        begin = match blocks == PERIOD_BLOCKS {
            true => first,
            false => lowest(connection, first)?.unwrap_or(begin),
        };
        if begin > first {
            break;
        }
        joined = Some(period);
    }
    first_from(connection, begin)
}

fn reaches_its_end(connection: &Connection, period: u32) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM blocks WHERE height = ?1")?
        .exists([period * PERIOD_BLOCKS + (PERIOD_BLOCKS - 1)])
}

fn lowest(connection: &Connection, from: u32) -> rusqlite::Result<Option<u32>> {
    connection
        .prepare_cached("SELECT min(height) FROM blocks WHERE height >= ?1")?
        .query_row([from], |row| row.get(0))
}

/// The highest block at or below a height that was read.
fn highest(connection: &Connection, up_to: u32) -> rusqlite::Result<Option<u32>> {
    connection
        .prepare_cached("SELECT max(height) FROM blocks WHERE height <= ?1")?
        .query_row([up_to], |row| row.get(0))
}

/// The first block with a price, in an order that the index by time supports.
fn end_of(connection: &Connection, order: &str) -> rusqlite::Result<Option<Place>> {
    let statement = format!(
        "SELECT height, time FROM blocks INDEXED BY blocks_by_time WHERE price_cents IS NOT NULL ORDER BY {order} LIMIT 1"
    );
    connection
        .prepare_cached(&statement)?
        .query_row([], place)
        .optional()
}

/// The first block with a price at or above a height.
fn first_from(connection: &Connection, height: u32) -> rusqlite::Result<Option<Place>> {
    connection
        .prepare_cached(
            "SELECT height, time FROM blocks WHERE price_cents IS NOT NULL AND height >= ?1 ORDER BY height LIMIT 1",
        )?
        .query_row([height], place)
        .optional()
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place {
        height: row.get(0)?,
        time: number(row, 1)?,
    })
}
