//! Parts that die and come back, and links that fall silent.

use std::time::Instant;

use serde_json::Value;

use crate::{
    stage::Stage,
    support::{
        chain::Served,
        metrics::{Scrape, get},
        proxy::Mode,
        socket::Socket,
        wait::until,
    },
};

const EPOCH_BITS: u32 = 33;

async fn price(gateway: &Served) -> Option<Value> {
    let (status, text) = get(&format!("http://{}/api/v1/price", gateway.address)).await;
    (status == 200).then(|| serde_json::from_str(&text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_ingest_dies_every_interface_says_so_until_it_is_back() {
    let mut stage = Stage::set("dead-ingest").await;
    stage.ingest.part.kill().await;
    stage.becomes_stale("upstream_lost", true).await;
    for (part, metric) in [
        (
            &stage.analyzer,
            "satscope_analyzer_newest_payment_age_seconds",
        ),
        (&stage.gateway, "satscope_gateway_price_age_seconds"),
    ] {
        let age = Scrape::of(part.metrics).await.sum(metric, "");
        until("a metric that grows", async || {
            let later = Scrape::of(part.metrics).await.sum(metric, "");
            (later > age + 1.0).then_some(())
        })
        .await;
    }
    for (part, metric) in [
        (&stage.analyzer, "satscope_analyzer_price_stale"),
        (&stage.gateway, "satscope_gateway_price_stale"),
    ] {
        let scrape = Scrape::of(part.metrics).await;
        assert_eq!(scrape.sum(metric, r#"reason="upstream_lost""#), 1.0);
        assert_eq!(scrape.sum(metric, ""), 1.0);
    }
    stage.restart_ingest().await;
    stage.is_fresh().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_analyzer_dies_the_gateway_serves_its_last_price_and_says_so() {
    let mut stage = Stage::set("dead-analyzer").await;
    stage.analyzer.part.kill().await;
    stage.becomes_stale("upstream_lost", false).await;
    for address in [stage.gateway.address, stage.gateway.metrics] {
        let ready = get(&format!("http://{address}/readyz")).await;
        assert_eq!(ready.0, 200, "{}", ready.1);
    }
    stage.restart_analyzer().await;
    stage.is_fresh().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_falls_silent_is_lost() {
    let stage = Stage::set("silence").await;
    for (link, analyzer_knows) in [(&stage.to_ingest, true), (&stage.to_analyzer, false)] {
        link.set(Mode::BlackHole);
        stage.becomes_stale("upstream_lost", analyzer_knows).await;
        link.set(Mode::Pass);
        stage.is_fresh().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyzer_that_starts_without_ingest_has_the_last_price() {
    let mut stage = Stage::set("kept-price").await;
    until("the last price on disk", async || {
        let files = std::fs::read_dir(stage.state.path()).unwrap();
        let mut names = files.map(|file| file.unwrap().file_name());
        let is_price = |name: std::ffi::OsString| name.to_string_lossy().starts_with("last-price-");
        names.any(is_price).then_some(())
    })
    .await;
    let before = price(&stage.gateway).await.unwrap();
    stage.ingest.part.kill().await;
    // In order, so that the newest is written.
    stage.analyzer.part.end().await;
    let began = Instant::now();
    stage.restart_analyzer().await;
    let fresh = Served::gateway(stage.to_analyzer.address).await;
    let held = until("the last price from the analyzer", async || {
        price(&fresh).await
    })
    .await;
    assert_eq!(held["stale_reason"], "upstream_lost");
    assert_eq!(held["simulated"], true);
    assert_eq!(held["confidence"], 0.0, "nothing speaks for it any more");
    assert!(held["as_of"].as_f64() >= before["as_of"].as_f64());
    let moved = held["price"].as_f64().unwrap() / before["price"].as_f64().unwrap();
    assert!((0.9..1.1).contains(&moved), "{moved}");
    println!("the last price after {:.1?}", began.elapsed());
    let (status, body) = get(&format!("http://{}/readyz", stage.analyzer.metrics)).await;
    assert_eq!(status, 200, "{body}");
    stage.restart_ingest().await;
    stage.is_fresh().await;
    until("the same at the new gateway", async || {
        let price = price(&fresh).await?;
        (price["stale"] == false).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyzer_that_starts_again_takes_no_price_from_any_socket() {
    let mut stage = Stage::set("no-reset").await;
    until("a node that has been read whole", async || {
        let price = price(&stage.gateway).await?;
        let hops = price["hops"].as_array()?;
        let is_connected = |hop: &Value| hop["state"] == "connected";
        hops.iter().all(is_connected).then_some(())
    })
    .await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(Socket::connect(stage.gateway.address).await);
    }
    let epoch = |message: &Value| message["data"]["sequence"].as_u64().unwrap() >> EPOCH_BITS;
    let before = epoch(&sockets[0].next().await);
    stage.analyzer.part.kill().await;
    stage.restart_analyzer().await;
    for mut socket in sockets {
        let message = socket
            .read_until("the new analyzer's window", |message| {
                assert_eq!(message["type"], "mempool_update", "{message}");
                assert!(message["data"]["price"].is_number());
                let is_greeting = epoch(message) == before;
                assert!(
                    is_greeting || message["data"]["reset"] == false,
                    "{message}"
                );
                epoch(message) != before && message["data"]["stale"] == false
            })
            .await;
        assert!(epoch(&message) != before);
    }
}
