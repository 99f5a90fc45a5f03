//! The settings of the watchers: their number, and the cost that one may cause.

use std::time::Duration;

use satscope_kit::config::whole;

/// How many may watch, and what one may cost.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct WatchSettings {
    /// Watchers (WebSocket and event stream) at a time; one more is told to come back later
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_CLIENTS",
        default_value = "10000",
        value_parser = whole(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub gateway_max_clients: u32,

    /// Seconds between the pings to a watcher
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_PING_SECONDS",
        default_value = "20",
        value_parser = whole(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_ping_seconds: u32,

    /// The largest message that a client is sent, in bytes; a client that missed more than it holds starts afresh
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_CLIENT_BYTES",
        default_value = "262144",
        value_parser = whole(131_072..=67_108_864),
        value_name = "BYTES"
    )]
    pub gateway_client_bytes: u32,

    /// The largest message that a WebSocket client may send, in bytes; none is needed
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_CLIENT_MESSAGE_BYTES",
        default_value = "1024",
        value_parser = whole(125..=65_536),
        value_name = "BYTES"
    )]
    pub gateway_client_message_bytes: u32,

    /// Messages, pings too, that a WebSocket client may send in a second; none is needed
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_CLIENT_MESSAGES_PER_SECOND",
        default_value = "1",
        value_parser = whole(1..=1000),
        value_name = "COUNT"
    )]
    pub gateway_client_messages_per_second: u32,
}

impl WatchSettings {
    /// Interval between the pings to a watcher.
    pub fn ping_every(&self) -> Duration {
        Duration::from_secs(self.gateway_ping_seconds.into())
    }
}
