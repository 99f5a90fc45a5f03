//! The prices of a span of time: all of them, or the newest of each step.

use rusqlite::{Connection, Params, Row};

use super::lookup::{Kind, Line, Price, Source, block, blocks_by_time, minute, minutes, signed};

/// Most prices or cells in one answer.
pub const MOST_ROWS: usize = 5000;

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first second, Unix seconds.
    pub from: u64,
    /// The second after its last.
    pub to: u64,
    /// Seconds of a step; steps begin at whole multiples. 0 gives every price.
    pub step: u64,
}

/// The prices of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Oldest first, at most [`MOST_ROWS`].
    pub prices: Vec<Price>,
    /// Time of the first price that is of a minute; `None` if none is.
    pub minutes_from: Option<u64>,
    /// Whether all prices of the span are here; if not, its oldest are.
    pub complete: bool,
}

/// The prices of a span.
pub(super) fn series(
    connection: &Connection,
    span: Span,
    source: Source,
) -> rusqlite::Result<Series> {
    let line = Line::of(connection, source, span.to)?;
    let mut prices = match span.step {
        0 => every(&line, span)?,
        step => stepped(&line, span, step)?,
    };
    let complete = prices.len() <= MOST_ROWS;
    prices.truncate(MOST_ROWS);
    let of_minute = prices.iter().find(|price| price.kind == Kind::Minute);
    Ok(Series {
        minutes_from: of_minute.map(|price| price.time),
        prices,
        complete,
    })
}

/// The newest price of each step, at most one more than [`MOST_ROWS`]. Each step takes two seeks, however many prices
/// it has.
fn stepped(line: &Line<'_>, span: Span, step: u64) -> rusqlite::Result<Vec<Price>> {
    let mut prices = Vec::new();
    let mut from = span.from;
    while from < span.to && prices.len() <= MOST_ROWS {
        let Some(first) = line.next_time(from)?.filter(|first| *first < span.to) else {
            break;
        };
        let end = (first - first % step).saturating_add(step).min(span.to);
        prices.extend(line.newest_before(end)?);
        from = end;
    }
    Ok(prices)
}

/// All prices, or at least the oldest [`MOST_ROWS`] and one more.
fn every(line: &Line<'_>, span: Span) -> rusqlite::Result<Vec<Price>> {
    let Span { from, to, .. } = span;
    let highest = match (line.source, line.settled) {
        (Source::Block, _) => Some(u32::MAX),
        (Source::Auto, settled) => settled,
        (Source::Minute, _) => None,
    };
    let mut prices = match highest {
        Some(highest) => blocks_of(line, span, highest)?,
        None => Vec::new(),
    };
    if line.source == Source::Block || prices.len() > MOST_ROWS {
        return Ok(prices);
    }
    let after = line.last_settled_time.map_or(0, |last| last + 1);
    prices.extend(minutes_of(line, from.max(after), to)?);
    let inside = |price: &&Price| (from..to).contains(&price.time);
    prices.extend(line.provisional.iter().filter(inside));
    prices.sort_by_key(|price| price.time);
    Ok(prices)
}

fn blocks_of(line: &Line<'_>, span: Span, highest: u32) -> rusqlite::Result<Vec<Price>> {
    let statement = blocks_by_time(&format!(
        "b.time >= ?1 AND b.time < ?2 AND b.height <= ?3 ORDER BY b.time, b.height LIMIT {}",
        MOST_ROWS + 1
    ));
    let values = [signed(span.from), signed(span.to), highest.into()];
    rows(line.connection, &statement, values, |row| {
        block(row, line.settled)
    })
}

fn minutes_of(line: &Line<'_>, from: u64, to: u64) -> rusqlite::Result<Vec<Price>> {
    let statement = minutes(&format!(
        "WHERE minute >= ?1 AND minute < ?2 ORDER BY minute LIMIT {}",
        MOST_ROWS + 1
    ));
    let values = [signed(from.div_ceil(60)), signed(to.div_ceil(60))];
    rows(line.connection, &statement, values, minute)
}

fn rows(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<Price>,
) -> rusqlite::Result<Vec<Price>> {
    let mut statement = connection.prepare_cached(statement)?;
    statement.query_map(values, read)?.collect()
}
