//! The highest rate at which the whole chain takes in all that a node sends, for a minute.

use std::time::{Duration, Instant};

use crate::{
    support::{chain::Served, metrics::Scrape, part::Folder, wait::until},
    traffic::Traffic,
};

/// Rates that are tried, in transactions a second, one after the other, until one is too high.
const RATES: [u32; 6] = [25_000, 50_000, 75_000, 100_000, 125_000, 150_000];
const LENGTH: Duration = Duration::from_mins(1);
/// The longest time after the end of sending in which all must be taken in.
const REST: Duration = Duration::from_secs(1);
/// Once nothing more has been taken in for this long, the rest counts as lost.
const STILL: Duration = Duration::from_secs(3);

/// Prints a row for each rate.
pub async fn run() {
    println!("For a minute, with node, journal, analyzer and gateway on the same cores:");
    println!(
        "  wanted/s    sent/s  received   lost  rest taken in after  analyzer level after  waiting at most  ingest"
    );
    for rate in RATES {
        if !at_rate(rate).await {
            break;
        }
    }
}

/// Whether ingest took in all that was sent at this rate, and in time.
async fn at_rate(rate: u32) -> bool {
    let traffic = Traffic::bind();
    let state = Folder::new("sustained");
    let folder = format!("--state-dir={}", state.path());
    let ingest = Served::ingest(&traffic.publisher.endpoint, &[&folder, "--node-is-standin"]).await;
    traffic.publisher.wait_for_subscriber();
    let analyzer = Served::analyzer(ingest.address).await;
    let _gateway = Served::gateway(analyzer.address).await;
    let began = Instant::now();
    let flowing = traffic.flow(rate, LENGTH, false);
    let mut waiting: f64 = 0.0;
    while !flowing.is_finished() {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let scrape = Scrape::of(ingest.metrics).await;
        waiting = waiting.max(scrape.sum("satscope_ingest_queue_messages", ""));
    }
    let took = began.elapsed();
    let (traffic, _) = flowing.join().unwrap();
    let (sent, ended) = (f64::from(traffic.sent()), Instant::now());
    let received = async || {
        let scrape = Scrape::of(ingest.metrics).await;
        scrape.sum("satscope_ingest_transactions_total", "")
    };
    let (mut before, mut changed) = (-1.0, Instant::now());
    let all = until("all that comes", async || {
        let now = received().await;
        if now != before {
            (before, changed) = (now, Instant::now());
        }
        (now >= sent || changed.elapsed() > STILL).then_some(now)
    })
    .await;
    let rest = changed.duration_since(ended);
    let level = until("an analyzer that has what ingest has", async || {
        let window = async |metrics, name: &str| Scrape::of(metrics).await.sum(name, "");
        let here = window(ingest.metrics, "satscope_ingest_window_transactions").await;
        let there = window(analyzer.metrics, "satscope_analyzer_window_transactions").await;
        (here == there && here > 0.0).then_some(ended.elapsed())
    })
    .await;
    let scrape = Scrape::of(ingest.metrics).await;
    let resident = scrape.sum("process_resident_memory_bytes", "") / 1e6;
    println!(
        "  {rate:>8}  {:>8.0}  {all:>8.0}  {:>5.0}  {rest:>19.1?}  {level:>20.1?}  {waiting:>15.0}  {resident:.0} MB",
        sent / took.as_secs_f64(),
        sent - all,
    );
    let kept_up = sent / took.as_secs_f64() > 0.98 * f64::from(rate);
    all == sent && kept_up && rest < REST
}
