//! `satscope backtest blocks`: each raw block of a folder alone, cold.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use bitcoin::{Block, Txid, consensus};
use clap::Args;
use satscope_filter::Filter;
use satscope_oracle::Window;
use serde::Deserialize;

use crate::input::{Progress, open_csv};
use crate::report::{Format, Moment, Report, Row};
use crate::summary::Summary;

/// The list of blocks in the folder.
const LABELS: &str = "blocks.csv";

#[derive(Debug, Args)]
pub(crate) struct BlocksArgs {
    /// Folder with `blocks.csv` (at least the columns file, height, time and reference_price_usd) and the raw blocks that
    /// it names.
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
    ensure!(unread == 0, "{unread} blocks could not be read");
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
    for (index, label) in labels.iter().enumerate() {
        progress.show(&format!(
            "block {} of {}: {}",
            index + 1,
            labels.len(),
            label.file
        ));
        match read_payments(&dir.join(&label.file)) {
            Ok(payments) => {
                let row = estimate(label, &payments, Window::new());
                summary.add(&row);
                report.write(&row)?;
            }
            Err(error) => {
                unread += 1;
                progress.say(&format!("{error:#}"));
            }
        }
    }
    report.end()?;
    Ok((summary, unread))
}

/// The labels of a folder of blocks.
pub(crate) fn read_labels(dir: &Path) -> anyhow::Result<Vec<Label>> {
    let path = dir.join(LABELS);
    open_csv(&path)?
        .deserialize()
        .enumerate()
        .map(|(index, label)| {
            label.with_context(|| format!("{}: block {}", path.display(), index + 1))
        })
        .collect()
}

/// A block's price from its payments alone, beside its label.
pub(crate) fn estimate(label: &Label, payments: &[Vec<u64>], mut window: Window) -> Row {
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
pub(crate) fn read_payments(path: &Path) -> anyhow::Result<Vec<Vec<u64>>> {
    let raw = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let block: Block = consensus::deserialize(&raw)
        .with_context(|| format!("{} is not one raw block", path.display()))?;
    let txids: Vec<Txid> = block
        .txdata
        .iter()
        .map(|transaction| transaction.compute_txid())
        .collect();
    let of_block: HashSet<&Txid> = txids.iter().collect();
    let filter = Filter::default();
    let judged = block
        .txdata
        .iter()
        .map(|transaction| filter.judge(transaction, |txid| of_block.contains(txid)));
    Ok(judged.filter_map(Result::ok).collect())
}
