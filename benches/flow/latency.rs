//! From a frame on ZMQ to the byte on one client's WebSocket: how much longer than the half second between two updates.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use satscope_proto::v1::GetPriceRequest;
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::{
    percentile,
    support::{chain::Served, grpc::prices, wait::until},
    traffic::Traffic,
};

/// The rates of a node whose clock comes with its messages: each transaction is published at once.
const RATES: [u32; 4] = [10, 100, 1_000, 10_000];
/// The rate of a node without such a clock, like a real one: a transaction waits until it is sure to be no part of an import.
/// More than 50 a second may be one.
const REAL_RATE: u32 = 10;
/// Transactions that are sent before the first that is timed.
const BEFORE: u32 = 50_000;
/// The same for a real node, which may not send them at once: transactions a second, and for how long.
const REAL_BEFORE: (u32, Duration) = (40, Duration::from_secs(40));
const UPDATE_EVERY: Duration = Duration::from_millis(500);

/// The node that the parts believe they have.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Node {
    StandIn,
    Real,
}

/// Prints a row for each rate.
pub async fn run() {
    println!("From ZMQ in to WebSocket out, in ms beyond the {UPDATE_EVERY:?} between updates:");
    println!("  a second     timed       p50       p99     p99.9      most");
    for rate in RATES {
        print(&rate.to_string(), at_rate(Node::StandIn, rate).await);
    }
    let delays = at_rate(Node::Real, REAL_RATE).await;
    print(&format!("real {REAL_RATE}"), delays);
}

fn print(rate: &str, mut delays: Vec<u64>) {
    delays.sort_unstable();
    let beyond = |share: f64| (percentile(&delays, share) as f64 - 500_000.0) / 1000.0;
    println!(
        "  {rate:>8}  {:>8}  {:>8.1}  {:>8.1}  {:>8.1}  {:>8.1}",
        delays.len(),
        beyond(0.5),
        beyond(0.99),
        beyond(0.999),
        beyond(1.0)
    );
}

/// The delays at a rate, in microseconds.
async fn at_rate(node: Node, rate: u32) -> Vec<u64> {
    let mut traffic = Traffic::bind();
    let flags: &[&str] = match node {
        Node::StandIn => &["--node-is-standin"],
        Node::Real => &[],
    };
    let ingest = Served::ingest(&traffic.publisher.endpoint, flags).await;
    traffic.publisher.wait_for_subscriber();
    let analyzer = Served::analyzer(ingest.address).await;
    let gateway = Served::gateway(analyzer.address).await;
    match node {
        Node::StandIn => traffic.burst(BEFORE),
        Node::Real => {
            let (rate, length) = REAL_BEFORE;
            traffic = traffic.flow(rate, length, false).join().unwrap().0;
        }
    }
    let mut client = prices(analyzer.address).await;
    until("a price", async || {
        let answer = client.get_price(GetPriceRequest {}).await.ok()?;
        let estimate = answer.into_inner().update?.estimate?;
        (estimate.price_usd > 0.0).then_some(())
    })
    .await;
    let (mut socket, _) = connect_async(format!("ws://{}/ws/mempool", gateway.address))
        .await
        .unwrap();
    // About a thousand are timed, one in fourteen of those sent; at a low rate, as many as come in a minute and a half.
    let length = Duration::from_secs((15_000 / u64::from(rate)).clamp(20, 90));
    let flowing = traffic.flow(rate, length, true);
    let mut seen: HashMap<String, Instant> = HashMap::new();
    let until_all = Instant::now() + length + 2 * UPDATE_EVERY;
    while let Ok(message) = tokio::time::timeout_at(until_all.into(), socket.next()).await {
        let now = Instant::now();
        let Some(Ok(Message::Text(text))) = message else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        for point in message["data"]["transactions"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let id = point["id"].as_str().unwrap();
            let txid = id.split('-').next().unwrap();
            seen.entry(txid.to_owned()).or_insert(now);
        }
    }
    let (_, sent) = flowing.join().unwrap();
    let delays = sent
        .iter()
        .filter_map(|(txid, at)| Some(seen.get(txid)?.duration_since(*at)));
    delays.map(|delay| delay.as_micros() as u64).collect()
}
