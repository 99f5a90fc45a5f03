//! Clients that are refused or let go, and the good one beside them that sees nothing of it.

mod crowds;
mod messages;
mod requests;
mod stuck;

use crate::support::{
    analyzer::Analyzer,
    client::{Client, points},
    gateway, metric, until,
    updates::{update, window},
};

fn cut_for(reason: &str) -> String {
    format!("satscope_gateway_connections_cut_total{{reason=\"{reason}\"}}")
}

/// Waits until more is counted than was before.
async fn counted(series: &str, before: f64) {
    until(series, async || metric(series).await > before).await;
}

/// A client that is there before the bad ones and gets its update after them, and nothing in between.
struct Bystander {
    analyzer: Analyzer,
    client: Client,
}

impl Bystander {
    async fn of(flags: &[&str]) -> (crate::support::Gateway, Self) {
        let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
        let gateway = gateway(analyzer.address, flags).await;
        let mut client = Client::connect(gateway.address, "").await;
        client.read_to(10).await;
        (gateway, Bystander { analyzer, client })
    }

    async fn saw_nothing(mut self) {
        self.analyzer.play(update(11, &["b"]));
        let next = self
            .client
            .read_until(|told| told["data"]["sequence"] != 10);
        assert_eq!(points(next.await.last().unwrap()), ["b"]);
    }
}
