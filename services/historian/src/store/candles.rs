//! Open, high, low and close of the blocks of each cell of time.

use rusqlite::Connection;

use super::{
    lookup::{BlockState, Kind, Price, block, blocks_by_time, settled_height, signed},
    series::{MOST_ROWS, Span},
};

/// Seconds of a week.
const WEEK: u64 = 604_800;
/// The first Monday after 1970-01-01, which was a Thursday, in Unix seconds.
const MONDAY: u64 = 4 * 86_400;

/// The blocks of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Unix seconds at which the cell begins.
    pub time: u64,
    /// What its blocks say; `None` of an empty cell.
    pub blocks: Option<Ohlc>,
}

/// What the prices of some blocks did. Prices are US cents for one bitcoin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ohlc {
    /// The first.
    pub open_cents: u64,
    /// The highest.
    pub high_cents: u64,
    /// The lowest.
    pub low_cents: u64,
    /// The last.
    pub close_cents: u64,
    /// Blocks with a price.
    pub blocks: u32,
    /// The least confidence, in thousandths.
    pub confidence_thousandths: u16,
    /// The least final state.
    pub state: BlockState,
}

/// The cells of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candles {
    /// Oldest first, at most [`MOST_ROWS`], from the cell of the oldest price of the file to that of the newest; empty ones too.
    pub candles: Vec<Candle>,
    /// Whether these are all of the span; if not, they are its oldest.
    pub complete: bool,
}

/// The cells of a span. Cells that the span has a part of are whole. A week begins on Monday, 00:00 UTC.
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

/// The start of the cell that a time lies in. Times before the first Monday of 1970 are in the cell of that Monday.
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
    while let Some(row) = rows.next()? {
        let price = block(row, settled)?;
        let number = usize::try_from((price.time - first) / step).unwrap_or(usize::MAX);
        if let Some(candle) = candles.get_mut(number) {
            candle.add(&price);
        }
    }
    Ok(())
}

impl Candle {
    fn add(&mut self, price: &Price) {
        let Kind::Block { state, .. } = price.kind else {
            return;
        };
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
