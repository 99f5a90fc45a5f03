//! `satscope history`: a report on the historian's files, their proof, and ways to take them elsewhere. The files are read beside a
//! historian that writes them, or without one.

mod export;
mod import;
mod pack;
mod place;
mod verify;

use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use satscope_historian::status;
use satscope_kit::config::StateSettings;

use crate::{check::Format, output};
use export::ExportSettings;
use import::ImportSettings;
use pack::PackSettings;
use verify::VerifySettings;

/// What is asked of the history.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// What the files hold, how far they go, and the digests of what is final
    Status(StatusSettings),
    /// All final periods in one file, and the hash over them, which is the same for everyone with the same history
    Pack(PackSettings),
    /// Read periods from the node's blocks again, and compare them to the byte
    ///
    /// The exit code is 1 if anything differs, and 3 if nothing differs and the node's blocks did not suffice for all that was asked.
    Verify(VerifySettings),
    /// Take in a pack, for a node that has pruned the blocks; stop the historian before
    Import(ImportSettings),
    /// The prices of blocks for other programs, on standard output
    Export(ExportSettings),
}

/// `satscope history status`.
#[derive(Args, Debug)]
pub struct StatusSettings {
    #[command(flatten)]
    state: StateSettings,

    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Writes the answer to standard output.
///
/// # Errors
/// When there is no folder, a file cannot be used, or standard output cannot be written to.
pub fn run(command: &HistoryCommand) -> anyhow::Result<ExitCode> {
    match command {
        HistoryCommand::Status(settings) => status(settings).map(|()| ExitCode::SUCCESS),
        HistoryCommand::Pack(settings) => pack::run(settings).map(|()| ExitCode::SUCCESS),
        HistoryCommand::Verify(settings) => verify::run(settings),
        HistoryCommand::Import(settings) => import::run(settings).map(|()| ExitCode::SUCCESS),
        HistoryCommand::Export(settings) => export::run(settings).map(|()| ExitCode::SUCCESS),
    }
}

fn status(settings: &StatusSettings) -> anyhow::Result<()> {
    let folder = place::folder(&settings.state)?;
    let status::Told {
        histories,
        beside,
        faults,
    } = status::of_folder(&folder)?;
    match settings.format {
        Format::Json => output::write(&(serde_json::to_string_pretty(&histories)? + "\n"))?,
        Format::Text => {
            let histories = histories.iter().map(status::Status::text);
            let beside = beside.iter().map(status::Beside::text);
            let texts: Vec<String> = histories.chain(beside).collect();
            match texts.is_empty() && faults.is_empty() {
                true => output::write(&format!("no history in {}\n", folder.display()))?,
                false => output::write(&texts.join("\n"))?,
            }
        }
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(anyhow!(faults.join("\n"))),
    }
}
