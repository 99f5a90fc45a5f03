//! Writes the prices of blocks for other programs: as rows, or as prices of a plain-text ledger.
//!
//! The file is read in pages, so that the memory does not grow with the span, and a historian that writes meanwhile is not held up.

mod rows;

use std::io::{self, Write};

use thiserror::Error;

use crate::{
    dates,
    store::{BlockState, Bookmark, Candle, Kind, Ohlc, Price, Readers, Span, StoreError},
};
use rows::{CANDLES, CandleRow, PRICES, PriceRow, dollars};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The prices that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Each block's.
    Block,
    /// Open, high, low and close of each hour.
    Hour,
    /// Open, high, low and close of each day, UTC.
    Day,
}

/// The form in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As REST gives them (RFC 4180).
    Csv,
    /// As REST gives them.
    Json,
    /// Price directives of Ledger and hledger.
    Ledger,
    /// Price directives of Beancount, which has one price of a day.
    Beancount,
}

/// The part of the history that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first second, Unix seconds; `None` for the oldest price.
    pub from: Option<u64>,
    /// The second after the last; `None` for the newest price.
    pub to: Option<u64>,
}

impl Extent {
    /// The extent's first second, and the second after its last one. An end that is missing is that of the `known` prices, whose
    /// oldest and newest have these times. The extent is empty if it has one end alone, and no price lies on that side.
    fn seconds(self, known: Option<(u64, u64)>) -> (u64, u64) {
        let after = known.map_or(0, |(_, last)| last.saturating_add(1));
        let to = self.to.unwrap_or(after.max(self.from.unwrap_or(0)));
        let first = known.map_or(to, |(first, _)| first.min(to));
        (self.from.unwrap_or(first), to)
    }
}

/// Why an export is not made, or not finished.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The extent ends before it begins.
    #[error("--to is not after --from: expected a later time")]
    Reversed,
    /// Beancount has dates without times.
    #[error("--format beancount has one price of a day: expected --step day")]
    OnlyDays,
    /// The history cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written to.
    #[error("writing the prices")]
    Output(#[from] io::Error),
}

/// Writes the prices of blocks, oldest first. `now` is the time of the system's clock, Unix seconds: an hour or
/// day that ends later is left out of a ledger, whatever times the history has.
///
/// # Errors
/// When the extent is reversed, the form does not have the step, or reading or writing fails.
pub fn export(
    readers: &Readers,
    extent: Extent,
    step: Step,
    form: Form,
    now: u64,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    if form == Form::Beancount && step != Step::Day {
        return Err(ExportError::OnlyDays);
    }
    if let (Some(from), Some(to)) = (extent.from, extent.to)
        && from >= to
    {
        return Err(ExportError::Reversed);
    }
    let coverage = readers.coverage()?;
    let known = coverage.first.zip(coverage.last);
    let known = known.map(|(first, last)| (first.time, last.time));
    let (from, to) = extent.seconds(known);
    let mut export = Export {
        readers,
        form,
        over: known.map_or(0, |(_, last)| last.min(now)),
        out,
        is_first: true,
    };
    match step {
        Step::Block => export.prices(from, to),
        Step::Hour => export.candles(from, to, 3600),
        Step::Day => export.candles(from, to, DAY),
    }
}

struct Export<'a, W> {
    readers: &'a Readers,
    form: Form,
    /// Time of the newest price, or now if that is earlier, Unix seconds; 0 if there is none. What ends later is not over.
    over: u64,
    out: &'a mut W,
    is_first: bool,
}

