//! `satscope backtest waits`: the time that the payments of raw blocks had waited, as far as their lock times show it.
//!
//! Many wallets set the lock time of a transaction to the height of the best block at that moment (Bitcoin Core since
//! 0.11, `src/wallet/spend.cpp`, `DiscourageFeeSniping`; one in ten is then set back by up to 99 blocks at random). So
//! a transaction of block `h` with lock time `l` saw `h - 1 - l` blocks pass before its own.

mod lag;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use rayon::prelude::*;
use satscope_filter::{Filter, Values, read_block};
use satscope_oracle::Window;
use serde::Serialize;

use lag::{BACK_SECONDS, Lag};

use crate::blocks::{Label, Years, estimate, read_labels};
use crate::input::Progress;
use crate::prices::{self, Prices};
use crate::report::{Format, Report};

/// A payment whose lock time is more blocks before its block than this, a day, is not dated.
const LONGEST_WAIT: u64 = 144;

#[derive(Debug, Args)]
pub(crate) struct WaitsArgs {
    /// Folders with `blocks.csv` (columns file, height and time, any others) and the raw blocks that it names.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
    /// Reads only the blocks of these years (UTC), such as 2020 or 2015-2018.
    #[arg(long, value_name = "FROM-TO", allow_negative_numbers = true)]
    pub(crate) years: Option<Years>,
    /// Candles: CSV, gzip or plain, with the columns date (UTC) and open (dollars). With them, how old the price is that each block
    /// alone shows at its time, on average.
    #[arg(long, value_name = "CSV")]
    pub(crate) prices: Vec<PathBuf>,
    /// How the rows are written.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(crate) format: Format,
}

/// The waits of the payments of one block.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    file: String,
    height: u64,
    /// Number of payments that pass the filter.
    payments: usize,
    /// Number of payments that their lock time dates.
    dated: usize,
    /// The share of dated payments, in percent, that saw no block pass before their own.
    at_once_percent: Option<f64>,
    /// Number of blocks that the dated payments saw pass: the median and the 90th percentile.
    median_blocks: Option<u64>,
    p90_blocks: Option<u64>,
    /// The mean of the same numbers.
    mean_blocks: Option<f64>,
}

