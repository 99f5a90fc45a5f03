//! One price: of a block, of a minute, or the newest at or before a time.

use rusqlite::{Connection, OptionalExtension as _, Row};
use satscope_oracle::past::{AFTER, BlockPrice, PERIOD_BLOCKS};

use super::{
    error::impossible,
    rows::{MinuteRow, Trust},
};

/// The highest confidence of a block whose period is disputed, in thousandths.
const MOST_DISPUTED: u16 = 490;
/// A minute's price stands for this many seconds from the minute's start. When no minute stands, provisional blocks do.
const MINUTE_STANDS_SECONDS: u64 = 600;
/// Most blocks above the last settled one that are read.
const MOST_PROVISIONAL: u32 = 64;

/// The series that prices come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Settled blocks, then minutes; provisional blocks where no minute was kept for ten minutes.
    Auto,
    /// Blocks.
    Block,
    /// Minutes.
    Minute,
}

/// The state of a block's price: whether it can still change, the least final first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockState {
    /// It comes from a pack that was imported without the expected hash.
    Unverified,
    /// It has fewer than [`AFTER`] blocks on top.
    Provisional,
    /// It has [`AFTER`] blocks on top, or more.
    Settled,
    /// Its period is final.
    Final,
}

impl BlockState {
    /// The state's name, as operators and clients read it.
    pub fn name(self) -> &'static str {
        match self {
            BlockState::Unverified => "unverified",
            BlockState::Provisional => "provisional",
            BlockState::Settled => "settled",
            BlockState::Final => "final",
        }
    }
}

/// A price of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Unix seconds: the time of the block, or the start of the minute.
    pub time: u64,
    /// The price; a minute's is its last.
    pub price: BlockPrice,
    /// Number of payments of the block, or of samples of the minute.
    pub count: u64,
    /// The block or minute that the price belongs to.
    pub kind: Kind,
}

/// The kind of a price: of a block or of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block.
    Block {
        /// Its height.
        height: u32,
        /// Whether its price can still change.
        state: BlockState,
        /// Number of the model that read it.
        model: u32,
    },
    /// A minute.
    Minute,
}

/// The prices of one source up to a time, in the order of their times, as of one moment.
pub(super) struct Line<'a> {
    pub(super) connection: &'a Connection,
    pub(super) source: Source,
    /// The height up to which blocks are settled or final; `None` if none are.
    pub(super) settled: Option<u32>,
    /// For [`Source::Auto`]: time of the last settled block that has a price.
    pub(super) last_settled_time: Option<u64>,
    /// For [`Source::Auto`]: the provisional blocks at whose time no minute stands, oldest first.
    pub(super) provisional: Vec<Price>,
}

impl<'a> Line<'a> {
    /// The prices of a source before `end`, Unix seconds.
    pub(super) fn of(
        connection: &'a Connection,
        source: Source,
        end: u64,
    ) -> rusqlite::Result<Line<'a>> {
        let settled = settled_height(connection)?;
        let mut line = Line {
            connection,
            source,
            settled,
            last_settled_time: None,
            provisional: Vec::new(),
        };
        if source == Source::Auto {
            line.last_settled_time = match settled {
                Some(highest) => {
                    let newest = block_before(connection, settled, u64::MAX, highest)?;
                    newest.map(|price| price.time)
                }
                None => None,
            };
            if line.last_settled_time.is_none_or(|last| end > last) {
                line.provisional = provisional(connection, settled)?;
            }
        }
        Ok(line)
    }

    /// The newest price before a time, Unix seconds.
    pub(super) fn newest_before(&self, end: u64) -> rusqlite::Result<Option<Price>> {
        let connection = self.connection;
        match (self.source, self.settled) {
            (Source::Minute, _) => minute_before(connection, end, None),
            (Source::Block, settled) => block_before(connection, settled, end, u32::MAX),
            (Source::Auto, settled) => {
                if let Some(newest) = self.unsettled_before(end)? {
                    return Ok(Some(newest));
                }
                match settled {
                    Some(highest) => block_before(connection, settled, end, highest),
                    None => Ok(None),
                }
            }
        }
    }

    /// For [`Source::Auto`]: the newest price before `end` and after the last settled block.
    fn unsettled_before(&self, end: u64) -> rusqlite::Result<Option<Price>> {
        let last = self.last_settled_time;
        if last.is_some_and(|last| end <= last) {
            return Ok(None);
        }
        let minute = minute_before(self.connection, end, last)?;
        let mut blocks = self.provisional.iter().rev();
        let block = blocks.find(|block| block.time < end).copied();
        Ok(match (minute, block) {
            (Some(minute), Some(block)) if minute.time > block.time => Some(minute),
            (minute, None) => minute,
            (_, block) => block,
        })
    }

    /// The time of the oldest price at or after a time, Unix seconds.
    pub(super) fn next_time(&self, from: u64) -> rusqlite::Result<Option<u64>> {
        let connection = self.connection;
        match (self.source, self.settled) {
            (Source::Minute, _) => minute_time_from(connection, from),
            (Source::Block, _) => block_time_from(connection, from, u32::MAX),
            (Source::Auto, settled) => {
                let block = match settled {
                    Some(settled) => block_time_from(connection, from, settled)?,
                    None => None,
                };
                if block.is_some() {
                    return Ok(block);
                }
                let after = self.last_settled_time.map_or(0, |last| last + 1);
                let minute = minute_time_from(connection, from.max(after))?;
                let mut blocks = self.provisional.iter().map(|block| block.time);
                let block = blocks.find(|time| *time >= from);
                Ok([minute, block].into_iter().flatten().min())
            }
        }
    }
}

