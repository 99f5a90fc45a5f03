//! Rows read one after the other, for what goes over the whole file: the blocks of a period, and pages of prices.

use bitcoin::BlockHash;
use rusqlite::Connection;
use satscope_oracle::past::BlockPrice;

use super::{
    lookup::{Price, block, blocks_by_time, less, number, settled_height, signed},
    rows::BlockRow,
};

/// Most prices of one page.
const PAGE: usize = 5000;

/// A place in the order of blocks: by time, then by height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// Unix seconds.
    pub time: u64,
    /// The lowest height of a block of that time.
    pub height: u32,
}

/// The blocks from `first` on, one for each hash. The file has no hash of most blocks of a final period, so they are given.
pub(super) fn rows(
    connection: &Connection,
    first: u32,
    hashes: &[BlockHash],
) -> rusqlite::Result<Vec<BlockRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT height, time, price_cents, low_less_cents, high_more_cents, confidence, payments, model
         FROM blocks WHERE height >= ?1 ORDER BY height LIMIT ?2",
    )?;
    let limit = i64::try_from(hashes.len()).unwrap_or(i64::MAX);
    let mut found = statement.query((first, limit))?;
    let mut rows = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let Some(row) = found.next()? else { break };
        let price = match row.get::<_, Option<i64>>(2)? {
            None => None,
            Some(_) => {
                let cents = number(row, 2)?;
                Some(BlockPrice {
                    price_cents: cents,
                    low_cents: less(cents, number(row, 3)?)?,
                    high_cents: cents + number(row, 4)?,
                    confidence_thousandths: row.get(5)?,
                })
            }
        };
        rows.push(BlockRow {
            height: row.get(0)?,
            time: number(row, 1)?,
            hash: *hash,
            price,
            payments: row.get(6)?,
            model: row.get(7)?,
        });
    }
    Ok(rows)
}

/// The prices of blocks at or after a place and before `end`, Unix seconds, oldest first; at most [`PAGE`].
pub(super) fn page(
    connection: &Connection,
    from: Bookmark,
    end: u64,
) -> rusqlite::Result<Vec<Price>> {
    let settled = settled_height(connection)?;
    let statement = blocks_by_time(&format!(
        "b.time >= ?1 AND b.time < ?2 AND (b.time > ?1 OR b.height >= ?3) ORDER BY b.time, b.height LIMIT {PAGE}"
    ));
    let mut statement = connection.prepare_cached(&statement)?;
    let values = [signed(from.time), signed(end), from.height.into()];
    statement
        .query_map(values, |row| block(row, settled))?
        .collect()
}