impl<W: Write> Export<'_, W> {
    fn prices(&mut self, from: u64, to: u64) -> Result<(), ExportError> {
        self.begin(PRICES, from, to, 0, "prices")?;
        let mut at = Bookmark {
            time: from,
            height: 0,
        };
        loop {
            let page = self.readers.page(at, to)?;
            for price in &page {
                self.price(price)?;
            }
            match page.last().map(|last| (last.time, last.kind)) {
                Some((time, Kind::Block { height, .. })) => {
                    let height = height.saturating_add(1);
                    at = Bookmark { time, height };
                }
                _ => return self.end(),
            }
        }
    }

    fn price(&mut self, price: &Price) -> Result<(), ExportError> {
        let Some(row) = PriceRow::of(price) else {
            return Ok(());
        };
        match self.form {
            Form::Csv => write!(self.out, "{}\r\n", row.csv())?,
            Form::Json => self.element(&row)?,
            Form::Ledger | Form::Beancount => {
                self.directive(price.time, price.price.price_cents, row.state())?;
            }
        }
        Ok(())
    }

    fn candles(&mut self, from: u64, to: u64, step: u64) -> Result<(), ExportError> {
        let begin = from - from % step;
        let end = to.div_ceil(step).saturating_mul(step);
        // An extent without a second has no cell.
        let (from, to) = (begin, if from < to { end } else { begin });
        self.begin(CANDLES, from, to, step, "candles")?;
        let mut at = from;
        while at < to {
            let page = self.readers.candles(Span { from: at, to, step })?;
            for candle in &page.candles {
                self.candle(candle, step)?;
            }
            match page.candles.last() {
                Some(last) if !page.complete => at = last.time + step,
                _ => break,
            }
        }
        self.end()
    }

    fn candle(&mut self, candle: &Candle, step: u64) -> Result<(), ExportError> {
        let row = CandleRow::of(candle);
        match (self.form, candle.blocks) {
            (Form::Csv, _) => write!(self.out, "{}\r\n", row.csv())?,
            (Form::Json, _) => self.element(&row)?,
            (Form::Ledger | Form::Beancount, Some(blocks)) if candle.time + step <= self.over => {
                self.close(candle.time, step, &blocks)?;
            }
            // A cell without a price, or one that is not over and would have another close tomorrow.
            (Form::Ledger | Form::Beancount, _) => {}
        }
        Ok(())
    }

    /// Writes a cell's last price: of an hour as the price at its end, and of a day as that day's price.
    fn close(&mut self, begin: u64, step: u64, blocks: &Ohlc) -> Result<(), ExportError> {
        let time = match step {
            DAY => begin,
            _ => begin + step,
        };
        self.directive(time, blocks.close_cents, blocks.state)
    }

    fn directive(&mut self, time: u64, cents: u64, state: BlockState) -> Result<(), ExportError> {
        if matches!(state, BlockState::Unverified | BlockState::Provisional) {
            writeln!(self.out, "; {}", state.name())?;
        }
        let price = dollars(cents);
        match self.form {
            Form::Beancount => {
                writeln!(self.out, "{} price BTC {price} USD", dates::day(time, '-'))?;
            }
            _ => {
                let (day, clock) = (dates::day(time, '/'), dates::clock(time));
                writeln!(self.out, "P {day} {clock} BTC ${price}")?;
            }
        }
        Ok(())
    }

    fn begin(
        &mut self,
        columns: &str,
        from: u64,
        to: u64,
        step: u64,
        list: &str,
    ) -> Result<(), ExportError> {
        match self.form {
            Form::Csv => write!(self.out, "{columns}\r\n")?,
            Form::Json => write!(
                self.out,
                "{{\"from\":{from},\"to\":{to},\"step_seconds\":{step},\"{list}\":["
            )?,
            Form::Ledger | Form::Beancount => {}
        }
        Ok(())
    }

    fn element(&mut self, row: &impl serde::Serialize) -> Result<(), ExportError> {
        let comma = if self.is_first { "\n" } else { ",\n" };
        self.is_first = false;
        self.out.write_all(comma.as_bytes())?;
        serde_json::to_writer(&mut *self.out, row).map_err(io::Error::from)?;
        Ok(())
    }

    fn end(&mut self) -> Result<(), ExportError> {
        if self.form == Form::Json {
            self.out.write_all(b"\n]}\n")?;
        }
        self.out.flush()?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
