//! More clients than there is room for, in all and of one address.

use std::time::{Duration, Instant};

use axum::http::header;
use futures_util::future::join_all;
use tokio::net::TcpStream;

use super::{Bystander, counted};
use crate::support::{
    client::{Client, refused},
    metric,
    raw::{Raw, status},
    until,
};

#[tokio::test]
async fn one_watcher_more_than_there_is_room_for_comes_back_later() {
    let (gateway, bystander) = Bystander::of(&["--gateway-max-clients", "2"]).await;
    let second = Client::connect(gateway.address, "").await;
    let (status, _) = refused(gateway.address, "", None).await;
    assert_eq!(status, 503);
    let response = gateway.get("/api/v1/stream").await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    drop(second);
    until("the room of the second", async || {
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        let url = format!("ws://{}/ws/mempool", gateway.address);
        tokio_tungstenite::client_async(url, stream).await.is_ok()
    })
    .await;
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn one_connection_more_than_there_is_room_for_comes_back_later() {
    let flags = ["--gateway-max-connections", "2"];
    let (gateway, bystander) = Bystander::of(&flags).await;
    let series = "satscope_gateway_connections_refused_total{reason=\"full\"}";
    let before = metric(series).await;
    let second = Client::connect(gateway.address, "").await;
    let mut third = Raw::connect(gateway.address).await;
    third
        .send(b"GET /api/v1/price HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    let told = third.rest().await;
    assert_eq!(status(&told), "503");
    assert!(told.contains("retry-after"), "{told}");
    counted(series, before).await;
    drop(second);
    until("the room of the second", async || {
        gateway.get("/healthz").await.status() == 200
    })
    .await;
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn thousands_from_one_address_are_turned_away() {
    let flags = ["--gateway-max-connections-per-address", "20"];
    let (gateway, bystander) = Bystander::of(&flags).await;
    let series = "satscope_gateway_connections_refused_total{reason=\"address\"}";
    let before = metric(series).await;
    let from: std::net::IpAddr = "127.0.0.77".parse().unwrap();
    let holding = (0..20).map(|_| Client::connect_from(from, gateway.address));
    let held = join_all(holding).await;
    for _ in 0..30 {
        let more = join_all((0..100).map(|_| Raw::connect_from(from, gateway.address))).await;
        drop(more);
    }
    counted(series, before + 2999.0).await;
    until("the answer for one more", async || {
        let mut more = Raw::connect_from(from, gateway.address).await;
        let asked = more.try_send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let told = if asked {
            more.rest().await
        } else {
            String::new()
        };
        let refused = told.starts_with("HTTP/1.1 429");
        assert!(refused || told.is_empty(), "{told}");
        refused && told.contains("application/problem+json")
    })
    .await;
    assert_eq!(
        gateway.get("/healthz").await.status(),
        200,
        "another address"
    );
    drop(held);
    until("places for that address again", async || {
        let mut raw = Raw::connect_from(from, gateway.address).await;
        let asked = raw.try_send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        asked.await && raw.rest().await.starts_with("HTTP/1.1 200")
    })
    .await;
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn an_address_that_is_turned_away_leaves_room_to_tell_others_why() {
    let flags = ["--gateway-max-connections-per-address", "1"];
    let (gateway, bystander) = Bystander::of(&flags).await;
    let from = |last: u8| std::net::IpAddr::from([127, 0, 0, last]);
    let flood = (0..200).map(|_| Raw::connect_from(from(79), gateway.address));
    let flood = join_all(flood).await;
    let _first = Raw::connect_from(from(80), gateway.address).await;
    let mut second = Raw::connect_from(from(80), gateway.address).await;
    second.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&second.rest().await), "429");
    drop(flood);
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn an_address_that_opens_connections_too_fast_waits_for_its_turn() {
    // One each 2.5 s once four have come.
    let flags = ["--gateway-max-new-connections-per-address", "4"];
    let (gateway, bystander) = Bystander::of(&flags).await;
    let refused = "satscope_gateway_connections_refused_total{reason=\"pace\"}";
    let delayed = "satscope_gateway_connections_delayed_total";
    let before = [metric(refused).await, metric(delayed).await];
    let from: std::net::IpAddr = "127.0.0.78".parse().unwrap();
    let ask = async || {
        let mut raw = Raw::connect_from(from, gateway.address).await;
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await;
        raw
    };
    let began = Instant::now();
    for _ in 0..4 {
        assert_eq!(status(&ask().await.rest().await), "200");
    }
    let mut queue = Vec::new();
    for _ in 0..12 {
        queue.push(ask().await);
    }
    // Four have a turn within 10 s; on a machine so busy that the first took long, a few more.
    let told = queue.pop().unwrap().rest().await;
    assert_eq!(status(&told), "429");
    assert!(told.contains("retry-after"), "{told}");
    assert_eq!(
        gateway.get("/healthz").await.status(),
        200,
        "another address"
    );
    assert_eq!(status(&queue.remove(0).rest().await), "200");
    assert!(began.elapsed() >= Duration::from_millis(2500));
    counted(refused, before[0]).await;
    counted(delayed, before[1] + 3.0).await;
    bystander.saw_nothing().await;
}
