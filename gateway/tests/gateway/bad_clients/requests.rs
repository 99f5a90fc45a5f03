//! Requests and handshakes that are refused: what is no HTTP, what is too slow or too large, and what asks for too much.

use axum::http::header;

use super::{Bystander, counted, cut_for};
use crate::support::{
    analyzer::Analyzer,
    client::refused,
    gateway, metric,
    raw::{Raw, status},
    updates::window,
};

#[tokio::test]
async fn garbage_is_no_handshake() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&cut_for("not_http")).await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n"[..],
        b"\x00\x00\x00\x00\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"GET /ws/mempool HTTP/1.1\r\n\xff\xfe: x\r\n\r\n",
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(garbage).await;
        assert_eq!(status(&raw.rest().await), "400", "{garbage:?}");
    }
    counted(&cut_for("not_http"), before + 3.0).await;
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn a_handshake_that_is_none_is_told_what_it_lacks() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let series =
        "satscope_gateway_watchers_refused_total{transport=\"websocket\",reason=\"handshake\"}";
    let before = metric(series).await;
    for (headers, expected) in [
        ("", "426"),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\n", "426"),
        (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            "400",
        ),
        (
            "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\n",
            "426",
        ),
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        let request = format!("GET /ws/mempool HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        raw.send(request.as_bytes()).await;
        let head = raw.head().await;
        assert_eq!(status(&head), expected, "{headers}");
        assert!(head.contains("application/problem+json"), "{head}");
    }
    counted(series, before + 3.0).await;
    bystander.saw_nothing().await;
}

/// Half a handshake held open, one that comes a byte at a time, and a connection that says nothing at all.
#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let (gateway, bystander) = Bystander::of(&["--gateway-head-seconds", "1"]).await;
    let series = [cut_for("slow_head"), cut_for("idle")];
    let before = [metric(&series[0]).await, metric(&series[1]).await];
    let mut half = Raw::connect(gateway.address).await;
    half.send(b"GET /ws/mempool HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
        .await;
    let mut slow = Raw::connect(gateway.address).await;
    let mut silent = Raw::connect(gateway.address).await;
    slow.send(b"GET / HTTP/1.1\r\nX-Slow: ").await;
    // Until the gateway has had enough of it.
    while slow.try_send(b"x").await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told = half.rest().await;
    assert_eq!(status(&told), "408");
    assert!(told.contains("application/problem+json"), "{told}");
    assert_eq!(silent.rest().await, "");
    counted(&series[0], before[0] + 1.0).await;
    counted(&series[1], before[1]).await;
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn a_head_or_a_path_that_is_too_large_is_refused() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&cut_for("head_too_large")).await;
    let long = "x".repeat(32_000);
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {long}\r\n\r\n").as_bytes())
        .await;
    assert_eq!(status(&raw.rest().await), "431");
    counted(&cut_for("head_too_large"), before).await;

    let mut raw = Raw::connect(gateway.address).await;
    let many = (0..200).map(|at| format!("X-{at}: x\r\n"));
    let many: String = many.collect();
    raw.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes())
        .await;
    assert_eq!(status(&raw.rest().await), "431");

    let response = gateway.get(&format!("/{}", &long[..2100])).await;
    assert_eq!(response.status(), 414);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn another_page_may_not_listen() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    for origin in ["http://evil.example", "null", "https://127.0.0.1:1"] {
        let (status, problem) = refused(gateway.address, "", Some(origin)).await;
        assert_eq!(status, 403, "{origin}");
        assert_eq!(problem["status"], 403);
    }
    let series =
        "satscope_gateway_watchers_refused_total{transport=\"websocket\",reason=\"origin\"}";
    assert!(metric(series).await >= 3.0);
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn only_a_listed_page_may_show_the_page_in_a_frame() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    for (flags, expected) in [
        (&[][..], "frame-ancestors 'none'"),
        (
            &[
                "--gateway-embedding-origins",
                "https://a.example, http://b.example:8080",
            ],
            "frame-ancestors https://a.example http://b.example:8080",
        ),
        (&["--gateway-embedding-origins", "*"], "frame-ancestors *"),
    ] {
        let gateway = gateway(analyzer.address, flags).await;
        let answer = gateway.get("/?compact").await;
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str();
        let policy = policy.unwrap();
        assert!(policy.ends_with(expected), "{policy}");
    }
}

#[tokio::test]
async fn a_sequence_that_is_none_is_named() {
    let (gateway, bystander) = Bystander::of(&[]).await;
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
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let series = "satscope_gateway_http_requests_total{path=\"other\",status=\"404\"}";
    let before = metric(series).await;
    let build = gateway.build().await;
    let out_of_the_assets = [
        format!("/assets/{build}/../../Cargo.toml"),
        format!("/assets/{build}/js/../style.css"),
        format!("/assets/{build}/..%2f..%2fCargo.toml"),
        format!("/assets/{build}//etc/passwd"),
    ];
    let out_of_the_assets = out_of_the_assets.iter().map(String::as_str);
    let out_of_the_root = [
        "/../Cargo.toml",
        "/js/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/..\\Cargo.toml",
        "//etc/passwd",
        "/./../../../../etc/passwd",
        "/index.html%00.js",
    ];
    for path in out_of_the_root.into_iter().chain(out_of_the_assets) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(request.as_bytes()).await;
        let answer = raw.rest().await;
        assert!(
            ["404", "400"].contains(&status(&answer)),
            "{path}: {answer}"
        );
        assert!(
            !answer.contains("[package]") && !answer.contains("root:"),
            "{path}"
        );
    }
    counted(series, before + 4.0).await;
    bystander.saw_nothing().await;
}
