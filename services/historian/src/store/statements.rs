//! The statements that transactions of the writer and of an import are made of.

use std::path::Path;

use bitcoin::hashes::Hash as _;
use rusqlite::{OptionalExtension as _, Transaction, params};
use satscope_oracle::past::PERIOD_BLOCKS;

use super::{
    error::StoreError,
    rows::{BlockRow, MinuteRow, PeriodRow, PeriodState, SealedPeriod, Tip, Trust},
};

/// Why a transaction was not made.
pub(super) enum Refused {
    ByRule(StoreError),
    BySqlite(rusqlite::Error),
}

impl Refused {
    /// The error of the file at `path`.
    pub(super) fn told(self, path: &Path) -> StoreError {
        match self {
            Refused::ByRule(error) => error,
            Refused::BySqlite(error) => StoreError::of(path, error),
        }
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
        Refused::BySqlite(error)
    }
}

/// Fails if a period with blocks of these heights is final and was read from the node's blocks.
pub(super) fn refuse_final(
    transaction: &Transaction<'_>,
    from: u32,
    to: u32,
) -> Result<(), Refused> {
    let found = transaction
        .prepare_cached(
            "SELECT period FROM periods WHERE state = 1 AND trust = 0 AND period BETWEEN ?1 AND ?2
             ORDER BY period LIMIT 1",
        )?
        .query_row([from, to].map(PeriodRow::of_height), |row| row.get(0))
        .optional()?;
    match found {
        Some(period) => Err(Refused::ByRule(StoreError::FinalPeriod(period))),
        None => Ok(()),
    }
}

/// Removes all blocks of a period.
pub(super) fn clear(transaction: &Transaction<'_>, period: &PeriodRow) -> Result<(), Refused> {
    transaction
        .prepare_cached("DELETE FROM blocks WHERE height BETWEEN ?1 AND ?2")?
        .execute([period.first_height(), period.last_height()])?;
    Ok(())
}

/// Removes each imported period that has blocks at or above a height, with all its blocks. The node's own blocks are then
/// written there, and rows of two origins must not be mixed in one period.
pub(super) fn drop_imported(
    transaction: &Transaction<'_>,
    from_height: u32,
) -> Result<(), Refused> {
    let from = PeriodRow::of_height(from_height);
    transaction
        .prepare_cached(
            "DELETE FROM blocks WHERE height / 2016 IN (SELECT period FROM periods WHERE trust <> 0 AND period >= ?1)
             AND height >= ?1 * 2016",
        )?
        .execute([from])?;
    transaction
        .prepare_cached("DELETE FROM periods WHERE trust <> 0 AND period >= ?1")?
        .execute([from])?;
    Ok(())
}

/// Writes a final period in place of all that the file has of it. The hashes of its blocks are not kept, but for the last one.
pub(super) fn put_sealed(
    transaction: &Transaction<'_>,
    sealed: &SealedPeriod,
    trust: Trust,
) -> Result<(), Refused> {
    let SealedPeriod { row, rows, digest } = sealed;
    clear(transaction, row)?;
    put_blocks(transaction, rows, PeriodState::Final)?;
    put_period_row(transaction, row)?;
    let last = rows.last().map(|last| *last.hash.as_byte_array());
    transaction
        .prepare_cached(
            "UPDATE periods SET digest = ?2, last_hash = ?3, trust = ?4 WHERE period = ?1",
        )?
        .execute(params![row.period, digest, last, trust.number()])?;
    count(transaction, row.period)
}

/// Removes the blocks at or above a height, and the periods that begin there or above.
pub(super) fn cut(transaction: &Transaction<'_>, from_height: u32) -> Result<(), Refused> {
    transaction
        .prepare_cached("DELETE FROM blocks WHERE height >= ?1")?
        .execute([from_height])?;
    transaction
        .prepare_cached("DELETE FROM periods WHERE period >= ?1")?
        .execute([from_height.div_ceil(PERIOD_BLOCKS)])?;
    Ok(())
}

pub(super) fn put_blocks(
    transaction: &Transaction<'_>,
    rows: &[BlockRow],
    state: PeriodState,
) -> Result<(), Refused> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO blocks (height, time, price_cents, low_less_cents, high_more_cents, confidence, payments, model, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for row in rows {
        let price = row.price.as_ref();
        let hash = (state == PeriodState::Open).then(|| row.hash.as_byte_array());
        insert.execute(params![
            row.height,
            row.time as i64,
            price.map(|price| price.price_cents as i64),
            price.map(|price| (price.price_cents - price.low_cents) as i64),
            price.map(|price| (price.high_cents - price.price_cents) as i64),
            price.map(|price| price.confidence_thousandths),
            row.payments,
            row.model,
            hash,
        ])?;
    }
    Ok(())
}

pub(super) fn put_period_row(
    transaction: &Transaction<'_>,
    period: &PeriodRow,
) -> Result<(), Refused> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO periods (period, state, model, disputed, blocks, priced, lock)
             VALUES (?1, ?2, ?3, ?4, 0, 0, ?5)",
        )?
        .execute(params![
            period.period,
            period.state == PeriodState::Final,
            period.model,
            period.disputed,
            period.lock,
        ])?;
    Ok(())
}

/// Counts the blocks of a period for its row; refuses a gap between them.
pub(super) fn count(transaction: &Transaction<'_>, period: u32) -> Result<(), Refused> {
    let first = period.saturating_mul(PERIOD_BLOCKS);
    let last = first.saturating_add(PERIOD_BLOCKS - 1);
    let (blocks, priced, between): (u32, u32, u32) = transaction
        .prepare_cached(
            "SELECT count(*), count(price_cents), coalesce(max(height) - min(height) + 1, 0)
             FROM blocks WHERE height BETWEEN ?1 AND ?2",
        )?
        .query_row([first, last], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    if blocks != between {
        let what = format!("period {period} would have a gap between its blocks");
        return Err(Refused::ByRule(StoreError::Rows(what)));
    }
    transaction
        .prepare_cached("UPDATE periods SET blocks = ?2, priced = ?3 WHERE period = ?1")?
        .execute([period, blocks, priced])?;
    Ok(())
}

pub(super) fn put_tip(transaction: &Transaction<'_>, tip: Tip) -> Result<(), Refused> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO tip (one, height, hash) VALUES (1, ?1, ?2)")?
        .execute(params![tip.height, tip.hash.as_byte_array()])?;
    Ok(())
}

/// Writes a minute. Returns 1 if the file did not have it, else 0.
pub(super) fn put_minute(transaction: &Transaction<'_>, row: &MinuteRow) -> Result<u64, Refused> {
    let is_there = transaction
        .prepare_cached("SELECT 1 FROM minutes WHERE minute = ?1")?
        .exists([row.minute as i64])?;
    let close = row.close.price_cents;
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO minutes (minute, close_cents, open_more_cents, high_more_cents, low_less_cents,
                                             upper_more_cents, lower_less_cents, confidence, samples)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            row.minute as i64,
            close as i64,
            row.open_cents as i64 - close as i64,
            (row.high_cents - close) as i64,
            (close - row.low_cents) as i64,
            (row.close.high_cents - close) as i64,
            (close - row.close.low_cents) as i64,
            row.close.confidence_thousandths,
            row.samples,
        ])?;
    Ok(u64::from(!is_there))
}
