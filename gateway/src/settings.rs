//! What can be set: where to listen, whom to ask, and how much one client may cost.

use std::{net::SocketAddr, time::Duration};

use satscope_kit::config::{http_url, socket_address};

/// The gateway's settings.
#[derive(clap::Args, Clone, Debug)]
pub struct GatewaySettings {
    /// Where browsers and programs connect
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_LISTEN",
        default_value = "127.0.0.1:8000", value_parser = socket_address,
        value_name = "ADDRESS:PORT"
    )]
    pub gateway_listen: SocketAddr,

    /// The analyzer that the price comes from
    #[arg(
        long,
        env = "SATSCOPE_ANALYZER_URL",
        default_value = "http://127.0.0.1:50052",
        value_parser = http_url,
        value_name = "URL"
    )]
    pub analyzer_url: String,

    /// WebSocket clients at a time; one more is told to come back later
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_CLIENTS",
        default_value = "10000",
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "COUNT"
    )]
    pub gateway_max_clients: u32,

    /// Points held for the plot; the oldest of more are forgotten
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_POINTS",
        default_value = "100000",
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "COUNT"
    )]
    pub gateway_max_points: u32,

    /// Seconds between the pings to a WebSocket client
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_PING_SECONDS",
        default_value = "20",
        value_parser = clap::value_parser!(u32).range(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_ping_seconds: u32,

    /// Seconds after which a WebSocket client that takes nothing is closed
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_STUCK_SECONDS",
        default_value = "30",
        value_parser = clap::value_parser!(u32).range(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_stuck_seconds: u32,
}

/// The patience with one WebSocket client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Between pings.
    pub ping_every: Duration,
    /// For a message to be taken, and for a ping to be answered.
    pub stuck_after: Duration,
}

impl GatewaySettings {
    pub(crate) fn patience(&self) -> Patience {
        Patience {
            ping_every: Duration::from_secs(self.gateway_ping_seconds.into()),
            stuck_after: Duration::from_secs(self.gateway_stuck_seconds.into()),
        }
    }
}
