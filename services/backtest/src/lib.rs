//! The estimator alone, applied to labelled blocks and outputs.
//!
//! A row for each estimate goes to standard output, as CSV or JSON; progress and a summary go to standard error.

#[cfg(test)]
mod accuracy;
mod blocks;
mod history;
mod input;
mod outputs;
mod periods;
mod prices;
mod random;
mod report;
mod summary;
mod train;
mod waits;

use clap::{Args, Subcommand};

pub use report::Format;

/// `satscope backtest`: the estimator alone, over labelled data.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Each block of the folders alone, with no price to begin from, or what the options make of the blocks.
    Blocks(blocks::BlocksArgs),
    /// Files of outputs in order of arrival, each from cold, as a live run would see them.
    Outputs(outputs::OutputsArgs),
    /// The price at each block of files of outputs, from the outputs before and after it.
    History(history::HistoryArgs),
    /// The price at each block of whole periods, which are made of labelled blocks.
    Periods(periods::PeriodsArgs),
    /// How long the payments of raw blocks had waited, as far as their lock time tells it.
    Waits(waits::WaitsArgs),
    /// Makes the oracle's table of weights from labelled blocks: the table to standard output, how well it does
    /// (cross-validated) to standard error.
    Train(train::TrainArgs),
}

/// Runs one `satscope backtest` command.
///
/// # Errors
/// Input that cannot be read, by name. All other input has been processed, and its rows are written.
pub fn run(args: BacktestArgs) -> anyhow::Result<()> {
    match args.command {
        Command::Blocks(args) => blocks::run(&args),
        Command::Outputs(args) => outputs::run(&args),
        Command::History(args) => history::run(&args),
        Command::Periods(args) => periods::run(&args),
        Command::Waits(args) => waits::run(&args),
        Command::Train(args) => train::run(&args),
    }
}
