//! `satscope backtest periods`: whole periods made of labelled blocks, and the price at each of their blocks. No price is
//! given to begin from.

mod made;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use rayon::prelude::*;
use satscope_oracle::past::{self, BlockPrice, Blocks, Lock, PERIOD_BLOCKS, Years as Era};

use crate::blocks::{Label, Years, read_labels, read_payments};
use crate::input::Progress;
use crate::report::{Format, PastRow, Report};
use crate::summary::Summary;
use made::{Deck, Made};

/// A lock is right if the median distance of its period's prices from the walk is less than this, in percent. The
/// nearest price that maps much of the round sums on to themselves is 25 % away.
const LOCKED_PERCENT: f64 = 5.0;

#[derive(Debug, Args)]
pub(crate) struct PeriodsArgs {
    /// Folders with `blocks.csv` (columns file, height, time and reference_price_usd, any others) and the raw blocks that it
    /// names.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
    /// Another seed makes other periods of the same blocks.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Makes periods of these years only (UTC), such as 2020 or 2015-2018.
    #[arg(long, value_name = "FROM-TO", allow_negative_numbers = true)]
    pub(crate) years: Option<Years>,
    /// How the rows are written.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(crate) format: Format,
}

/// The accuracy of the prices of all periods.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    pub(crate) all: Summary,
    /// The accuracy of each year.
    pub(crate) years: BTreeMap<u64, Year>,
}

/// The accuracy of the prices of one year's period.
#[derive(Debug, Default)]
pub(crate) struct Year {
    pub(crate) summary: Summary,
    /// Whether the lock is right.
    pub(crate) locked: bool,
}

pub(crate) fn run(args: &PeriodsArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    let (summaries, unread) = summarise(args, Report::to_stdout(args.format), &progress)?;
    progress.say(&summaries.to_string());
    ensure!(unread == 0, "blocks that could not be read: {unread}");
    Ok(())
}

/// Reports a period of each year. Returns the accuracy of the prices, and the number of labelled blocks that could not
/// be read.
pub(crate) fn summarise(
    args: &PeriodsArgs,
    mut report: Report,
    progress: &Progress,
) -> anyhow::Result<(Summaries, usize)> {
    let (decks, unread) = decks(args, progress)?;
    let mut summaries = Summaries::default();
    let decks: Vec<(u64, Deck)> = decks.into_iter().collect();
    // At most one period for each core is read at a time, because each takes tens of megabytes.
    for together in decks.chunks(rayon::current_num_threads()) {
        let rows = together.par_iter().map(|(year, deck)| {
            progress.show(&format!("the period of {year}"));
            (*year, rows(&deck.period(*year, args.seed)))
        });
        for (year, rows) in rows.collect::<Vec<_>>() {
            let of_year = summaries.years.entry(year).or_default();
            of_year.locked = is_locked(&rows);
            for row in &rows {
                summaries.all.add_past(row);
                of_year.summary.add_past(row);
                report.write(row)?;
            }
        }
    }
    report.end()?;
    Ok((summaries, unread))
}

/// The labelled payments of each year, and the number of blocks that could not be read.
fn decks(args: &PeriodsArgs, progress: &Progress) -> anyhow::Result<(BTreeMap<u64, Deck>, usize)> {
    let mut listed = Vec::new();
    for dir in &args.dirs {
        listed.extend(read_labels(dir)?.into_iter().map(|label| (dir, label)));
    }
    let read = listed.into_par_iter().map(|(dir, label)| {
        let label = label?;
        let payments = read_payments(&dir.join(&label.file))?;
        Ok((label, payments))
    });
    let (mut decks, mut unread) = (BTreeMap::<u64, Deck>::new(), 0);
    for block in read.collect::<Vec<anyhow::Result<_>>>() {
        match block {
            Ok((label, payments)) => {
                let wanted = args
                    .years
                    .as_ref()
                    .is_none_or(|years| years.contain(label.time));
                if let (true, Some(price_usd)) = (wanted, label.reference_price_usd) {
                    let deck = decks.entry(year(&label)).or_default();
                    deck.add(label.height, price_usd, payments);
                }
            }
            Err(error) => {
                unread += 1;
                progress.say(&format!("{error:#}"));
            }
        }
    }
    ensure!(
        !decks.is_empty(),
        "no block with a reference_price_usd has its time in the years asked for"
    );
    Ok((decks, unread))
}

/// The year of a block's time (UTC).
fn year(label: &Label) -> u64 {
    crate::prices::year(label.time)
}

/// A row for each block of a period.
fn rows(made: &Made) -> Vec<PastRow> {
    let heights =
        made.first_height + past::BEFORE..made.first_height + past::BEFORE + PERIOD_BLOCKS;
    let blocks = Blocks {
        first_height: made.first_height,
        years: Era::of_height(heights.start),
        blocks: &made.blocks,
    };
    let lock = Lock::of_period(blocks);
    let prices: Vec<Option<BlockPrice>> = match &lock {
        Some(lock) => past::prices(blocks, lock, heights.clone()),
        None => vec![None; heights.len()],
    };
    let rows = heights.zip(prices).filter_map(|(height, price)| {
        let index = (height - made.first_height) as usize;
        let payments = made.blocks.get(index)?.payments();
        let price_usd = made.prices_usd.get(index).copied();
        Some(PastRow::new(
            &made.name,
            (height, made.time(height)),
            payments,
            price_usd,
            price,
        ))
    });
    rows.collect()
}

/// Whether the median distance of the prices from the walk shows a right lock.
fn is_locked(rows: &[PastRow]) -> bool {
    let mut errors: Vec<f64> = rows
        .iter()
        .filter_map(|row| row.error_percent)
        .map(f64::abs)
        .collect();
    errors.sort_by(f64::total_cmp);
    errors
        .get(errors.len() / 2)
        .is_some_and(|error| *error < LOCKED_PERCENT)
}

impl fmt::Display for Summaries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let locked = self.years.values().filter(|year| year.locked).count();
        writeln!(out, "{}", self.all)?;
        writeln!(
            out,
            "\nthe lock is right in {locked} of {} periods\n",
            self.years.len()
        )?;
        writeln!(
            out,
            "{:>6} {:>6} {:>8} {:>8} {:>8} {:>8} {:>16} {:>12}",
            "period", "lock", "median", "p99", "max", "sure", "sure and wrong", "in interval"
        )?;
        for (year, of_year) in &self.years {
            let figure = |name: &str| {
                of_year
                    .summary
                    .figure(name)
                    .map_or("-".to_owned(), |value| format!("{value:.3}"))
            };
            let lock = if of_year.locked { "right" } else { "wrong" };
            writeln!(
                out,
                "{year:>6} {lock:>6} {:>8} {:>8} {:>8} {:>8} {:>16} {:>12}",
                figure("absolute error, median"),
                figure("… p99"),
                figure("… max"),
                figure("of the prices, confidence 0.5 or more"),
                figure("of those, wrong by more than 2 %"),
                figure("of the prices, in the 90 % interval"),
            )?;
        }
        write!(out, "all in percent")
    }
}
