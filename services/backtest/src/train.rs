//! `satscope backtest train`: the oracle's weights, from labelled blocks.

mod examples;
mod learned;
mod table;

use std::io::Write;
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use satscope_oracle::{LATER_FROM_HEIGHT, Window};

use crate::blocks::{Block, Label, read_labels, read_payments, row};
use crate::input::Progress;
use crate::summary::Summary;
use examples::Example;
use learned::Learned;

/// The number of early blocks that are read as one window, because a single one is never trusted.
const POOL: usize = 4;
/// Least number of blocks, before 2019 and since, that weights are learned from.
const LEAST: usize = 4;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Folders of labelled blocks, as for `backtest blocks`.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
}

pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    let mut examples = Vec::new();
    for dir in &args.dirs {
        for label in read_labels(dir)? {
            let label = label?;
            progress.show(&label.file);
            let payments = read_payments(&dir.join(&label.file))?;
            examples.extend(Example::new(Block::whole(label, payments)));
        }
    }
    let (early, later): (Vec<_>, Vec<_>) = examples.iter().partition(|example| example.is_early());
    check(early.len(), later.len())?;
    for (examples, years, pool) in [
        (&later, "since 2019", 1),
        (&early, "before 2019", 1),
        (&early, "before 2019, four in one window", POOL),
    ] {
        if !fill_windows(examples.len(), pool) {
            continue;
        }
        progress.say(&format!(
            "{years}, two-fold cross-validation:\n{}",
            cross_validate(examples, pool)
        ));
    }
    let learned = Learned::from(&examples.iter().collect::<Vec<_>>());
    Ok(write!(
        std::io::stdout().lock(),
        "{}",
        table::source(&learned)
    )?)
}

/// Checks that there are enough blocks for learning and for validation.
///
/// # Errors
/// There are too few blocks before 2019 or since.
fn check(early: usize, later: usize) -> anyhow::Result<()> {
    ensure!(
        later >= LEAST,
        "the folders have {later} labelled blocks since 2019 (height {LATER_FROM_HEIGHT} or later); training takes \
         {LEAST} or more"
    );
    ensure!(
        early == 0 || early >= LEAST,
        "the folders have {early} labelled blocks before 2019 (height {LATER_FROM_HEIGHT}); training takes {LEAST} or \
         more, or none"
    );
    Ok(())
}

/// Whether half of this many `blocks` fills a window of `pool` blocks.
fn fill_windows(blocks: usize, pool: usize) -> bool {
    blocks / 2 >= pool
}

/// The accuracy with which each half of the blocks is read by weights learned from the other half. Every second block
/// is in the same half; `pool` consecutive blocks of a half are one window.
fn cross_validate(examples: &[&Example], pool: usize) -> Summary {
    let mut summary = Summary::default();
    for half in [0, 1] {
        let of = |half: usize| -> Vec<&Example> {
            examples.iter().copied().skip(half).step_by(2).collect()
        };
        let learned = Learned::from(&of(1 - half));
        let read: Vec<Block> = of(half)
            .into_iter()
            .map(|example| example.block.clone())
            .collect();
        let window = |label: &Label| Window::with_model(learned.model(label.height));
        for (index, run) in read.windows(pool).enumerate() {
            if let Some(row) = row(run, 0, window) {
                // Each block is in up to `pool` windows, so these overlap and are resampled together.
                summary.add_of(&format!("{half} {}", index / pool), &row);
            }
        }
    }
    summary
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn too_few_blocks_are_named_with_what_is_needed() {
        for (early, later, expected) in [
            (51, 0, "have 0 labelled blocks since 2019"),
            (51, 3, "have 3 labelled blocks since 2019"),
            (3, 68, "have 3 labelled blocks before 2019"),
        ] {
            let error = check(early, later).unwrap_err().to_string();
            assert!(
                error.contains(expected) && error.contains("takes 4 or more"),
                "{error}"
            );
        }
        assert!(check(0, 4).is_ok() && check(4, 4).is_ok());
    }

    #[test]
    fn nothing_is_validated_without_a_window_in_each_half() {
        assert!(!fill_windows(0, 1) && !fill_windows(7, POOL));
        assert!(fill_windows(4, 1) && fill_windows(8, POOL));
    }
}
