//! What a client is told: at once, only once, and all of it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{
    analyzer::Analyzer,
    client::{Client, points},
    gateway,
    raw::Raw,
    updates::{confirmed, price, update, window, without_estimate},
};

#[tokio::test]
async fn the_first_message_comes_at_once_and_those_after_it_bring_only_news() {
    let analyzer = Analyzer::start(vec![window(10, &["a", "b"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    Client::connect(gateway.address, "").await.read_to(10).await;

    let mut client = Client::connect(gateway.address, "").await;
    let first = client.next().await;
    assert_eq!(first["type"], "mempool_update");
    assert_eq!(first["data"]["reset"], true);
    assert_eq!(first["data"]["build"], gateway.build().await);
    assert_eq!(first["data"]["price"], price(10));
    assert_eq!(points(&first), ["a", "b"]);

    let mut news = update(11, &["c"]);
    news.changes.push(confirmed("a"));
    analyzer.play(news);
    let second = client.next().await;
    assert_eq!(second["data"]["sequence"], 11);
    assert_eq!(second["data"]["reset"], false);
    assert_eq!(points(&second), ["c"]);
    assert_eq!(
        second["data"]["changes"],
        json!([{ "id": "a", "state": "confirmed" }])
    );
}

#[tokio::test]
async fn a_status_comes_while_there_is_no_estimate() {
    let analyzer = Analyzer::start(vec![without_estimate(window(10, &[]))]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    let before = client.read_to(10).await;
    assert!(before.iter().all(|message| message["type"] == "status"));
    analyzer.play(update(11, &["a"]));
    let after = client.next().await;
    assert_eq!(after["type"], "mempool_update");
    assert_eq!(points(&after), ["a"]);
}

#[tokio::test]
async fn a_returning_client_gets_what_it_missed_or_starts_afresh() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    client.read_to(10).await;
    for (sequence, id) in [(11, "b"), (12, "c"), (13, "d")] {
        analyzer.play(update(sequence, &[id]));
        client.read_to(sequence).await;
    }
    for (query, reset, expected) in [
        ("?after=11", false, vec!["c", "d"]),
        ("?after=13", false, vec![]),
        ("?after=9", true, vec!["a", "b", "c", "d"]),
        ("?after=99", true, vec!["a", "b", "c", "d"]),
        ("?after=0", true, vec!["a", "b", "c", "d"]),
    ] {
        let mut returned = Client::connect(gateway.address, query).await;
        let first = returned.next().await;
        assert_eq!(first["data"]["sequence"], 13, "{query}");
        assert_eq!(first["data"]["reset"], reset, "{query}");
        assert_eq!(points(&first), expected, "{query}");
    }
}

#[tokio::test]
async fn a_price_that_locks_on_elsewhere_resets_every_client() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    client.read_to(10).await;
    let mut elsewhere = window(11, &["z"]);
    if let Some(estimate) = &mut elsewhere.estimate {
        (estimate.price_usd, estimate.high_usd) = (60_000.0, 61_000.0);
    }
    analyzer.play(elsewhere);
    let message = client.next().await;
    assert_eq!(message["data"]["reset"], true);
    assert_eq!(points(&message), ["z"]);
}

/// Points of 2 kB each, so that the connection fills up before the memory of what was missed does.
#[tokio::test]
async fn a_slow_client_gets_the_newest_with_the_points_it_missed() {
    const UPDATES: u64 = 150;
    let analyzer = Analyzer::start(vec![window(10, &[])]).await;
    let roomy = ["--gateway-client-bytes", "8000000"];
    let gateway = gateway(analyzer.address, &roomy).await;
    let mut slow = Client::connect_narrow(gateway.address).await;
    let mut quick = Client::connect(gateway.address, "").await;
    slow.read_to(10).await;
    quick.read_to(10).await;

    let mut sent = Vec::new();
    for sequence in 11..11 + UPDATES {
        let ids: Vec<String> = (0..10)
            .map(|at| format!("{sequence:04}:{at}:{}", "x".repeat(2000)))
            .collect();
        analyzer.play(update(
            sequence,
            &ids.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
        let told = quick.read_to(sequence).await;
        assert_eq!(told.len(), 1, "no other client notices");
        sent.extend(ids);
    }

    let told = slow.read_to(10 + UPDATES).await;
    assert!(
        told.len() < usize::try_from(UPDATES).unwrap() / 2,
        "{}",
        told.len()
    );
    assert!(told.iter().all(|message| message["data"]["reset"] == false));
    let received: Vec<String> = told.iter().flat_map(points).collect();
    assert!(received == sent, "each point once and in order");
}

/// A line of 40 kB/s: the message takes several times as long as a client that takes nothing is waited for.
#[tokio::test]
async fn a_large_message_goes_through_a_slow_line() {
    const LENGTH: usize = 300_000;
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flags = ["--gateway-stuck-seconds", "2"];
    let gateway = gateway(analyzer.address, &flags).await;
    let mut slow = Raw::connect_narrow(gateway.address).await;
    slow.handshake("").await;
    slow.take_until("\"sequence\":10").await;
    analyzer.play(update(11, &[&"x".repeat(LENGTH)]));
    let began = Instant::now();
    let taken = slow.take_slowly(LENGTH).await;
    assert!(taken >= LENGTH, "closed after {taken} bytes");
    assert!(began.elapsed() > Duration::from_secs(6), "it was slow");
}

#[tokio::test]
async fn two_hundred_clients_each_get_each_update() {
    const UPDATES: u64 = 20;
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let connecting = (0..200).map(|_| Client::connect(gateway.address, ""));
    let mut clients = join_all(connecting).await;
    join_all(clients.iter_mut().map(|client| client.read_to(10))).await;
    for sequence in 11..11 + UPDATES {
        let id = format!("point {sequence}");
        analyzer.play(update(sequence, &[&id]));
        for told in join_all(clients.iter_mut().map(|client| client.read_to(sequence))).await {
            assert_eq!(told.len(), 1);
            assert_eq!(points(&told[0]), [id.as_str()]);
        }
    }
}

#[tokio::test]
async fn a_stopping_gateway_says_goodbye() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Client::connect(gateway.address, "").await;
    client.read_to(10).await;
    gateway.context.tasks.stop().cancel();
    let farewell = client.closed().await.unwrap();
    assert_eq!(farewell.code, CloseCode::Away);
    assert!(!farewell.reason.is_empty());
}
