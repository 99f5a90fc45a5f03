//! The analyzer ends and begins again under all watchers: what it costs the gateway, and when the last is up to date.

use std::time::{Duration, Instant};

use satscope_proto::v1::TransactionState;

use super::{
    Cost, Crowd, Stage, UPDATE_EVERY, WINDOW,
    crowd::MARK,
    support::script::{Analyzer, PRICE, dot, dots, whole},
};

/// For how long the analyzer is away.
const AWAY: Duration = Duration::from_secs(2);
/// Updates before the restart, and after it.
const UPDATES: u32 = 20;

/// Restarts the analyzer under `count` watchers that read.
pub async fn run(count: u32) {
    let (mut stage, _) = Stage::set().await;
    let server = stage.server.id();
    let mut crowd = Crowd::start(stage.address);
    crowd.add("readers", count).await;
    stage.play_on(UPDATES).await;
    let before = Cost::of(server);
    crowd.begin().await;
    let address = stage.analyzer.address;
    stage.analyzer.stop().await;
    tokio::time::sleep(AWAY).await;
    // Another epoch, and the window with all dots that were played meanwhile. Its last dot says when it was sent.
    stage.now.sequence = ((stage.now.sequence >> 33) + 1) << 33;
    stage.now.time_ms += 4000;
    let mut points = dots(WINDOW);
    points.append(&mut stage.played);
    let mark = format!("{MARK}{:016}", super::crowd::micros());
    points.push(dot(&mark, 0.5, PRICE, TransactionState::Mempool));
    let back = Instant::now();
    stage.analyzer = Analyzer::start_at(address, vec![whole(&stage.now, &points)]).await;
    let mut peak = before.resident_bytes;
    while back.elapsed() < UPDATE_EVERY * UPDATES {
        peak = peak.max(Cost::of(server).resident_bytes);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let got = crowd.report().await;
    println!("the analyzer restarted under {count} watchers with {WINDOW} dots:");
    println!(
        "  {:.2} % told of the new window, {:.2} s after it was sent at most; {} resets; memory {:.2} times at most",
        got.delivered * 100.0,
        got.most_ms / 1000.0,
        got.resets,
        peak as f64 / before.resident_bytes as f64
    );
    crowd.begin().await;
    stage.play_on(UPDATES).await;
    let got = crowd.report().await;
    println!(
        "  then {:.2} % delivered, {:.1} ms p99",
        got.delivered * 100.0 / f64::from(UPDATES),
        got.p99_ms
    );
}
