//! The command line: which part runs, and with which settings.

use clap::{Args, Parser, Subcommand};
use satscope_analyzer::AnalyzerSettings;
use satscope_backtest::BacktestArgs;
use satscope_gateway::GatewaySettings;
use satscope_historian::HistorianSettings;
use satscope_ingest::IngestSettings;
use satscope_kit::config::{AnalyzerUrl, NodeSettings, StateSettings};
use satscope_standin::{RecordSettings, ReplaySettings, SimulateSettings};

use crate::{
    check::Format,
    document::Document,
    health::HealthSettings,
    history::HistoryCommand,
    parts::Parts,
    process::{LogSettings, ProcessSettings},
};

/// The text of `--version`: the version, and the commit that it was built from.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_COMMIT"), ")");

/// A live BTC/USD price, read out of Bitcoin's own transactions and nothing else
///
/// Settings come from flags, then SATSCOPE_* variables, then satscope.toml, then defaults.
#[derive(Debug, Parser)]
#[command(version = VERSION, arg_required_else_help = true)]
pub struct Cli {
    /// What to run
    #[command(subcommand)]
    pub command: Command,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything in one process on a simulated node, with the dashboard at http://localhost:8000
    Demo(Box<Demo>),
    /// Everything in one process on a real node
    Run(Box<Run>),
    /// What `run` would find with the same settings, and what to change; the exit code is 1 if anything is wrong
    Check(Box<Check>),
    /// One part: Bitcoin in, filtered transactions out
    Ingest(Box<Ingest>),
    /// One part: transactions in, price out
    Analyzer(Box<Analyzer>),
    /// One part: the price for browsers and programs
    Gateway(Box<Gateway>),
    /// One part: a price for every block, read from the node's blocks and kept
    Historian(Box<Historian>),
    /// A stand-in node, from a simulation with a hidden price
    Simulate(Box<Simulate>),
    /// A stand-in node, from raw block files or a recording
    Replay(Box<Replay>),
    /// Keep what a node sends, for `replay`
    Record(Box<Record>),
    /// The estimator alone, over labelled data
    Backtest(BacktestArgs),
    /// What the historian's files hold, and how that is proved, packed and taken elsewhere
    History {
        /// What is asked
        #[command(subcommand)]
        what: HistoryCommand,
    },
    /// The configuration in force, and where each value came from
    Config {
        /// Of this command; of `run` if none is named
        #[command(subcommand)]
        of: Option<SettingsOf>,
    },
    /// Ask a part whether it can serve; the exit code is 0 if it can
    Health(HealthSettings),
    /// A completion script for a shell, on standard output
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A table of the documentation, on standard output
    #[command(hide = true)]
    Document {
        /// Which table
        what: Document,
    },
}

/// The commands whose configuration can be shown.
#[derive(Debug, Subcommand)]
pub enum SettingsOf {
    /// Of `satscope demo`
    Demo(Box<Demo>),
    /// Of `satscope run`
    Run(Box<Run>),
    /// Of `satscope ingest`
    Ingest(Box<Ingest>),
    /// Of `satscope analyzer`
    Analyzer(Box<Analyzer>),
    /// Of `satscope gateway`
    Gateway(Box<Gateway>),
    /// Of `satscope historian`
    Historian(Box<Historian>),
    /// Of `satscope simulate`
    Simulate(Box<Simulate>),
    /// Of `satscope record`
    Record(Box<Record>),
}

/// `satscope demo`. Its node takes free ports, since those of a real one may be in use, and leaves neither journal nor history.
/// It has a month of the past, so that a page shows one.
#[derive(Args, Debug)]
#[command(mut_arg("standin_zmq_listen", |port| port.default_value("tcp://127.0.0.1:0")))]
#[command(mut_arg("standin_rpc_listen", |port| port.default_value("127.0.0.1:0")))]
#[command(mut_arg("state_dir", |folder| folder.default_value("none")))]
#[command(mut_arg("history_days", |days| days.default_value("30")))]
pub struct Demo {
    #[command(flatten)]
    pub process: ProcessSettings,
    #[command(flatten)]
    pub parts: Parts,
    #[command(flatten)]
    pub simulate: SimulateSettings,
}

/// `satscope run`.
#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    pub process: ProcessSettings,
    #[command(flatten)]
    pub parts: Parts,
}

/// `satscope check`.
#[derive(Args, Debug)]
pub struct Check {
    /// How the findings are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub run: Run,
}

/// `satscope ingest`.
#[derive(Args, Debug)]
pub struct Ingest {
    #[command(flatten)]
    pub process: ProcessSettings,
    #[command(flatten)]
    pub ingest: IngestSettings,
}

/// `satscope analyzer`.
#[derive(Args, Debug)]
#[command(mut_arg("metrics_listen", |port| port.default_value("127.0.0.1:9102")))]
pub struct Analyzer {
    #[command(flatten)]
    pub process: ProcessSettings,
    #[command(flatten)]
    pub analyzer: AnalyzerSettings,
    #[command(flatten)]
    pub state: StateSettings,
}

/// `satscope gateway`.
#[derive(Args, Debug)]
#[command(mut_arg("metrics_listen", |port| port.default_value("127.0.0.1:9103")))]
pub struct Gateway {
    #[command(flatten)]
    pub process: ProcessSettings,
    #[command(flatten)]
    pub gateway: GatewaySettings,
}

/// `satscope historian`.
#[derive(Args, Debug)]
#[command(mut_arg("metrics_listen", |port| port.default_value("127.0.0.1:9104")))]
pub struct Historian {
    #[command(flatten)]
    pub process: ProcessSettings,
    #[command(flatten)]
    pub historian: HistorianSettings,
    #[command(flatten)]
    pub node: NodeSettings,
    #[command(flatten)]
    pub analyzer: AnalyzerUrl,
    #[command(flatten)]
    pub state: StateSettings,
}

/// `satscope simulate`.
#[derive(Args, Debug)]
pub struct Simulate {
    #[command(flatten)]
    pub log: LogSettings,
    #[command(flatten)]
    pub simulate: SimulateSettings,
}

/// `satscope replay`.
#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    pub log: LogSettings,
    #[command(flatten)]
    pub replay: ReplaySettings,
}

/// `satscope record`.
#[derive(Args, Debug)]
pub struct Record {
    #[command(flatten)]
    pub process: ProcessSettings,
    #[command(flatten)]
    pub record: RecordSettings,
}
