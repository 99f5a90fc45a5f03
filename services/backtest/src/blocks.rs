//! `satscope backtest blocks`: the price from each raw block of some folders alone, without a price to begin from.
//! Options change the blocks first, or read several as one window.

mod moves;
mod options;
mod variants;

use std::cell::LazyCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bitcoin::Txid;
use clap::Args;
use rayon::prelude::*;
use satscope_filter::{Filter, RawTransaction, Values, read_block};
use satscope_oracle::Window;
use serde::Deserialize;

#[cfg(test)]
pub(crate) use options::tests::parsed;
pub(crate) use options::{Options, Years};
pub(crate) use variants::{Block, row};

use crate::input::{Progress, open_csv};
use crate::prices::is_price;
use crate::report::{Format, Moment, Report, Row};
use crate::summary::Summary;

/// Blocks that all cores read before the next ones are begun.
const TOGETHER: usize = 64;
/// The name of the list of blocks in a folder.
const LABELS: &str = "blocks.csv";
const COLUMNS: [&str; 2] = ["file", "time"];
/// The highest time that is accepted as Unix seconds: the end of the year 9999.
const LAST_TIME: u64 = 253_402_300_799;

#[derive(Debug, Args)]
pub(crate) struct BlocksArgs {
    /// Folders with `blocks.csv` (columns file and time, height and reference_price_usd where known, any others) and the raw
    /// blocks that it names. They are read in this order.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
    /// How the rows are written.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(crate) format: Format,
}

/// A line of `blocks.csv`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Label {
    pub(crate) file: String,
    pub(crate) height: Option<u64>,
    /// Unix seconds.
    pub(crate) time: u64,
    pub(crate) reference_price_usd: Option<f64>,
}

/// A folder with one of its blocks, or with the error in the block's line of the list.
type Listed<'a> = (&'a Path, anyhow::Result<Label>);

pub(crate) fn run(args: &BlocksArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    let (summary, unread) = summarise(args, Report::to_stdout(args.format), &progress)?;
    progress.say(&summary.to_string());
    ensure!(unread == 0, "blocks that could not be read: {unread}");
    Ok(())
}

/// Reports a row for each block of the folders. Returns the accuracy of the estimates, and the number of blocks that
/// could not be read.
pub(crate) fn summarise(
    args: &BlocksArgs,
    mut report: Report,
    progress: &Progress,
) -> anyhow::Result<(Summary, usize)> {
    let (options, pool) = (&args.options, args.options.pooled());
    options.check()?;
    let listed = listed(args)?;
    let (mut summary, mut unread, mut written) = (Summary::default(), 0, 0);
    let count = listed.len();
    let mut listed = listed.into_iter();
    // Blocks that are not reported yet. Before them come the last reported ones, as far as the windows of the new blocks
    // reach back to them.
    let mut held: Vec<Block> = Vec::new();
    for done in (0..count).step_by(TOGETHER) {
        progress.show(&format!("block {} of {count}", done + 1));
        let together = listed.by_ref().take(TOGETHER).collect();
        unread += read(together, options, progress, &mut held);
        let rows = held
            .par_windows(pool)
            .filter_map(|run| row(run, options.spread_minutes(), window));
        let rows: Vec<Row> = rows.collect();
        for (row, block) in rows.iter().zip(&held) {
            summary.add_of(&source(written, pool, block), row);
            report.write(row)?;
            written += 1;
        }
        held.drain(..held.len().saturating_sub(pool - 1));
    }
    report.end()?;
    ensure!(
        written > 0 || pool == 1,
        "--pool {pool} takes {pool} blocks; those that could be read are {}",
        held.len()
    );
    Ok((summary, unread))
}

