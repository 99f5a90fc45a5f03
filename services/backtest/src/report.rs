//! The rows of the output, one for each estimate.

use std::io::Write;

use clap::ValueEnum;
use satscope_oracle::{Estimate, past::BlockPrice};
use serde::Serialize;

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated, with a header line.
    Csv,
    /// One JSON array, a row a line.
    Json,
}

/// An estimate with its reference; a missing value is empty in CSV, null in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) file: String,
    /// Height of the block, or of the newest output so far.
    pub(crate) height: Option<u64>,
    /// The moment of the estimate, in Unix seconds.
    pub(crate) time: u64,
    pub(crate) price_usd: Option<f64>,
    pub(crate) low_usd: Option<f64>,
    pub(crate) high_usd: Option<f64>,
    pub(crate) confidence: Option<f64>,
    /// Payments in the window.
    pub(crate) payments: usize,
    pub(crate) margin: Option<f64>,
    /// Age of the newest payment that the price rests on, in seconds.
    pub(crate) age_seconds: Option<f64>,
    pub(crate) reference_price_usd: Option<f64>,
    pub(crate) error_percent: Option<f64>,
}

/// The moment of an estimate, with the data of its row that do not come from the estimate.
pub(crate) struct Moment<'a> {
    pub(crate) file: &'a str,
    pub(crate) height: Option<u64>,
    pub(crate) time: u64,
    pub(crate) payments: usize,
    pub(crate) reference_price_usd: Option<f64>,
}

impl Row {
    pub(crate) fn new(moment: Moment<'_>, estimate: Option<Estimate>) -> Self {
        let error_percent = |estimate: Estimate| {
            Some(100.0 * (estimate.price_usd / moment.reference_price_usd? - 1.0))
        };
        Self {
            file: moment.file.to_owned(),
            height: moment.height,
            time: moment.time,
            price_usd: estimate.map(|estimate| rounded(estimate.price_usd, 2)),
            low_usd: estimate.map(|estimate| rounded(estimate.low_usd, 2)),
            high_usd: estimate.map(|estimate| rounded(estimate.high_usd, 2)),
            confidence: estimate.map(|estimate| rounded(estimate.confidence, 3)),
            payments: moment.payments,
            margin: estimate.map(|estimate| rounded(estimate.evidence.margin, 3)),
            age_seconds: estimate.map(|estimate| {
                let newest = estimate.evidence.newest_payment_ms as f64 / 1000.0;
                rounded(moment.time as f64 - newest, 3)
            }),
            reference_price_usd: moment.reference_price_usd,
            error_percent: estimate
                .and_then(error_percent)
                .map(|error| rounded(error, 4)),
        }
    }
}

/// A writer of rows, which are written as they come.
pub(crate) struct Report {
    writer: Writer,
}

enum Writer {
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    Json { out: Box<dyn Write>, rows: usize },
}

impl Report {
    /// A report to standard output.
    pub(crate) fn to_stdout(format: Format) -> Self {
        Self::new(format, Box::new(std::io::stdout().lock()))
    }

    pub(crate) fn new(format: Format, out: Box<dyn Write>) -> Self {
        let writer = match format {
            Format::Csv => Writer::Csv(Box::new(csv::Writer::from_writer(out))),
            Format::Json => Writer::Json { out, rows: 0 },
        };
        Self { writer }
    }

    pub(crate) fn write(&mut self, row: &impl Serialize) -> anyhow::Result<()> {
        match &mut self.writer {
            Writer::Csv(writer) => {
                writer.serialize(row)?;
                writer.flush()?;
            }
            Writer::Json { out, rows } => {
                write!(out, "{}", if *rows == 0 { "[\n" } else { ",\n" })?;
                serde_json::to_writer(&mut *out, row)?;
                *rows += 1;
            }
        }
        Ok(())
    }

    /// Ends the report; to be called once, after the last row.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        if let Writer::Json { mut out, rows } = self.writer {
            writeln!(out, "{}", if rows == 0 { "[]" } else { "\n]" })?;
        }
        Ok(())
    }
}

/// The price at a block of the past with its reference; see [`Row`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PastRow {
    pub(crate) file: String,
    pub(crate) height: u32,
    /// The time of the block, in Unix seconds.
    pub(crate) time: u64,
    pub(crate) price_usd: Option<f64>,
    pub(crate) low_usd: Option<f64>,
    pub(crate) high_usd: Option<f64>,
    pub(crate) confidence: Option<f64>,
    /// Payments in the block.
    pub(crate) payments: u32,
    pub(crate) reference_price_usd: Option<f64>,
    pub(crate) error_percent: Option<f64>,
}

impl PastRow {
    /// The row of a block of `file` with this number of payments.
    pub(crate) fn new(
        file: &str,
        (height, time): (u32, u64),
        payments: u32,
        reference_price_usd: Option<f64>,
        price: Option<BlockPrice>,
    ) -> Self {
        let usd = |cents: u64| cents as f64 / 100.0;
        let error_percent =
            |price: BlockPrice| Some(100.0 * (usd(price.price_cents) / reference_price_usd? - 1.0));
        Self {
            file: file.to_owned(),
            height,
            time,
            price_usd: price.map(|price| usd(price.price_cents)),
            low_usd: price.map(|price| usd(price.low_cents)),
            high_usd: price.map(|price| usd(price.high_cents)),
            confidence: price.map(|price| f64::from(price.confidence_thousandths) / 1000.0),
            payments,
            reference_price_usd: reference_price_usd.map(|usd| rounded(usd, 2)),
            error_percent: price.and_then(error_percent).map(|error| rounded(error, 4)),
        }
    }
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}