/// The price of the block at a height; `None` if the file has none.
pub(super) fn of_height(connection: &Connection, height: u32) -> rusqlite::Result<Option<Price>> {
    let settled = settled_height(connection)?;
    let mut statement = connection.prepare_cached(&blocks_by_height("b.height = ?1"))?;
    statement
        .query_row([height], |row| block(row, settled))
        .optional()
}

/// The height up to which blocks are settled or final; `None` if none are.
pub(super) fn settled_height(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    let below_tip = tip_height(connection)?.and_then(|tip| tip.checked_sub(AFTER));
    Ok(below_tip.max(final_height(connection, Trust::Unverified)?))
}

/// Height of the node's best block; `None` if it was never written.
pub(super) fn tip_height(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    connection
        .prepare_cached("SELECT height FROM tip")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Height of the last block of the newest final period that is trusted at least this much; `None` if there is none.
pub(super) fn final_height(connection: &Connection, least: Trust) -> rusqlite::Result<Option<u32>> {
    let newest: Option<u32> = connection
        .prepare_cached(
            "SELECT period FROM periods WHERE state = 1 AND trust <= ?1 ORDER BY period DESC LIMIT 1",
        )?
        .query_row([least.number()], |row| row.get(0))
        .optional()?;
    Ok(newest.map(|period| period * PERIOD_BLOCKS + (PERIOD_BLOCKS - 1)))
}

/// The columns that [`block`] reads.
const COLUMNS: &str = "b.height, b.time, b.price_cents, b.low_less_cents, b.high_more_cents, b.confidence, b.payments, b.model,
    coalesce(p.state, 0), coalesce(p.disputed, 0), coalesce(p.trust, 0)";

/// A query for blocks with a price, by height.
fn blocks_by_height(rest: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM blocks b LEFT JOIN periods p ON p.period = b.height / 2016
         WHERE b.price_cents IS NOT NULL AND {rest}"
    )
}

/// A query for blocks with a price, by time. It names the index, because no other plan answers in microseconds.
pub(super) fn blocks_by_time(rest: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM blocks b INDEXED BY blocks_by_time LEFT JOIN periods p ON p.period = b.height / 2016
         WHERE b.price_cents IS NOT NULL AND {rest}"
    )
}

/// A block's price, read from a row.
pub(super) fn block(row: &Row<'_>, settled: Option<u32>) -> rusqlite::Result<Price> {
    let height: u32 = row.get(0)?;
    let cents = number(row, 2)?;
    let confidence: u16 = row.get(5)?;
    let is_final = row.get(8)?;
    let confidence = match row.get(9)? {
        true => confidence.min(MOST_DISPUTED),
        false => confidence,
    };
    let trust = Trust::of_number(row.get(10)?);
    let state = match settled {
        _ if trust == Trust::Unverified => BlockState::Unverified,
        _ if is_final => BlockState::Final,
        Some(settled) if height <= settled => BlockState::Settled,
        _ => BlockState::Provisional,
    };
    Ok(Price {
        time: number(row, 1)?,
        price: BlockPrice {
            price_cents: cents,
            low_cents: less(cents, number(row, 3)?)?,
            high_cents: cents + number(row, 4)?,
            confidence_thousandths: confidence,
        },
        count: number(row, 6)?,
        kind: Kind::Block {
            height,
            state,
            model: row.get(7)?,
        },
    })
}

