//! `satscope history export`.

use std::io::{self, BufWriter};

use clap::{Args, ValueEnum};
use satscope_historian::export::{self, Extent};
use satscope_kit::{clock::unix_ms, moment::moment};

use super::place::FileSettings;

/// `satscope history export`.
#[derive(Args, Debug)]
pub struct ExportSettings {
    /// From when on: 2024-03-01, 2024-03-01T12:00:00Z or Unix seconds; an hour or day that it cuts is written whole [default: the
    /// oldest price]
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<u64>,

    /// The first second that is left out, likewise; an hour or day that it cuts is written whole [default: after the newest price]
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<u64>,

    /// Which prices
    #[arg(long, value_name = "STEP", default_value = "day")]
    step: Step,

    /// How they are written
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: Form,
    #[command(flatten)]
    history: FileSettings,
}

/// The prices that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Each block's price
    Block,
    /// Open, high, low and close of each hour; in a ledger the close, at the hour's end
    Hour,
    /// Open, high, low and close of each day in UTC; in a ledger the close, on that day
    Day,
}

/// The form in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The columns of /api/v1/history, or of /api/v1/candles
    Csv,
    /// One object as of /api/v1/history, or of /api/v1/candles
    Json,
    /// `P 2026/03/01 00:00:00 BTC $97188.00`, for Ledger and hledger
    Ledger,
    /// `2026-03-01 price BTC 97188.00 USD`, for Beancount; days only
    Beancount,
}

fn time(text: &str) -> Result<u64, String> {
    moment(text).map_err(|expected| format!("expected {expected}"))
}

/// Writes the prices to standard output.
///
/// # Errors
/// When they cannot be read, or standard output cannot be written to.
pub fn run(settings: &ExportSettings) -> anyhow::Result<()> {
    let readers = settings.history.readers(false)?;
    let extent = Extent {
        from: settings.from,
        to: settings.to,
    };
    let step = match settings.step {
        Step::Block => export::Step::Block,
        Step::Hour => export::Step::Hour,
        Step::Day => export::Step::Day,
    };
    let form = match settings.format {
        Form::Csv => export::Form::Csv,
        Form::Json => export::Form::Json,
        Form::Ledger => export::Form::Ledger,
        Form::Beancount => export::Form::Beancount,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let now = unix_ms() / 1000;
    Ok(export::export(&readers, extent, step, form, now, &mut out)?)
}
