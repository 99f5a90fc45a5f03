//! Checks of rows before they are written: whether they can be true.

use satscope_oracle::past::{BlockPrice, PERIOD_BLOCKS};

use super::{
    error::StoreError,
    rows::{BlockRow, MinuteRow, PeriodRow, PeriodState, Tip},
};

/// Most cents that are kept: SQLite's integers, and differences between two such numbers, hold this with room to spare.
const MOST_CENTS: u64 = 1 << 60;

/// Checks blocks that are written together: consecutive heights from `first`, with times that never decrease.
pub(super) fn blocks(first: u32, rows: &[BlockRow]) -> Result<(), StoreError> {
    let mut least_time = 0;
    for (row, height) in rows.iter().zip(first..) {
        if row.height != height {
            let found = row.height;
            return Err(refused(format!(
                "block {found} stands in the place of block {height}"
            )));
        }
        if row.time < least_time || i64::try_from(row.time).is_err() {
            return Err(refused(format!("block {height} is before its parent")));
        }
        least_time = row.time;
        if let Some(found) = &row.price {
            price(found).map_err(|what| refused(format!("block {height}: {what}")))?;
        }
    }
    Ok(())
}

/// Checks a period and its blocks. A final period must have all of them.
pub(super) fn period(period: &PeriodRow, rows: &[BlockRow]) -> Result<(), StoreError> {
    let number = period.period;
    let first = match period.state {
        PeriodState::Final => period.first_height(),
        PeriodState::Open => rows.first().map_or(period.first_height(), |row| row.height),
    };
    blocks(first, rows)?;
    let is_inside = |row: &BlockRow| PeriodRow::of_height(row.height) == number;
    if !rows.iter().all(is_inside) {
        return Err(refused(format!("blocks outside of period {number}")));
    }
    if rows.iter().any(|row| row.model != period.model) {
        return Err(refused(format!("two models in period {number}")));
    }
    if period.state == PeriodState::Final && rows.len() != PERIOD_BLOCKS as usize {
        let count = rows.len();
        return Err(refused(format!(
            "{count} blocks of the final period {number}"
        )));
    }
    Ok(())
}

/// Checks the newest blocks against their open periods and the node's best block.
pub(super) fn tail(rows: &[BlockRow], periods: &[PeriodRow], tip: Tip) -> Result<(), StoreError> {
    if let Some(closed) = periods
        .iter()
        .find(|period| period.state == PeriodState::Final)
    {
        let number = closed.period;
        return Err(refused(format!(
            "the newest blocks make period {number} final"
        )));
    }
    for row in rows {
        let number = PeriodRow::of_height(row.height);
        if !periods.iter().any(|period| period.period == number) {
            return Err(refused(format!("block {} without its period", row.height)));
        }
        if row.height > tip.height {
            return Err(refused(format!("block {} above the best one", row.height)));
        }
    }
    Ok(())
}

/// Checks a minute's row.
pub(super) fn minute(row: &MinuteRow) -> Result<(), StoreError> {
    let minute = row.minute;
    let refused = |what: &str| refused(format!("minute {minute}: {what}"));
    price(&row.close).map_err(&refused)?;
    let inside = row.low_cents..=row.high_cents;
    let is_ordered = inside.contains(&row.open_cents) && inside.contains(&row.close.price_cents);
    if !is_ordered || row.low_cents == 0 || row.high_cents > MOST_CENTS {
        return Err(refused("a price outside of its low and high"));
    }
    if row.samples == 0 || minute > i64::MAX as u64 / 60 {
        return Err(refused("no sample, or no time"));
    }
    Ok(())
}

fn price(price: &BlockPrice) -> Result<(), &'static str> {
    let BlockPrice {
        price_cents,
        low_cents,
        high_cents,
        confidence_thousandths,
    } = *price;
    if price_cents == 0 || !(low_cents..=high_cents).contains(&price_cents) {
        return Err("a price of nothing, or outside of its interval");
    }
    match high_cents <= MOST_CENTS && confidence_thousandths <= 1000 {
        true => Ok(()),
        false => Err("a number that is too large"),
    }
}

fn refused(what: String) -> StoreError {
    StoreError::Rows(what)
}
