//! Transactions a second from ingest to its subscribers over gRPC, and how long one is on its way.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use satscope_proto::v1::{Position, event::Kind};

use crate::{
    percentile,
    support::{
        chain::Served,
        grpc::{next, stream_transactions},
        metrics::Scrape,
        wait::until,
    },
    traffic::{Traffic, displayed},
};

/// Transactions that the node sends; more than half of them are payments, which the log holds.
const SENT: u32 = 400_000;
const SUBSCRIBERS: [usize; 2] = [1, 10];
const ROUNDS: usize = 5;
/// Transactions a second while the delay is measured, and for how long.
const RATE: u32 = 1000;
const LENGTH: Duration = Duration::from_secs(20);

/// Prints the rates and the delay.
pub async fn run() {
    let mut traffic = Traffic::bind();
    let ingest = Served::ingest(&traffic.publisher.endpoint, &["--node-is-standin"]).await;
    traffic.publisher.wait_for_subscriber();
    let begin = caught_up(&ingest).await;
    traffic.burst(SENT);
    let scrape = until("all received", async || {
        let scrape = Scrape::of(ingest.metrics).await;
        let received = scrape.sum("satscope_ingest_transactions_total", "");
        (received == f64::from(SENT)).then_some(scrape)
    })
    .await;
    let accepted = scrape.sum(
        "satscope_ingest_transactions_total",
        r#"outcome="accepted""#,
    ) as usize;
    println!("{accepted} transactions over gRPC, median of {ROUNDS}:");
    for subscribers in SUBSCRIBERS {
        let resumed = rate(&ingest, Some(begin), accepted, subscribers).await;
        let whole = rate(&ingest, None, accepted, subscribers).await;
        println!(
            "  to {subscribers:>2}: what followed a position {resumed:>9.0} a second each, {:>9.0} in all; the window {whole:>9.0} each, {:>9.0} in all",
            resumed * subscribers as f64,
            whole * subscribers as f64
        );
    }
    delay(&ingest, traffic).await;
}

/// The position at the end of the log.
async fn caught_up(ingest: &Served) -> Position {
    let mut stream = stream_transactions(ingest.address, None).await;
    loop {
        let message = next(&mut stream).await.unwrap();
        for event in message.events {
            if let Some(Kind::CaughtUp(_)) = event.kind {
                return event.position.unwrap();
            }
        }
    }
}

/// Transactions a second that each of `subscribers` gets while all of them read; the median of the
/// rounds.
async fn rate(ingest: &Served, after: Option<Position>, count: usize, subscribers: usize) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let streams =
            join_all((0..subscribers).map(|_| stream_transactions(ingest.address, after))).await;
        let began = Instant::now();
        let reading = streams.into_iter().map(|mut stream| {
            tokio::spawn(async move {
                let mut got = 0;
                while got < count {
                    let message = next(&mut stream).await.unwrap();
                    let is_accepted = |kind: &Option<Kind>| matches!(kind, Some(Kind::Accepted(_)));
                    got += message
                        .events
                        .iter()
                        .filter(|event| is_accepted(&event.kind))
                        .count();
                }
            })
        });
        join_all(reading)
            .await
            .into_iter()
            .for_each(|read| read.unwrap());
        rates.push(count as f64 / began.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

/// Prints the delay from ZMQ in to the message at the subscriber.
async fn delay(ingest: &Served, traffic: Traffic) {
    let begin = caught_up(ingest).await;
    let mut stream = stream_transactions(ingest.address, Some(begin)).await;
    let flowing = traffic.flow(RATE, LENGTH, true);
    let mut seen: HashMap<String, Instant> = HashMap::new();
    while !flowing.is_finished() {
        let message = next(&mut stream).await.unwrap();
        let now = Instant::now();
        for event in message.events {
            if let Some(Kind::Accepted(accepted)) = event.kind {
                seen.insert(displayed(&accepted.txid), now);
            }
        }
    }
    let (_, sent) = flowing.join().unwrap();
    let delays = sent
        .iter()
        .filter_map(|(txid, at)| Some(seen.get(txid)?.duration_since(*at)));
    let mut delays: Vec<u128> = delays.map(|delay| delay.as_micros()).collect();
    delays.sort_unstable();
    println!(
        "  delay from ZMQ at {RATE} a second: {:.2} ms p50, {:.2} ms p99, {:.2} ms p99.9",
        percentile(&delays, 0.5) as f64 / 1e3,
        percentile(&delays, 0.99) as f64 / 1e3,
        percentile(&delays, 0.999) as f64 / 1e3
    );
}