/// The blocks to read, in the folders' order.
fn listed(args: &BlocksArgs) -> anyhow::Result<Vec<Listed<'_>>> {
    let mut all = Vec::new();
    for dir in &args.dirs {
        let labels = read_labels(dir)?.into_iter();
        all.extend(labels.map(|label| (dir.as_path(), label)));
    }
    if let Some(years) = &args.options.years {
        // A line without a time is kept, so that it is counted as unread.
        all.retain(|(_, label)| {
            label
                .as_ref()
                .map_or(true, |label| years.contain(label.time))
        });
        ensure!(
            !all.is_empty(),
            "no block has its time in the years {years} (UTC)"
        );
    }
    Ok(all)
}

/// Appends the variants that the options make of the listed blocks. Reports each block that could not be read, and
/// returns their number.
fn read(
    listed: Vec<Listed<'_>>,
    options: &Options,
    progress: &Progress,
    held: &mut Vec<Block>,
) -> usize {
    let made = listed
        .into_par_iter()
        .map(|(dir, label)| blocks(dir, &label?, options));
    let mut unread = 0;
    for blocks in made.collect::<Vec<anyhow::Result<Vec<Block>>>>() {
        match blocks {
            Ok(blocks) => held.extend(blocks),
            Err(error) => {
                unread += 1;
                progress.say(&format!("{error:#}"));
            }
        }
    }
    unread
}

fn blocks(dir: &Path, label: &Label, options: &Options) -> anyhow::Result<Vec<Block>> {
    let path = dir.join(&label.file);
    if let (None, Some(option)) = (label.reference_price_usd, options.needs_reference()) {
        bail!(
            "{} has no reference_price_usd in {LABELS}, which {option} needs",
            path.display()
        );
    }
    Ok(variants::blocks(label, read_payments(&path)?, options))
}

/// An empty window for a block: with the model of its years, or of the present if its height is not known.
fn window(label: &Label) -> Window {
    label.height.map_or_else(Window::new, Window::of_height)
}

/// The source of a row; rows of one source are resampled together. The parts of one block share its file. Runs of
/// `pool` blocks overlap, so `pool` consecutive runs share a source.
fn source(run: usize, pool: usize, first: &Block) -> String {
    if pool == 1 {
        first.source.clone()
    } else {
        (run / pool).to_string()
    }
}

/// The labels in a folder's list of blocks; in place of each unreadable line, its error.
///
/// # Errors
/// The folder has no readable list of blocks.
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

/// The price at a block's time from these payments alone, with the block's label. Each payment has its stamp in Unix
/// milliseconds.
pub(crate) fn estimate(
    label: &Label,
    payments: impl Iterator<Item = (u64, impl AsRef<[u64]>)>,
    mut window: Window,
) -> Row {
    for (stamp_ms, values_sats) in payments {
        window.insert(stamp_ms, values_sats.as_ref());
    }
    let moment = Moment {
        file: &label.file,
        height: label.height,
        time: label.time,
        payments: window.payments(),
        reference_price_usd: label.reference_price_usd,
    };
    Row::new(moment, window.estimate(label.time * 1000))
}

