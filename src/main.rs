//! Satscope: a live BTC/USD price, read out of Bitcoin's own transactions. This file starts the part that the command line
//! names.

mod check;
mod cli;
mod document;
mod health;
mod history;
mod output;
mod parts;
mod process;
mod together;

use std::process::ExitCode;

use clap::CommandFactory as _;
use satscope_historian::Around;
use satscope_kit::config::{self, ConfigError, Loaded};

use cli::{Cli, Command};

/// jemalloc, because the system's allocator keeps up to half of the memory that the bursts of a start and of a resync took.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match config::load::<Cli>() {
        Err(ConfigError::Shown(help)) => help.exit(),
        Err(error) => {
            eprintln!("satscope: {error}");
            ExitCode::from(error.exit_code())
        }
        Ok(loaded) => match run(loaded) {
            Ok(code) => code,
            Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("satscope: {error:#}");
                exit_code(&error)
            }
        },
    }
}

/// 78 if the settings are at fault, so that systemd does not start the process again in vain; else 1.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    let mut causes = error.chain();
    match causes.find_map(|cause| cause.downcast_ref::<ConfigError>()) {
        Some(error) => ExitCode::from(error.exit_code()),
        None => ExitCode::FAILURE,
    }
}

fn run(Loaded { settings, sources }: Loaded<Cli>) -> anyhow::Result<ExitCode> {
    let ended = match settings.command {
        Command::Check(command) => {
            return check::run(&command.run.process, &command.run.parts, command.format);
        }
        Command::Demo(command) => process::run(&command.process, async |context| {
            together::demo(&command.simulate, command.parts.clone(), context).await
        }),
        Command::Run(command) => process::run(&command.process, async |context| {
            together::run(command.parts.clone(), context).await
        }),
        Command::Ingest(command) => process::run(&command.process, async |context| {
            satscope_ingest::start(command.ingest.clone(), context).await?;
            Ok(())
        }),
        Command::Analyzer(command) => process::run(&command.process, async |context| {
            let state_dir = command.state.folder()?;
            satscope_analyzer::start(command.analyzer.clone(), state_dir, context).await?;
            Ok(())
        }),
        Command::Gateway(command) => process::run(&command.process, async |context| {
            satscope_gateway::start(command.gateway.clone(), context).await?;
            Ok(())
        }),
        Command::Historian(command) => process::run(&command.process, async |context| {
            let around = Around {
                node: command.node.clone(),
                is_node_set_elsewhere: false,
                analyzer_url: command.analyzer.analyzer_url.clone(),
                state_dir: command.state.folder()?,
            };
            satscope_historian::start(command.historian.clone(), around, context).await?;
            Ok(())
        }),
        Command::History { what } => return history::run(&what),
        Command::Simulate(command) => process::run_stand_in(&command.log, |stop| {
            satscope_standin::simulate(command.simulate.clone(), stop)
        }),
        Command::Replay(command) => process::run_stand_in(&command.log, |stop| {
            satscope_standin::replay(command.replay.clone(), stop)
        }),
        Command::Record(command) => process::run(&command.process, async |context| {
            satscope_standin::start_recording(command.record.clone(), context).await
        }),
        Command::Backtest(arguments) => satscope_backtest::run(arguments),
        Command::Config { of: Some(_) } => {
            let rows = config::list(&sources).into_iter();
            let lines =
                rows.map(|row| format!("{:<28} {:<36} {}\n", row.key, row.value, row.source));
            output::write(&lines.collect::<String>())
        }
        Command::Config { of: None } => {
            let arguments = ["satscope", "config", "run"].map(Into::into);
            return run(config::load_arguments(arguments.to_vec())?);
        }
        Command::Health(settings) => health::ask(&settings),
        Command::Completions { shell } => document::completions(shell, Cli::command()),
        Command::Document { what } => document::print(what, Cli::command()),
    };
    ended.map(|()| ExitCode::SUCCESS)
}
