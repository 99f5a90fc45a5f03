//! Clients that are refused or let go, and the good one beside them that sees nothing of it.

use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::support::{
    analyzer::Analyzer,
    client::{Client, points, refused},
    gateway, metric, until,
    updates::{update, window},
};

const STUCK: &str = "satscope_gateway_websocket_clients_closed_total{reason=\"stuck\"}";

#[tokio::test]
async fn another_page_may_not_listen() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    for origin in ["http://evil.example", "null", "https://127.0.0.1:1"] {
        let (status, problem) = refused(gateway.address, "", Some(origin)).await;
        assert_eq!(status, 403, "{origin}");
        assert_eq!(problem["status"], 403);
    }
    let series = "satscope_gateway_websocket_clients_refused_total{reason=\"origin\"}";
    assert!(metric(series).await >= 3.0);
}

#[tokio::test]
async fn a_sequence_that_is_none_is_named() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    for query in [
        "?after=-1",
        "?after=x",
        "?after=1.5",
        "?after=99999999999999999999",
    ] {
        let (status, problem) = refused(gateway.address, query, None).await;
        assert_eq!(status, 400, "{query}");
        assert!(
            problem["detail"].as_str().unwrap().starts_with("after:"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn one_client_more_than_there_is_room_for_comes_back_later() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &["--gateway-max-clients", "1"]).await;
    let mut first = Client::connect(gateway.address, "").await;
    first.read_to(10).await;
    let (status, _) = refused(gateway.address, "", None).await;
    assert_eq!(status, 503);
    first.socket.close(None).await.unwrap();
    let query_of_another = async || {
        let stream = tokio::net::TcpStream::connect(gateway.address)
            .await
            .unwrap();
        let url = format!("ws://{}/ws/mempool", gateway.address);
        tokio_tungstenite::client_async(url, stream).await.is_ok()
    };
    drop(first);
    until("the room of the first", query_of_another).await;
}

#[tokio::test]
async fn what_a_client_says_is_passed_over_unless_it_is_too_much() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut good = Client::connect(gateway.address, "").await;
    let mut large = Client::connect(gateway.address, "").await;
    good.read_to(10).await;
    large.read_to(10).await;
    good.send(Message::text("x".repeat(1024))).await;
    good.send(Message::binary(vec![0; 1024])).await;
    large.send(Message::text("x".repeat(1025))).await;
    let farewell = large.closed().await.unwrap();
    assert_eq!(farewell.code, CloseCode::Size);
    analyzer.play(update(11, &["b"]));
    assert_eq!(points(&good.next().await), ["b"]);
}

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