/// The output values, in satoshi, of each payment in a raw block. The filter's recent transactions are those of the
/// block itself.
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

    /// A folder that holds the first block of all as `genesis.blk`, half of it as `half.blk`, and this list.
    fn folder(list: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let genesis = consensus::serialize(&genesis_block(Network::Bitcoin));
        std::fs::write(dir.path().join("genesis.blk"), &genesis).unwrap();
        std::fs::write(dir.path().join("half.blk"), &genesis[..genesis.len() / 2]).unwrap();
        std::fs::write(dir.path().join(LABELS), list).unwrap();
        dir
    }

    /// The rows of a folder for each list, and how many blocks were unread.
    fn reported(
        lists: &[&str],
        arguments: &[&str],
        format: Format,
    ) -> anyhow::Result<(String, usize)> {
        let folders: Vec<_> = lists.iter().map(|list| folder(list)).collect();
        let args = BlocksArgs {
            dirs: folders.iter().map(|dir| dir.path().to_owned()).collect(),
            options: options::tests::parsed(arguments).unwrap(),
            format,
        };
        let out = tempfile::NamedTempFile::new().unwrap();
        let report = Report::new(format, Box::new(out.reopen().unwrap()));
        let (_, unread) = summarise(&args, report, &Progress::new())?;
        Ok((std::fs::read_to_string(out).unwrap(), unread))
    }

    fn rows(list: &str, format: Format) -> (String, usize) {
        reported(&[list], &[], format).unwrap()
    }

    /// Height and reference of each row.
    fn heights(lists: &[&str], arguments: &[&str]) -> (Vec<String>, usize) {
        let (csv, unread) = reported(lists, arguments, Format::Csv).unwrap();
        let height = |row: &str| row.split(',').nth(1).unwrap().to_owned();
        (csv.lines().skip(1).map(height).collect(), unread)
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
    /// Blocks of 2009, 2010 and 2011, one without a price and one that cannot be read between them.
    const LIST: &str = "file,height,time,reference_price_usd\n\
        genesis.blk,1,1231006505,1\n\
        genesis.blk,2,1231006505,\n\
        genesis.blk,3,1262304000,2\n\
        missing.blk,4,1262304000,2\n\
        genesis.blk,5,1293840000,3\n";

    #[test]
    fn runs_pass_over_what_cannot_be_used() {
        let (found, unread) = heights(&[LIST], &["--pool", "2"]);
        assert_eq!((found, unread), (vec!["3".to_owned(), "5".to_owned()], 2));
        assert_eq!(heights(&[LIST], &["--pool", "1"]).1, 2);
        assert_eq!(heights(&[LIST], &["--move", "0.4,2"]).1, 2);
        assert_eq!(heights(&[LIST], &["--spread", "10"]).1, 1);
    }

    #[test]
    fn a_pool_of_more_blocks_than_there_are_is_an_error() {
        let error = reported(&[LIST], &["--pool", "4"], Format::Csv).unwrap_err();
        let expected = "--pool 4 takes 4 blocks; those that could be read are 3";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn folders_are_read_in_their_order_and_pooled_across() {
        let second = "file,height,time,reference_price_usd\ngenesis.blk,9,1231006505,1\n";
        let (found, _) = heights(&[second, LIST], &[]);
        assert_eq!(found, ["9", "1", "2", "3", "5"]);
        let (found, _) = heights(&[second, LIST], &["--pool", "2"]);
        assert_eq!(found, ["1", "3", "5"]);
    }

    #[test]
    fn years_choose_rows() {
        assert_eq!(heights(&[LIST], &["--years", "2009"]).0, ["1", "2"]);
        let (found, unread) = heights(&[LIST], &["--years", "2010-2011"]);
        assert_eq!((found, unread), (vec!["3".to_owned(), "5".to_owned()], 1));
        let error = reported(&[LIST], &["--years", "2012"], Format::Csv).unwrap_err();
        assert!(error.to_string().contains("the years 2012"), "{error}");
    }

    #[test]
    fn parts_and_another_price_stand_in_the_row() {
        let arguments = ["--halves", "2", "--price-factor", "10", "--years", "2011"];
        let (csv, _) = reported(&[LIST], &arguments, Format::Csv).unwrap();
        for part in ["#1", "#2"] {
            let row = format!("genesis.blk{part},5,1293840000,,,,,0,,,30.0,\n");
            assert!(csv.contains(&row), "{csv}");
        }
    }

    #[test]
    fn more_blocks_than_are_read_together_are_pooled_without_a_gap() {
        let line = |height| format!("genesis.blk,{height},1231006505,1\n");
        let lines: String = (0..150).map(line).collect();
        let list = format!("file,height,time,reference_price_usd\n{lines}");
        let (found, _) = heights(&[&list], &["--pool", "70"]);
        let expected: Vec<String> = (69..150).map(|height| height.to_string()).collect();
        assert_eq!(found, expected);
    }
}
