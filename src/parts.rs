//! The settings of all parts that run in one process.

use clap::Args;
use satscope_analyzer::AnalyzerSettings;
use satscope_gateway::GatewaySettings;
use satscope_historian::HistorianSettings;
use satscope_ingest::IngestSettings;

/// The settings of all parts together. The parts of one process find each other by themselves.
#[derive(Args, Clone, Debug)]
pub struct Parts {
    #[command(flatten)]
    pub ingest: IngestSettings,
    #[command(flatten)]
    pub analyzer: AnalyzerSettings,
    #[command(flatten)]
    pub gateway: GatewaySettings,
    #[command(flatten)]
    pub historian: HistorianSettings,
}
