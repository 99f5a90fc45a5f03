//! What every test needs: an analyzer and a historian to play, the gateway itself, clients, and patience.

pub mod analyzer;
pub mod client;
pub mod historian;
pub mod raw;
pub mod updates;

use std::{future::Future, net::SocketAddr, time::Duration};

use clap::Parser;
use satscope_gateway::GatewaySettings;
use satscope_kit::{Context, metrics, tasks::Tasks};
use tokio::{sync::OnceCell, time::timeout};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for what must come.
pub async fn within_patience<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    timeout(PATIENCE, awaited)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come in {PATIENCE:?}"))
}

/// Looks again and again until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    within_patience(what, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A running gateway; ends with the test.
pub struct Gateway {
    pub address: SocketAddr,
    pub context: Context,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: GatewaySettings,
}

/// Starts one on a free port, with some flags.
pub async fn gateway(analyzer: SocketAddr, flags: &[&str]) -> Gateway {
    scrape().await;
    let url = format!("http://{analyzer}");
    let fixed = [
        "gateway",
        "--gateway-listen",
        "127.0.0.1:0",
        "--analyzer-url",
        &url,
    ];
    // None is there unless a test starts one.
    let no_historian: &[&str] = match flags.contains(&"--historian-url") {
        true => &[],
        false => &["--historian-url", "http://127.0.0.1:9"],
    };
    let flags = Flags::parse_from(fixed.iter().chain(no_historian).chain(flags));
    let context = Context::default();
    let address = satscope_gateway::start(flags.settings, &context)
        .await
        .unwrap();
    Gateway { address, context }
}

impl Gateway {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(self.url(path)).await.unwrap()
    }

    /// The build of the page, as its document names it.
    pub async fn build(&self) -> String {
        let document = self.get("/").await.text().await.unwrap();
        let (_, rest) = document.split_once("assets/").unwrap();
        rest.split_once('/').unwrap().0.to_owned()
    }
}

/// The process's metrics as Prometheus reads them; all tests share them.
pub async fn scrape() -> String {
    static RENDER: OnceCell<Box<dyn Fn() -> String + Send + Sync>> = OnceCell::const_new();
    let render = RENDER
        .get_or_init(async || {
            let handle = metrics::install(&Tasks::default()).await.unwrap();
            Box::new(move || handle.render()) as Box<dyn Fn() -> String + Send + Sync>
        })
        .await;
    render()
}

/// The value of a metric with its labels, 0 while there is none.
pub async fn metric(series: &str) -> f64 {
    let scraped = scrape().await;
    let line = scraped.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}