/// A query for minutes, with the columns that [`minute_row`] reads.
pub(super) fn minutes(rest: &str) -> String {
    format!(
        "SELECT minute, close_cents, open_more_cents, high_more_cents, low_less_cents, upper_more_cents, lower_less_cents,
                confidence, samples
         FROM minutes {rest}"
    )
}

/// A minute, read from a row.
pub(super) fn minute_row(row: &Row<'_>) -> rusqlite::Result<MinuteRow> {
    let close = number(row, 1)?;
    let open = close.checked_add_signed(row.get(2)?);
    Ok(MinuteRow {
        minute: number(row, 0)?,
        open_cents: open.ok_or_else(|| impossible("an open price below 0"))?,
        high_cents: close + number(row, 3)?,
        low_cents: less(close, number(row, 4)?)?,
        close: BlockPrice {
            price_cents: close,
            high_cents: close + number(row, 5)?,
            low_cents: less(close, number(row, 6)?)?,
            confidence_thousandths: row.get(7)?,
        },
        samples: row.get(8)?,
    })
}

/// The last price of a minute, read from a row.
pub(super) fn minute(row: &Row<'_>) -> rusqlite::Result<Price> {
    let row = minute_row(row)?;
    Ok(Price {
        time: row.minute * 60,
        price: row.close,
        count: row.samples.into(),
        kind: Kind::Minute,
    })
}

/// The newest block before `end` and up to height `highest`.
fn block_before(
    connection: &Connection,
    settled: Option<u32>,
    end: u64,
    highest: u32,
) -> rusqlite::Result<Option<Price>> {
    let statement = blocks_by_time(
        "b.time < ?1 AND b.height <= ?2 ORDER BY b.time DESC, b.height DESC LIMIT 1",
    );
    let mut statement = connection.prepare_cached(&statement)?;
    statement
        .query_row([signed(end), highest.into()], |row| block(row, settled))
        .optional()
}

fn block_time_from(
    connection: &Connection,
    from: u64,
    highest: u32,
) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached(
        "SELECT time FROM blocks INDEXED BY blocks_by_time
         WHERE price_cents IS NOT NULL AND time >= ?1 AND height <= ?2 ORDER BY time, height LIMIT 1",
    )?;
    statement
        .query_row([signed(from), highest.into()], |row| number(row, 0))
        .optional()
}

/// The newest minute that began before `end`, and after `after` if that is given.
fn minute_before(
    connection: &Connection,
    end: u64,
    after: Option<u64>,
) -> rusqlite::Result<Option<Price>> {
    let statement = minutes("WHERE minute < ?1 AND minute > ?2 ORDER BY minute DESC LIMIT 1");
    let mut statement = connection.prepare_cached(&statement)?;
    // A minute begins before `end` if its number is below `below`, and after `after` if its number is above `above`.
    let below = signed(end.div_ceil(60));
    let above = after.map_or(-1, |after| signed(after / 60));
    statement.query_row([below, above], minute).optional()
}

fn minute_time_from(connection: &Connection, from: u64) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection
        .prepare_cached("SELECT minute FROM minutes WHERE minute >= ?1 ORDER BY minute LIMIT 1")?;
    let found = statement.query_row([signed(from.div_ceil(60))], |row| number(row, 0));
    Ok(found.optional()?.map(|minute| minute * 60))
}

/// The blocks above the last settled one at whose time no minute stands, oldest first.
fn provisional(connection: &Connection, settled: Option<u32>) -> rusqlite::Result<Vec<Price>> {
    let statement = blocks_by_height(&format!(
        "b.height > ?1 ORDER BY b.height DESC LIMIT {MOST_PROVISIONAL}"
    ));
    let mut statement = connection.prepare_cached(&statement)?;
    let above = settled.map_or(-1, i64::from);
    let found: rusqlite::Result<Vec<Price>> = statement
        .query_map([above], |row| block(row, settled))?
        .collect();
    let mut standing = Vec::new();
    for price in found?.into_iter().rev() {
        let earliest = price.time.saturating_sub(MINUTE_STANDS_SECONDS);
        let minute = minute_before(connection, price.time + 1, Some(earliest))?;
        if minute.is_none() {
            standing.push(price);
        }
    }
    Ok(standing)
}

/// A whole number that is never negative.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| impossible("a number below 0"))
}

pub(super) fn less(cents: u64, by: u64) -> rusqlite::Result<u64> {
    let found = cents.checked_sub(by);
    found.ok_or_else(|| impossible("a price below 0"))
}

/// A time as SQLite's integer; a larger time becomes the largest integer.
pub(super) fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}
