//! Clients behind a proxy: each counts as itself if the proxy is trusted, and only then.

use std::net::IpAddr;

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    gateway,
    raw::{Raw, status},
    until,
    updates::window,
};

const PROXY: &str = "127.0.0.9";

/// Two connections of an address, and of each client of these proxies.
const BEHIND_PROXIES: [&str; 4] = [
    "--gateway-trusted-proxies",
    "127.0.0.9,10.0.0.0/8",
    "--gateway-max-connections-per-address",
    "2",
];

/// A watcher whose request bears this header; what it is answered.
async fn watch(gateway: &Gateway, from: &str, forwarded_for: &str) -> (String, Raw) {
    let from: IpAddr = from.parse().unwrap();
    let mut raw = Raw::connect_from(from, gateway.address).await;
    let head = raw
        .handshake(&format!("X-Forwarded-For: {forwarded_for}\r\n"))
        .await;
    (status(&head).to_owned(), raw)
}

#[tokio::test]
async fn a_trusted_proxys_clients_count_each_for_itself() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &BEHIND_PROXIES).await;
    let mut held = Vec::new();
    // What a client claims for itself stands before what the proxy adds.
    for list in [
        "192.0.2.1",
        "6.6.6.6, 192.0.2.1",
        "192.0.2.2",
        "192.0.2.2, 10.0.0.7",
    ] {
        let (status, raw) = watch(&gateway, PROXY, list).await;
        assert_eq!(status, "101", "{list}");
        held.push(raw);
    }
    for list in [
        "192.0.2.1",
        "9.9.9.9, 192.0.2.2",
        "192.0.2.1:4711, 10.1.1.1",
    ] {
        assert_eq!(watch(&gateway, PROXY, list).await.0, "429", "{list}");
    }
    assert_eq!(watch(&gateway, PROXY, "192.0.2.3").await.0, "101");
    held.remove(0);
    until("a place again", async || {
        watch(&gateway, PROXY, "192.0.2.1").await.0 == "101"
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_opens_connections_as_fast_as_its_clients_come() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flags = [
        "--gateway-trusted-proxies",
        PROXY,
        "--gateway-max-new-connections-per-address",
        "1",
    ];
    let gateway = gateway(analyzer.address, &flags).await;
    for client in 1..50 {
        let (status, _) = watch(&gateway, PROXY, &format!("192.0.2.{client}")).await;
        assert_eq!(status, "101");
    }
}

/// As from an ingress whose clients are in its own network, and one that writes ports.
#[tokio::test]
async fn clients_with_private_addresses_count_each_for_itself() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &BEHIND_PROXIES).await;
    let mut held = Vec::new();
    for list in [
        "10.0.1.1",
        "10.0.1.2",
        "10.0.1.3:4711",
        "[2001:db8::1]:4711",
    ] {
        for _ in 0..2 {
            let (status, raw) = watch(&gateway, PROXY, list).await;
            assert_eq!(status, "101", "{list}");
            held.push(raw);
        }
        assert_eq!(watch(&gateway, PROXY, list).await.0, "429", "{list}");
    }
}

#[tokio::test]
async fn whoever_else_names_other_addresses_is_not_believed() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flags = ["--gateway-max-connections-per-address", "2"];
    let gateway = gateway(analyzer.address, &flags).await;
    let first = watch(&gateway, PROXY, "192.0.2.1").await;
    let second = watch(&gateway, PROXY, "192.0.2.2").await;
    assert_eq!([&first.0, &second.0], ["101", "101"]);
    let from: IpAddr = PROXY.parse().unwrap();
    let mut third = Raw::connect_from(from, gateway.address).await;
    third
        .send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.3\r\n\r\n")
        .await;
    assert_eq!(status(&third.rest().await), "429");
}

/// A download keeps its client's place until it has been taken, or its client has gone.
#[tokio::test]
async fn slow_downloads_of_one_forwarded_client_keep_their_places() {
    let large_ids: Vec<String> = (0..10)
        .map(|at| format!("{at}{}", "x".repeat(200_000)))
        .collect();
    let large_ids: Vec<&str> = large_ids.iter().map(String::as_str).collect();
    let analyzer = Analyzer::start(vec![window(10, &large_ids)]).await;
    let flags = [
        "--gateway-trusted-proxies",
        PROXY,
        "--gateway-max-connections-per-address",
        "2",
    ];
    let gateway = gateway(analyzer.address, &flags).await;
    until("the points", async || {
        gateway.get("/api/v1/points").await.status() == 200
    })
    .await;
    let mut downloads = Vec::new();
    let mut refused = 0;
    for _ in 0..30 {
        let (told, raw) = download(&gateway, "192.0.2.1").await;
        match told.as_str() {
            "200" => downloads.push(raw),
            "429" => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((downloads.len(), refused), (2, 28));
    assert_eq!(
        download(&gateway, "192.0.2.2").await.0,
        "200",
        "another client"
    );
    let mut taken = downloads.remove(0);
    assert!(taken.rest().await.len() > 2_000_000);
    until("the place of the one that was taken", async || {
        download(&gateway, "192.0.2.1").await.0 == "200"
    })
    .await;
    drop(downloads);
    until("the place of the one that was given up", async || {
        let (first, _first) = download(&gateway, "192.0.2.1").await;
        let (second, _second) = download(&gateway, "192.0.2.1").await;
        [first, second] == ["200", "200"]
    })
    .await;
}

/// Asks for all points and takes only the head of the answer; its status.
async fn download(gateway: &Gateway, client: &str) -> (String, Raw) {
    let from: IpAddr = PROXY.parse().unwrap();
    let mut raw = Raw::connect_narrow_from(from, gateway.address).await;
    let request = format!(
        "GET /api/v1/points HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: {client}\r\n\r\n"
    );
    raw.send(request.as_bytes()).await;
    let head = raw.head().await;
    (status(&head).to_owned(), raw)
}