pub(crate) fn run(args: &WaitsArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    let mut listed = Vec::new();
    for dir in &args.dirs {
        listed.extend(read_labels(dir)?.into_iter().map(|label| (dir, label)));
    }
    let read = listed
        .into_par_iter()
        .filter_map(|(dir, label)| match label {
            Ok(label)
                if args
                    .years
                    .as_ref()
                    .is_none_or(|years| years.contain(label.time)) =>
            {
                Some(waits(dir, &label).map(|waits| (label, waits)))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
    let candles = args.prices.iter().map(|path| Prices::read(path));
    let candles = candles.collect::<anyhow::Result<Vec<Prices>>>()?;
    let (mut report, mut unread) = (Report::to_stdout(args.format), 0);
    let mut lag = Lag::default();
    let mut years: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for block in read.collect::<Vec<anyhow::Result<_>>>() {
        match block {
            Ok((label, waits)) => {
                report.write(&row(&label, &waits))?;
                let at = |time| candles.iter().find_map(|candles| candles.between(time));
                let around = at(label.time).zip(at(label.time.saturating_sub(BACK_SECONDS)));
                if let (Some(price_usd), Some((now_usd, before_usd))) = (waits.price_usd, around) {
                    lag.add(price_usd, now_usd, before_usd);
                }
                years
                    .entry(prices::year(label.time))
                    .or_default()
                    .extend(waits.dated);
            }
            Err(error) => {
                unread += 1;
                progress.say(&format!("{error:#}"));
            }
        }
    }
    report.end()?;
    for (year, dated) in years {
        progress.say(&of_year(year, dated));
    }
    if !args.prices.is_empty() {
        progress.say(&lag.to_string());
    }
    ensure!(unread == 0, "blocks that could not be read: {unread}");
    Ok(())
}

/// The payments of a block.
#[derive(Debug, Default)]
struct Waits {
    payments: usize,
    /// The number of blocks that each dated payment saw pass before its own.
    dated: Vec<u64>,
    /// The price that the block alone shows, in dollars; `None` if it is not trusted.
    price_usd: Option<f64>,
}

fn waits(dir: &Path, label: &Label) -> anyhow::Result<Waits> {
    let path = dir.join(&label.file);
    let height = label
        .height
        .with_context(|| format!("{} has no height", path.display()))?;
    let raw = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let transactions =
        read_block(&raw).with_context(|| format!("{} is not one raw block", path.display()))?;
    let filter = Filter::default();
    let mut waits = Waits::default();
    let mut payments: Vec<Values> = Vec::new();
    for transaction in &transactions {
        if let Ok(payment) = filter.judge(transaction, |_| false) {
            payments.push(payment);
            waits.dated.extend(waited(height, transaction.lock_time()));
        }
    }
    waits.payments = payments.len();
    let payments = payments.iter().map(|payment| (label.time * 1000, payment));
    let alone = estimate(label, payments, Window::of_height(height));
    let is_sure = alone.confidence.is_some_and(|confidence| confidence >= 0.5);
    waits.price_usd = alone.price_usd.filter(|_| is_sure);
    Ok(waits)
}

/// The number of blocks that a payment saw pass before its own; `None` if its lock time does not date it.
fn waited(height: u64, lock_time: u32) -> Option<u64> {
    let waited = height.checked_sub(1)?.checked_sub(lock_time.into())?;
    (waited <= LONGEST_WAIT).then_some(waited)
}

fn row(label: &Label, waits: &Waits) -> Row {
    let mut dated = waits.dated.clone();
    let figures = Figures::of(&mut dated);
    let rounded = |number: f64| (100.0 * number).round() / 100.0;
    Row {
        file: label.file.clone(),
        height: label.height.unwrap_or_default(),
        payments: waits.payments,
        dated: dated.len(),
        at_once_percent: figures.map(|figures| rounded(figures.at_once_percent)),
        median_blocks: figures.map(|figures| figures.median),
        p90_blocks: figures.map(|figures| figures.p90),
        mean_blocks: figures.map(|figures| rounded(figures.mean)),
    }
}

fn of_year(year: u64, mut dated: Vec<u64>) -> String {
    match Figures::of(&mut dated) {
        Some(figures) => format!(
            "{year}: {} dated payments; {:.0} % at once, median {}, p90 {}, mean {:.2} blocks",
            dated.len(),
            figures.at_once_percent,
            figures.median,
            figures.p90,
            figures.mean
        ),
        None => format!("{year}: no dated payment"),
    }
}

/// The figures of some waits.
#[derive(Debug, Clone, Copy)]
struct Figures {
    at_once_percent: f64,
    median: u64,
    p90: u64,
    mean: f64,
}

impl Figures {
    /// Sorts the waits and computes their figures; `None` if there are none.
    fn of(waits: &mut [u64]) -> Option<Self> {
        waits.sort_unstable();
        let count = waits.len() as f64;
        let at = |share: f64| waits.get((share * count) as usize).copied();
        Some(Self {
            median: at(0.5)?,
            p90: at(0.9)?,
            at_once_percent: 100.0 * waits.partition_point(|wait| *wait == 0) as f64 / count,
            mean: waits.iter().sum::<u64>() as f64 / count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_time_dates_a_payment_by_the_blocks_since() {
        let waits = [
            799_999,
            799_998,
            799_855,
            799_854,
            800_000,
            0,
            1_700_000_000,
        ];
        let expected = [Some(0), Some(1), Some(144), None, None, None, None];
        assert_eq!(waits.map(|lock_time| waited(800_000, lock_time)), expected);
        assert_eq!(waited(0, 0), None);
    }

    #[test]
    fn the_figures_are_those_of_the_sorted_waits() {
        assert!(Figures::of(&mut []).is_none());
        let figures = Figures::of(&mut [9, 0, 0, 1, 0]).map(|figures| {
            (
                figures.at_once_percent,
                figures.median,
                figures.p90,
                figures.mean,
            )
        });
        assert_eq!(figures, Some((60.0, 0, 9, 2.0)));
    }
}
