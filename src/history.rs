//! `satscope history`: a report on the historian's files. They are read beside a historian that writes them, or without one.

use anyhow::bail;
use clap::{Args, Subcommand};
use satscope_historian::status;
use satscope_kit::config::StateSettings;

use crate::{check::Format, output};

/// What is asked of the history.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// What the files hold, how far they go, and the digests of what is final
    Status(StatusSettings),
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
/// When there is no folder, a file cannot be read, or standard output cannot be written to.
pub fn run(command: &HistoryCommand) -> anyhow::Result<()> {
    let HistoryCommand::Status(settings) = command;
    let Some(folder) = settings.state.folder()? else {
        bail!("state_dir is none: a history that is kept for the life of a process cannot be read");
    };
    let told = status::of_folder(&folder)?;
    match settings.format {
        Format::Json => output::write(&(serde_json::to_string_pretty(&told)? + "\n")),
        Format::Text if told.is_empty() => {
            output::write(&format!("no history in {}\n", folder.display()))
        }
        Format::Text => {
            let texts: Vec<String> = told.iter().map(status::Status::text).collect();
            output::write(&texts.join("\n"))
        }
    }
}
