//! The settings of the door: limits on connections, and on the time that a client may take.

use std::time::Duration;

use satscope_kit::config::whole;

use super::{addresses::TrustedProxies, origins::Origins};

/// Who may come, how many, and what a connection may cost.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct DoorSettings {
    /// Connections at a time, those of watchers too; one more is told to come back later
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_CONNECTIONS",
        default_value = "12000",
        value_parser = whole(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub gateway_max_connections: u32,

    /// Connections at a time from one address (of IPv6, one /64); of a trusted proxy, requests at a time of each client
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_CONNECTIONS_PER_ADDRESS",
        default_value = "256",
        value_parser = whole(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub gateway_max_connections_per_address: u32,

    /// Connections that one address may open in 10 seconds; more wait for their turn, and are refused if that is over 10 seconds
    /// away. Those of a trusted proxy are not counted
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_NEW_CONNECTIONS_PER_ADDRESS",
        default_value = "512",
        value_parser = whole(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub gateway_max_new_connections_per_address: u32,

    /// Proxies whose X-Forwarded-For, or else Forwarded, is believed: addresses and networks such as 10.0.0.0/8, with commas
    /// between
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

    /// Origins whose pages may show the page in a frame: such as https://example.org, with commas between; * for all
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_EMBEDDING_ORIGINS",
        default_value = "",
        hide_default_value = true,
        value_name = "ORIGINS"
    )]
    pub gateway_embedding_origins: Origins,

    /// Seconds for a client to send the head of a request, counted from the connection or from the answer before
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_HEAD_SECONDS",
        default_value = "10",
        value_parser = whole(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_head_seconds: u32,

    /// The largest head of a request, in bytes
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_HEAD_BYTES",
        default_value = "16384",
        value_parser = whole(8192..=1_048_576),
        value_name = "BYTES"
    )]
    pub gateway_max_head_bytes: u32,

    /// The longest path with its query, in bytes
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_URL_BYTES",
        default_value = "2048",
        value_parser = whole(64..=65_534),
        value_name = "BYTES"
    )]
    pub gateway_max_url_bytes: u32,

    /// Seconds after which a client that takes nothing is closed
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_STUCK_SECONDS",
        default_value = "30",
        value_parser = whole(1..=3600),
        value_name = "SECONDS"
    )]
    pub gateway_stuck_seconds: u32,
}

impl DoorSettings {
    /// Time for a client to send the head of a request.
    pub fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.gateway_head_seconds.into())
    }

    /// Time for a client to take the next data, and to answer a ping.
    pub fn stuck_after(&self) -> Duration {
        Duration::from_secs(self.gateway_stuck_seconds.into())
    }
}
