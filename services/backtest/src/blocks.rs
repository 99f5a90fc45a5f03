//! `satscope backtest blocks`: each raw block of a folder alone, cold.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use bitcoin::Txid;
use clap::Args;
use rayon::prelude::*;
use satscope_filter::{Filter, RawTransaction, Values, read_block};
use satscope_oracle::Window;
use serde::Deserialize;

use crate::input::{Progress, open_csv};
use crate::prices::is_price;
use crate::report::{Format, Moment, Report, Row};
use crate::summary::Summary;

/// Blocks that are read by all cores before the next ones are begun.
const TOGETHER: usize = 64;
/// The list of blocks in the folder.
const LABELS: &str = "blocks.csv";
const COLUMNS: [&str; 2] = ["file", "time"];
/// The highest time that is taken for Unix seconds: the end of the year 9999.
const LAST_TIME: u64 = 253_402_300_799;

#[derive(Debug, Args)]
pub(crate) struct BlocksArgs {
    /// Folder with `blocks.csv` (columns file and time, height and reference_price_usd where known, any others) and the raw
    /// blocks that it names.
    dir: PathBuf,
    /// How the rows are written.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
}

/// A line of `blocks.csv`.
#[derive(Debug, Deserialize)]
pub(crate) struct Label {
    pub(crate) file: String,
    pub(crate) height: Option<u64>,
    /// Unix seconds.
    pub(crate) time: u64,
    pub(crate) reference_price_usd: Option<f64>,
}

pub(crate) fn run(args: &BlocksArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    let (summary, unread) = summarise(&args.dir, Report::to_stdout(args.format), &progress)?;
    progress.say(&summary.to_string());
    ensure!(unread == 0, "blocks that could not be read: {unread}");
    Ok(())
}

/// Reports each block of a folder; how good the estimates are, and how many blocks could not be read.
pub(crate) fn summarise(
    dir: &Path,
    mut report: Report,
    progress: &Progress,
) -> anyhow::Result<(Summary, usize)> {
    let labels = read_labels(dir)?;
    let (mut summary, mut unread) = (Summary::default(), 0);
    let count = labels.len();
    let mut labels = labels.into_iter();
    for done in (0..count).step_by(TOGETHER) {
        progress.show(&format!("block {} of {count}", done + 1));
        let together: Vec<_> = labels.by_ref().take(TOGETHER).collect();
        let rows = together.into_par_iter().map(|label| row(dir, label?));
        for row in rows.collect::<Vec<anyhow::Result<Row>>>() {
            match row {
                Ok(row) => {
                    summary.add(&row);
                    report.write(&row)?;
                }
                Err(error) => {
                    unread += 1;
                    progress.say(&format!("{error:#}"));
                }
            }
        }
    }
    report.end()?;
    Ok((summary, unread))
}

fn row(dir: &Path, label: Label) -> anyhow::Result<Row> {
    let payments = read_payments(&dir.join(&label.file))?;
    Ok(estimate(&label, &payments, Window::new()))
}

/// The labels of a folder of blocks, in place of each line that is none what is wrong with it.
///
/// # Errors
/// There is no list of blocks that can be read.
pub(crate) fn read_labels(dir: &Path) -> anyhow::Result<Vec<anyhow::Result<Label>>> {
    let path = dir.join(LABELS);
    let labels = open_csv(&path, &COLUMNS)?
        .into_deserialize()
        .enumerate()
        .map(|(index, label)| {
            checked(label).with_context(|| format!("{}: block {}", path.display(), index + 1))
        });
    Ok(labels.collect())
}

fn checked(label: Result<Label, csv::Error>) -> anyhow::Result<Label> {
    let label = label?;
    ensure!(
        label.time <= LAST_TIME,
        "the time is {}; expected Unix seconds",
        label.time
    );
    ensure!(
        label.reference_price_usd.is_none_or(is_price),
        "reference_price_usd is {}; expected dollars, or nothing",
        label.reference_price_usd.unwrap_or_default()
    );
    Ok(label)
}

/// A block's price from its payments alone, beside its label.
pub(crate) fn estimate(label: &Label, payments: &[Values], mut window: Window) -> Row {
    let now_ms = label.time * 1000;
    payments
        .iter()
        .for_each(|values_sats| window.insert(now_ms, values_sats));
    let moment = Moment {
        file: &label.file,
        height: label.height,
        time: label.time,
        payments: window.payments(),
        reference_price_usd: label.reference_price_usd,
    };
    Row::new(moment, window.estimate(now_ms))
}

/// The output values, in satoshi, of each payment in a raw block. What was seen recently is, for a block alone, the
/// block.
pub(crate) fn read_payments(path: &Path) -> anyhow::Result<Vec<Values>> {
    let raw = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let transactions =
        read_block(&raw).with_context(|| format!("{} is not one raw block", path.display()))?;
    let of_block: LazyCell<HashSet<Txid>, _> =
        LazyCell::new(|| transactions.iter().map(RawTransaction::txid).collect());
    let filter = Filter::default();
    let judged = transactions
        .iter()
        .map(|transaction| filter.judge(transaction, |txid| of_block.contains(txid)));
    Ok(judged.filter_map(Result::ok).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::constants::genesis_block;
    use bitcoin::{Network, consensus};

    use super::*;

    /// The rows for a folder that holds the first block of all as `genesis.blk` and this list, and how many were unread.
    fn rows(list: &str, format: Format) -> (String, usize) {
        let dir = tempfile::tempdir().unwrap();
        let genesis = consensus::serialize(&genesis_block(Network::Bitcoin));
        std::fs::write(dir.path().join("genesis.blk"), &genesis).unwrap();
        std::fs::write(dir.path().join("half.blk"), &genesis[..genesis.len() / 2]).unwrap();
        std::fs::write(dir.path().join(LABELS), list).unwrap();
        let out = dir.path().join("rows");
        let report = Report::new(format, Box::new(std::fs::File::create(&out).unwrap()));
        let (_, unread) = summarise(dir.path(), report, &Progress::new()).unwrap();
        (std::fs::read_to_string(out).unwrap(), unread)
    }

    #[test]
    fn a_block_without_payments_has_an_empty_price() {
        let list = "reference_price_usd,more,time,height,file\n0.5,x,1231006505,0,genesis.blk\n";
        let (csv, unread) = rows(list, Format::Csv);
        let row = "genesis.blk,0,1231006505,,,,,0,,,0.5,\n";
        assert!(csv.ends_with(row) && unread == 0, "{csv}");
        let (json, _) = rows(list, Format::Json);
        assert!(json.contains("\"price_usd\":null"), "{json}");
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_the_others_are_read() {
        let list = "file,height,time,reference_price_usd\n\
            half.blk,1,1231006505,1\n\
            missing.blk,1,1231006505,1\n\
            genesis.blk,1,yesterday,1\n\
            genesis.blk,1,1231006505,-1\n\
            genesis.blk,1,1231006505,NaN\n\
            genesis.blk,1,18446744073709551615,1\n\
            genesis.blk\n\
            genesis.blk,,1231006505,\n";
        let (csv, unread) = rows(list, Format::Csv);
        assert_eq!((csv.lines().count(), unread), (2, 7), "{csv}");
    }
}
