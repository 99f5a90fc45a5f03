//! The gateway's settings: the address to listen on, and the upstream parts. `door` and `watch` have their own
//! settings.

use std::{net::SocketAddr, path::PathBuf};

use satscope_kit::config::{http_url, socket_address, whole};

use crate::{door::settings::DoorSettings, rest::PublicUrl, watch::settings::WatchSettings};

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

    /// The page's own address on the internet, such as https://example.org/satscope: links to it are then shown with a picture
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_PUBLIC_URL",
        value_parser = PublicUrl::read,
        value_name = "URL"
    )]
    pub(crate) gateway_public_url: Option<PublicUrl>,

    /// The analyzer that the price comes from
    #[arg(
        long,
        env = "SATSCOPE_ANALYZER_URL",
        default_value = "http://127.0.0.1:50052",
        value_parser = http_url,
        value_name = "URL"
    )]
    pub analyzer_url: String,

    /// The historian that prices of the past come from; the price of now needs none
    #[arg(
        long,
        env = "SATSCOPE_HISTORIAN_URL",
        default_value = "http://127.0.0.1:50053",
        value_parser = http_url,
        value_name = "URL"
    )]
    pub historian_url: String,

    /// Points held for the plot; the oldest of more are forgotten
    #[arg(
        long,
        env = "SATSCOPE_GATEWAY_MAX_POINTS",
        default_value = "100000",
        value_parser = whole(1..=u32::MAX),
        value_name = "COUNT"
    )]
    pub gateway_max_points: u32,

    /// Seconds for which a stale price is given as text/plain and by /api/v1/prices; after them these answer 503
    #[arg(
        long,
        env = "SATSCOPE_STALE_AFTER_SECONDS",
        default_value = "600",
        value_parser = whole(0..=u32::MAX),
        value_name = "SECONDS"
    )]
    pub stale_after_seconds: u32,

    /// A file of your own with exchange rates, CSV or JSON, for prices in other currencies than the dollar; it is read again when
    /// it changes
    #[arg(long, env = "SATSCOPE_FX_FILE", value_name = "FILE")]
    pub fx_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) door: DoorSettings,

    #[command(flatten)]
    pub(crate) watch: WatchSettings,
}
