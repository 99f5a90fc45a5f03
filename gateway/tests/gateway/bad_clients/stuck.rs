//! Clients that do not read what they are sent.

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Bystander, counted, cut_for};
use crate::support::{
    analyzer::Analyzer,
    client::{Client, points},
    gateway, metric,
    raw::Raw,
    until,
    updates::{update, window},
};

const STUCK: &str =
    "satscope_gateway_watchers_closed_total{transport=\"websocket\",reason=\"stuck\"}";

/// One that stops reading while much comes, and one that does not answer a ping while nothing does. One test, as both
/// look at the same count.
#[tokio::test]
async fn a_client_that_takes_nothing_is_closed_and_told_to_come_back() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let patient = gateway(analyzer.address, &["--gateway-stuck-seconds", "1"]).await;
    let mut stuck = Client::connect_narrow(patient.address).await;
    let mut good = Client::connect(patient.address, "").await;
    stuck.read_to(10).await;
    good.read_to(10).await;
    let large_id = "x".repeat(200_000);
    for sequence in 11..=20 {
        analyzer.play(update(sequence, &[&large_id]));
        good.read_to(sequence).await;
    }
    until("the end of the stuck client", async || {
        metric(STUCK).await >= 1.0
    })
    .await;
    let farewell = stuck.closed().await.unwrap();
    assert_eq!(farewell.code, CloseCode::Again);
    assert!(!farewell.reason.is_empty());
    analyzer.play(update(21, &["b"]));
    assert_eq!(points(&good.next().await), ["b"]);

    let flags = [
        "--gateway-stuck-seconds",
        "1",
        "--gateway-ping-seconds",
        "1",
    ];
    let brisk = gateway(analyzer.address, &flags).await;
    let mut silent = Client::connect(brisk.address, "").await;
    until("the end of the silent client", async || {
        metric(STUCK).await >= 2.0
    })
    .await;
    assert_eq!(silent.closed().await.unwrap().code, CloseCode::Again);
}

/// An answer and an event stream that nobody takes.
#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let (gateway, mut bystander) = Bystander::of(&["--gateway-stuck-seconds", "1"]).await;
    let before = metric(&cut_for("stuck")).await;
    let mut streaming = Raw::connect_narrow(gateway.address).await;
    streaming
        .send(b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    streaming.head().await;
    let large_id = "x".repeat(200_000);
    for sequence in 12..=30 {
        let large = update(sequence, &[&large_id]);
        bystander.analyzer.play(large);
        bystander.client.read_to(sequence).await;
    }
    // It is silent from here on, so that the gateway subscribes again.
    let whole = window(31, &[&large_id]);
    bystander.analyzer.player.opens_with(vec![whole]);
    counted(&cut_for("stuck"), before).await;
    let mut asking = Raw::connect_narrow(gateway.address).await;
    for _ in 0..50 {
        asking
            .send(b"GET /api/v1/points HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
    }
    counted(&cut_for("stuck"), before + 1.0).await;
}
