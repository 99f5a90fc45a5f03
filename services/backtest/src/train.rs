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

/// The number of early blocks that are read as one window, because one alone is never trusted.
const POOL: usize = 4;

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
    for (examples, years) in [(&early, "before 2019"), (&later, "since 2019")] {
        ensure!(
            examples.is_empty() || examples.len() >= 4,
            "the folders have {} labelled blocks of the years {years} (before or since height {LATER_FROM_HEIGHT}); training \
             takes 4 or more, or none",
            examples.len()
        );
    }
    ensure!(
        !later.is_empty(),
        "the folders have no labelled block since 2019"
    );
    for (examples, years, pool) in [
        (&later, "since 2019", 1),
        (&early, "before 2019", 1),
        (&early, "before 2019, four in one window", POOL),
    ] {
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

/// How well each half of the blocks is read by the weights that the other half taught. Every second block is in the same half;
/// `pool` blocks of a half that follow each other are one window.
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
        for run in read.windows(pool) {
            if let Some(row) = row(run, 0, window) {
                summary.add(&row);
            }
        }
    }
    summary
}
