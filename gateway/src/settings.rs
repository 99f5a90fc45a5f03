//! What can be set: where to listen, whom to ask, who may come, and how much one client may cost.

use std::{net::SocketAddr, time::Duration};

use satscope_kit::config::{http_url, socket_address};

use crate::{addresses::TrustedProxies, origins::Origins};

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

    /// Points held for the plot; the oldest of more are forgotten
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_POINTS",
        default_value = "100000",
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "COUNT"
    )]
    pub gateway_max_points: u32,

    /// Seconds for which a stale price is given as text/plain and by /api/v1/prices; after them these answer 503
    #[arg(
        long,
        env = "SATSCOPE_STALE_AFTER_SECONDS",
        default_value = "600",
        value_parser = clap::value_parser!(u32),
        value_name = "SECONDS"
    )]
    pub stale_after_seconds: u32,

    #[command(flatten)]
    pub(crate) admission: AdmissionSettings,

    #[command(flatten)]
    pub(crate) client: ClientSettings,
}

/// Who may come, and how many.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct AdmissionSettings {
    /// Watchers (WebSocket and event stream) at a time; one more is told to come back later
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_CLIENTS",
        default_value = "10000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub gateway_max_clients: u32,

    /// Connections at a time, those of watchers too; one more is told to come back later
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_CONNECTIONS",
        default_value = "12000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub gateway_max_connections: u32,

    /// Connections at a time from one address (of IPv6, one /64); of a trusted proxy, requests at a time of each client
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_CONNECTIONS_PER_ADDRESS",
        default_value = "256",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub gateway_max_connections_per_address: u32,

    /// Proxies whose X-Forwarded-For is believed: addresses and networks such as 10.0.0.0/8, with commas between
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true,
        value_name = "ADDRESSES"
    )]
    pub gateway_trusted_proxies: TrustedProxies,

    /// Other origins whose pages may read this gateway, socket and REST: such as https://example.org, with commas
    /// between; * for all
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_ALLOWED_ORIGINS",
        default_value = "",
        hide_default_value = true,
        value_name = "ORIGINS"
    )]
    pub gateway_allowed_origins: Origins,
}

/// What one client may cost.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ClientSettings {
    /// Seconds for a client to send the head of a request, counted from the connection or from the answer before
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_HEAD_SECONDS",
        default_value = "10",
        value_parser = clap::value_parser!(u32).range(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_head_seconds: u32,

    /// The largest head of a request, in bytes
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_HEAD_BYTES",
        default_value = "16384",
        value_parser = clap::value_parser!(u32).range(8192..=1_048_576),
        value_name = "BYTES"
    )]
    pub gateway_max_head_bytes: u32,

    /// The longest path with its query, in bytes
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_URL_BYTES",
        default_value = "2048",
        value_parser = clap::value_parser!(u32).range(64..=65_534),
        value_name = "BYTES"
    )]
    pub gateway_max_url_bytes: u32,

    /// Seconds between the pings to a watcher
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_PING_SECONDS",
        default_value = "20",
        value_parser = clap::value_parser!(u32).range(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_ping_seconds: u32,

    /// Seconds after which a client that takes nothing is closed
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_STUCK_SECONDS",
        default_value = "30",
        value_parser = clap::value_parser!(u32).range(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_stuck_seconds: u32,

    /// Most bytes of missed updates that one client is sent; a client that missed more starts afresh
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_CLIENT_BYTES",
        default_value = "262144",
        value_parser = clap::value_parser!(u32).range(8192..=67_108_864),
        value_name = "BYTES"
    )]
    pub gateway_client_bytes: u32,

    /// The largest message that a WebSocket client may send, in bytes; none is needed
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_CLIENT_MESSAGE_BYTES",
        default_value = "1024",
        value_parser = clap::value_parser!(u32).range(125..=65_536),
        value_name = "BYTES"
    )]
    pub gateway_client_message_bytes: u32,

    /// Messages, pings too, that a WebSocket client may send in a second; none is needed
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_CLIENT_MESSAGES_PER_SECOND",
        default_value = "1",
        value_parser = clap::value_parser!(u32).range(1..=1000),
        value_name = "COUNT"
    )]
    pub gateway_client_messages_per_second: u32,
}

impl ClientSettings {
    /// For the head of a request.
    pub fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.gateway_head_seconds.into())
    }

    /// Between pings.
    pub fn ping_every(&self) -> Duration {
        Duration::from_secs(self.gateway_ping_seconds.into())
    }

    /// For what is sent to be taken, and for a ping to be answered.
    pub fn stuck_after(&self) -> Duration {
        Duration::from_secs(self.gateway_stuck_seconds.into())
    }
}
