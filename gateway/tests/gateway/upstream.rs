//! The link to the analyzer: clients learn how it is, and lose nothing when it returns.

use std::time::{Duration, Instant};

use satscope_proto::v1::{PriceUpdate, PriceUpdatesResponse};

use crate::support::{
    analyzer::Analyzer,
    client::{Client, hop, points},
    gateway, metric, until,
    updates::{price, update, window},
};

#[tokio::test]
async fn a_lost_analyzer_is_told_within_a_second_and_resumed_when_it_returns() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    client.read_to(10).await;
    analyzer.play(update(11, &["b"]));
    client.read_to(11).await;

    let lost_at = Instant::now();
    let address = analyzer.stop().await;
    let told = client.next().await;
    assert!(
        lost_at.elapsed() < Duration::from_secs(1),
        "{:?}",
        lost_at.elapsed()
    );
    let (state, detail) = hop(&told, "analyzer");
    assert_eq!(state, "disconnected");
    assert!(!detail.is_empty());
    assert_eq!(told["data"]["sequence"], 11);
    assert_eq!(told["data"]["price"], price(11));
    assert_eq!(points(&told), [""; 0]);
    assert_eq!(hop(&told, "gateway").0, "connected");
    assert_eq!(told["data"]["stale_reason"], "upstream_lost");
    assert_eq!(gateway.get("/readyz").await.status(), 200, "it can serve");
    assert_eq!(gateway.get("/api/v1/price").await.status(), 200);

    let mut returning = Client::connect(gateway.address, "?after=10").await;
    assert_eq!(
        points(&returning.next().await),
        ["b"],
        "what it missed is still known"
    );

    let back_at = Instant::now();
    let analyzer = Analyzer::start_at(address, vec![update(14, &["c"])]).await;
    let told = client.read_to(14).await;
    assert!(
        back_at.elapsed() < Duration::from_secs(2),
        "{:?}",
        back_at.elapsed()
    );
    let newest = told.last().unwrap();
    assert_eq!(hop(newest, "analyzer").0, "connected");
    assert_eq!(newest["data"]["reset"], false);
    assert_eq!(points(newest), ["c"]);
    assert_eq!(newest["data"]["stale"], false);
    assert_eq!(analyzer.asked_after(), [11]);
}

#[tokio::test]
async fn an_analyzer_that_is_not_there_yet_is_waited_for() {
    let address = Analyzer::start(Vec::new()).await.stop().await;
    let gateway = gateway(address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    let told = client
        .read_until(|message| !hop(message, "analyzer").1.is_empty())
        .await;
    let newest = told.last().unwrap();
    assert_eq!(newest["type"], "status");
    assert_eq!(hop(newest, "analyzer").0, "connecting");
    assert_eq!(newest["data"].get("sequence"), None);
    let _analyzer = Analyzer::start_at(address, vec![window(10, &["a"])]).await;
    let told = client.read_to(10).await;
    assert_eq!(points(told.last().unwrap()), ["a"]);
}

/// Browsers take ten silent seconds for a dead link.
#[tokio::test]
async fn a_silent_analyzer_does_not_silence_the_gateway() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    client.read_to(10).await;
    let silent_since = Instant::now();
    for _ in 0..2 {
        let told = client.next().await;
        assert_eq!(told["data"]["sequence"], 10);
        assert_eq!(points(&told), [""; 0]);
    }
    let told = client
        .read_until(|message| hop(message, "analyzer").0 == "disconnected")
        .await;
    assert!(hop(told.last().unwrap(), "analyzer").1.contains("silent"));
    assert!(silent_since.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn what_cannot_be_used_is_counted_and_the_rest_is_kept() {
    let series = "satscope_gateway_upstream_rejected_total{reason=\"point\"}";
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    client.read_to(10).await;
    let before = metric(series).await;
    let mut spoilt = update(11, &["b", "c", "d"]);
    spoilt.points[1].price_usd = f64::NAN;
    analyzer.play(spoilt);
    let told = client.next().await;
    assert_eq!(points(&told), ["b", "d"]);
    until("the count", async || metric(series).await > before).await;

    analyzer.play_raw(PriceUpdatesResponse { update: None });
    analyzer.play(PriceUpdate {
        counters: None,
        ..update(12, &["e"])
    });
    assert_eq!(points(&client.next().await), ["e"]);
}

#[tokio::test]
async fn a_large_update_is_told_once_it_is_whole() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    client.read_to(10).await;
    let parts = [(true, &["b", "c"][..]), (true, &["d"]), (false, &["e"])];
    for (more, ids) in parts {
        analyzer.play(PriceUpdate {
            more_follows: more,
            ..update(11, ids)
        });
    }
    let told = client.next().await;
    assert_eq!(points(&told), ["b", "c", "d", "e"]);
    analyzer.play(update(12, &["f"]));
    assert_eq!(points(&client.next().await), ["f"], "and only once");
}
