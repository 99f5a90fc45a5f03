//! What ten thousand watchers cost the gateway, and what they get: the real gateway, an analyzer that plays two updates a
//! second, and the watchers in a process of their own.
//!
//! `cargo bench --bench watchers` runs all of it; `-- watchers`, `-- naive`, `-- churn`, `-- hang-up`,
//! `-- restart` or `-- chain` one part.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod chain;
mod churn;
mod cost;
mod crowd;
mod hang_up;
mod naive;
mod restart;

use std::{net::SocketAddr, time::Duration};

use satscope_proto::v1::{Point, PriceUpdate, TransactionState};
use support::{
    chain::Served,
    metrics::Scrape,
    part::Part,
    script::{Analyzer, PRICE, dot, dots, first_update, whole},
    wait::until,
};

use cost::Cost;
use crowd::Crowd;

/// The time between two updates, and the updates that are measured in each round.
const UPDATE_EVERY: Duration = Duration::from_millis(500);
const UPDATES: u32 = 60;
/// Dots of the window, and new ones in each update: as many as a busy day has.
const WINDOW: u32 = 50_000;
const NEW: u32 = 6;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["watch", address] => crowd::run(address.parse().unwrap()),
        ["naive-to", address] => naive::run(address.parse().unwrap()),
        ["churn-from", address] => churn::run(address.parse().unwrap()),
        ["only-accept"] => hang_up::only_accept(),
        ["hang-up-on", address] => hang_up::run(address.parse().unwrap()),
        _ => {
            let wanted = |part: &str| {
                let named = words.iter().filter(|word| !word.starts_with("--"));
                named.clone().next().is_none() || named.into_iter().any(|word| *word == part)
            };
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                if wanted("watchers") {
                    watchers(1_000, 0).await;
                    watchers(10_000, 1_000).await;
                }
                if wanted("naive") {
                    beside_naive(1_000).await;
                    beside_naive(10_000).await;
                }
                if wanted("churn") {
                    churn().await;
                }
                if wanted("hang-up") {
                    hang_up::beside().await;
                }
                if wanted("restart") {
                    restart::run(10_000).await;
                }
                if wanted("chain") {
                    chain::run().await;
                }
            });
        }
    }
}

/// The analyzer, and the gateway or the naive server, which serves its updates.
struct Stage {
    analyzer: Analyzer,
    server: Part,
    address: SocketAddr,
    now: PriceUpdate,
    /// The dots of all updates that were sent.
    played: Vec<Point>,
}

impl Stage {
    /// A stage with the real gateway, and the address of its metrics. One address may open all connections.
    async fn set() -> (Stage, SocketAddr) {
        Stage::set_with(&[
            "--gateway-max-clients=12000",
            "--gateway-max-connections=15000",
            "--gateway-max-connections-per-address=15000",
            "--gateway-max-new-connections-per-address=1000000",
        ])
        .await
    }

    /// A stage with the real gateway and these flags, and the address of its metrics.
    async fn set_with(flags: &[&str]) -> (Stage, SocketAddr) {
        let now = first_update();
        let analyzer = Analyzer::start(vec![whole(&now, &dots(WINDOW))]).await;
        let url = format!("http://{}", analyzer.address);
        let gateway = Served::gateway_with(&[&["--analyzer-url", &url], flags].concat()).await;
        let price = format!("http://{}/api/v1/price", gateway.address);
        until("a price", async || {
            (support::metrics::get(&price).await.0 == 200).then_some(())
        })
        .await;
        let stage = Stage {
            analyzer,
            server: gateway.part,
            address: gateway.address,
            now,
            played: Vec::new(),
        };
        (stage, gateway.metrics)
    }

    /// A stage with the naive server.
    async fn set_naive() -> Stage {
        let now = first_update();
        let analyzer = Analyzer::start(vec![whole(&now, &dots(WINDOW))]).await;
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let server = Part::start(command.args(["naive-to", &analyzer.address.to_string()]));
        let address = until("its address", async || server.log().first().cloned()).await;
        Stage {
            analyzer,
            server,
            address: address.parse().unwrap(),
            now,
            played: Vec::new(),
        }
    }

    /// Sends one update, whose first dot says when.
    fn play(&mut self) {
        self.now.sequence += 500;
        self.now.time_ms += 500;
        let number = self.now.sequence;
        let now = crowd::micros();
        let id = |at: u32| match at {
            0 => format!("{}{:016}", crowd::MARK, now),
            at => format!("{number:014}{at:02}-0"),
        };
        let point = |at| dot(&id(at), 0.5, PRICE, TransactionState::Mempool);
        let points: Vec<Point> = (0..NEW).map(point).collect();
        self.played.extend(points.clone());
        self.analyzer.play(PriceUpdate {
            points,
            ..self.now.clone()
        });
    }

