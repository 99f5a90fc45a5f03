//! The settings of the analyzer.

use std::net::SocketAddr;

use clap::Args;
use satscope_kit::config::{http_url, socket_address};

/// Where ingest is, and where the analyzer serves.
#[derive(Args, Clone, Debug)]
pub struct AnalyzerSettings {
    /// Where ingest serves gRPC
    #[arg(long, env = "SATSCOPE_INGEST_URL", value_name = "URL", default_value = "http://127.0.0.1:50051", value_parser = http_url)]
    pub ingest_url: String,

    /// Where the analyzer serves gRPC
    #[arg(
        long,
        env = "SATSCOPE_ANALYZER_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:50052", value_parser = socket_address
    )]
    pub analyzer_listen: SocketAddr,
}
