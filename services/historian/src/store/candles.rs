//! Open, high, low and close of the block prices in each cell of time.

use rusqlite::Connection;

use super::{
    lookup::{BlockState, Kind, Price, block, blocks_by_time, settled_height, signed},
    series::{MOST_ROWS, Span},
};

/// Seconds of a week.
const WEEK: u64 = 604_800;
/// The first Monday after 1970-01-01, which was a Thursday, in Unix seconds.
const MONDAY: u64 = 4 * 86_400;

/// A cell of time, with the prices of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Unix seconds at which the cell begins.
    pub time: u64,
    /// The prices of its blocks; `None` if the cell has no block with a price.
    pub blocks: Option<Ohlc>,
}

/// The course of some blocks' prices, in US cents for one bitcoin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ohlc {
    /// The first price.
    pub open_cents: u64,
    /// The highest price.
    pub high_cents: u64,
    /// The lowest price.
    pub low_cents: u64,
    /// The last price.
    pub close_cents: u64,
    /// Number of blocks with a price.
    pub blocks: u32,
    /// The lowest confidence, in thousandths.
    pub confidence_thousandths: u16,
    /// The least final state of the blocks, unverified before all others. It is also provisional until the blocks before and
    /// after them have been read, which may lie in the same cell.
    pub state: BlockState,
}

/// The cells of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candles {
    /// Oldest first, at most [`MOST_ROWS`], from the cell of the file's oldest price to that of the newest, including
    /// empty cells.
    pub candles: Vec<Candle>,
    /// Whether all cells of the span are here; if not, its oldest are.
    pub complete: bool,
}

/// The cells that overlap a span, each whole. A week begins on Monday, 00:00 UTC.
pub(super) fn candles(connection: &Connection, span: Span) -> rusqlite::Result<Candles> {
    let Span { from, to, step } = span;
    let all = match known(connection)? {
        Some((oldest, newest)) if step > 0 && from < to => (from.max(oldest), to.min(newest + 1)),
        _ => {
            return Ok(Candles {
                candles: Vec::new(),
                complete: true,
            });
        }
    };
    if all.0 >= all.1 {
        return Ok(Candles {
            candles: Vec::new(),
            complete: true,
        });
    }
    let first = cell(all.0, step);
    let cells = (cell(all.1 - 1, step) - first) / step + 1;
    let given = cells.min(MOST_ROWS as u64);
    let mut candles: Vec<Candle> = (0..given)
        .map(|number| Candle {
            time: first + number * step,
            blocks: None,
        })
        .collect();
    fill(connection, &mut candles, step)?;
    Ok(Candles {
        candles,
        complete: cells == given,
    })
}

/// The start of the cell that a time lies in. Times before the first Monday of 1970 count to the week of that Monday.
fn cell(time: u64, step: u64) -> u64 {
    let begins = if step == WEEK { MONDAY } else { 0 };
    let since = time.saturating_sub(begins);
    begins + (since - since % step)
}

/// The times of the oldest and the newest block with a price.
fn known(connection: &Connection) -> rusqlite::Result<Option<(u64, u64)>> {
    let time = |order: &str| -> rusqlite::Result<Option<i64>> {
        let statement = format!(
            "SELECT {order}(time) FROM blocks INDEXED BY blocks_by_time WHERE price_cents IS NOT NULL"
        );
        connection
            .prepare_cached(&statement)?
            .query_row([], |row| row.get(0))
    };
    let times = time("min")?.zip(time("max")?);
    Ok(times.map(|(oldest, newest)| (oldest.unsigned_abs(), newest.unsigned_abs())))
}

fn fill(connection: &Connection, candles: &mut [Candle], step: u64) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (candles.first(), candles.last()) else {
        return Ok(());
    };
    let (first, end) = (first.time, last.time.saturating_add(step));
    let settled = settled_height(connection)?;
    let statement = blocks_by_time("b.time >= ?1 AND b.time < ?2 ORDER BY b.time, b.height");
    let mut statement = connection.prepare_cached(&statement)?;
    let mut rows = statement.query([signed(first), signed(end)])?;
    // The lowest and the highest height in each cell.
    let mut heights: Vec<Option<(u32, u32)>> = vec![None; candles.len()];
    while let Some(row) = rows.next()? {
        let price = block(row, settled)?;
        let number = usize::try_from((price.time - first) / step).unwrap_or(usize::MAX);
        let Kind::Block { height, state, .. } = price.kind else {
            continue;
        };
        if let (Some(candle), Some(ends)) = (candles.get_mut(number), heights.get_mut(number)) {
            candle.add(&price, state);
            *ends = ends.map_or(Some((height, height)), |(low, high)| {
                Some((low.min(height), high.max(height)))
            });
        }
    }
    for (candle, ends) in candles.iter_mut().zip(heights) {
        if let (Some(blocks), Some(ends)) = (&mut candle.blocks, ends)
            && !are_read_beside(connection, ends)?
        {
            blocks.state = blocks.state.min(BlockState::Provisional);
        }
    }
    Ok(())
}

/// Whether all blocks from the one before the lowest height to the one after the highest have been read. Block 0 has none before it.
fn are_read_beside(connection: &Connection, (low, high): (u32, u32)) -> rusqlite::Result<bool> {
    let (from, to) = (low.saturating_sub(1), high.saturating_add(1));
    let read: u32 = connection
        .prepare_cached("SELECT count(*) FROM blocks WHERE height BETWEEN ?1 AND ?2")?
        .query_row([from, to], |row| row.get(0))?;
    Ok(read == to - from + 1)
}

impl Candle {
    fn add(&mut self, price: &Price, state: BlockState) {
        let (cents, confidence) = (price.price.price_cents, price.price.confidence_thousandths);
        let before = self.blocks.unwrap_or(Ohlc {
            open_cents: cents,
            high_cents: cents,
            low_cents: cents,
            close_cents: cents,
            blocks: 0,
            confidence_thousandths: confidence,
            state,
        });
        self.blocks = Some(Ohlc {
            open_cents: before.open_cents,
            high_cents: before.high_cents.max(cents),
            low_cents: before.low_cents.min(cents),
            close_cents: cents,
            blocks: before.blocks + 1,
            confidence_thousandths: before.confidence_thousandths.min(confidence),
            state: before.state.min(state),
        });
    }
}