    async fn play_on(&mut self, updates: u32) {
        let mut every = tokio::time::interval(UPDATE_EVERY);
        for _ in 0..updates {
            every.tick().await;
            self.play();
        }
        // The last update is still on its way.
        tokio::time::sleep(UPDATE_EVERY * 2).await;
    }
}

/// Measures `count` watchers that read, at first alone, then beside `silent` watchers that never do.
async fn watchers(count: u32, silent: u32) {
    let (mut stage, metrics) = Stage::set().await;
    let server = stage.server.id();
    let empty = Cost::of(server);
    let mut crowd = Crowd::start(stage.address);
    crowd.add("readers", count).await;
    let full = Cost::of(server);
    println!("{count} watchers, 2 updates a second:");
    let bytes = full.resident_bytes.saturating_sub(empty.resident_bytes);
    println!(
        "  memory                      {:.1} kB a client ({:.0} MB with {WINDOW} dots and no client)",
        bytes as f64 / f64::from(count) / 1000.0,
        empty.resident_bytes as f64 / 1e6
    );
    // The first updates are not measured, because they also load code and fill the system's buffers.
    stage.play_on(10).await;
    let alone = round(&mut stage, &mut crowd, "").await;
    if silent > 0 {
        crowd.add("silent", silent).await;
        // Until the system's buffers for them are full.
        stage.play_on(UPDATES).await;
        let beside = round(
            &mut stage,
            &mut crowd,
            &format!("with {silent} that never read"),
        )
        .await;
        crowd.add("silent", 0).await;
        let again = round(&mut stage, &mut crowd, "without them again").await;
        let mean = f64::midpoint(alone, again);
        let scrape = Scrape::of(metrics).await;
        let closed = "satscope_gateway_watchers_closed_total";
        println!(
            "  p99 beside those that never read: {:+.0} %; {:.0} times one was closed as stuck",
            (beside / mean - 1.0) * 100.0,
            scrape.sum(closed, "stuck").abs()
        );
    }
}

/// Measures `count` watchers that read from the naive server.
async fn beside_naive(count: u32) {
    let mut stage = Stage::set_naive().await;
    let mut crowd = Crowd::start(stage.address);
    crowd.add("readers", count).await;
    println!("{count} watchers of a naive server:");
    stage.play_on(10).await;
    round(&mut stage, &mut crowd, "").await;
}

/// Measures a round and prints it; returns the 99th percentile in milliseconds.
async fn round(stage: &mut Stage, crowd: &mut Crowd, what: &str) -> f64 {
    let parts = [stage.server.id(), crowd.part.id(), std::process::id()];
    let before = parts.map(Cost::of);
    crowd.begin().await;
    stage.play_on(UPDATES).await;
    let got = crowd.report().await;
    let [server, generator, analyzer] =
        [0, 1, 2].map(|at| Cost::of(parts[at]).share_since(&before[at]));
    println!(
        "  {:<28}{:.2} % delivered, {:.1} ms p50, {:.1} ms p99, {:.1} ms at most",
        if what.is_empty() {
            "send to receipt"
        } else {
            what
        },
        got.delivered * 100.0 / f64::from(UPDATES),
        got.p50_ms,
        got.p99_ms,
        got.most_ms,
    );
    println!(
        "    of a core                 server {:.0} %, watchers {:.0} %, analyzer {:.0} %; server {:.0} MB",
        server * 100.0,
        generator * 100.0,
        analyzer * 100.0,
        Cost::of(parts[0]).resident_bytes as f64 / 1e6
    );
    got.p99_ms
}

/// Measures what connections that are opened and dropped cost, a thousand a second for a minute and then for another,
/// beside a hundred watchers.
async fn churn() {
    let (mut stage, metrics) = Stage::set().await;
    let server = stage.server.id();
    let mut crowd = Crowd::start(stage.address);
    crowd.add("readers", 100).await;
    println!("1,000 connections a second opened and dropped:");
    for what in ["after a first minute", "after a second one"] {
        let program = std::env::current_exe().unwrap();
        let address = stage.address.to_string();
        let mut command = std::process::Command::new(program);
        let mut churning = Part::start(command.args(["churn-from", &address]));
        crowd.begin().await;
        stage.play_on(2 * churn::SECONDS).await;
        let got = crowd.report().await;
        churning.ended().await;
        until("the end of all of them", async || {
            let scrape = Scrape::of(metrics).await;
            let now = scrape.sum("satscope_gateway_connections", "");
            (now <= 101.0).then_some(())
        })
        .await;
        let cost = Cost::of(server);
        println!(
            "  {what}: {:.1} MB, {} open files; the watchers got {:.2} %, {:.1} ms p99; {}",
            cost.resident_bytes as f64 / 1e6,
            cost.open_files,
            got.delivered * 100.0 / f64::from(2 * churn::SECONDS),
            got.p99_ms,
            churning.log().join(" "),
        );
    }
}
