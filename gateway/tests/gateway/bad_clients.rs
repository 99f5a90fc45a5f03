//! Clients that are refused or let go, and the good one beside them that sees nothing of it.

use std::time::{Duration, Instant};

use axum::http::header;
use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame, FrameHeader,
        coding::{CloseCode, Data, OpCode},
    },
};

use crate::support::{
    analyzer::Analyzer,
    client::{Client, points, refused},
    gateway, metric,
    raw::{Raw, status},
    until,
    updates::{update, window},
};

const STUCK: &str =
    "satscope_gateway_watchers_closed_total{transport=\"websocket\",reason=\"stuck\"}";

fn closed_for(reason: &str) -> String {
    format!("satscope_gateway_watchers_closed_total{{transport=\"websocket\",reason=\"{reason}\"}}")
}

fn cut_for(reason: &str) -> String {
    format!("satscope_gateway_connections_cut_total{{reason=\"{reason}\"}}")
}

/// Waits until more is counted than was before.
async fn counted(series: &str, before: f64) {
    until(series, async || metric(series).await > before).await;
}

/// A client that is there before the bad ones and gets its update after them, and nothing in between.
struct Bystander {
    analyzer: Analyzer,
    client: Client,
}

impl Bystander {
    async fn of(flags: &[&str]) -> (crate::support::Gateway, Self) {
        let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
        let gateway = gateway(analyzer.address, flags).await;
        let mut client = Client::connect(gateway.address, "").await;
        client.read_to(10).await;
        (gateway, Bystander { analyzer, client })
    }

    async fn saw_nothing(mut self) {
        self.analyzer.play(update(11, &["b"]));
        let next = self
            .client
            .read_until(|told| told["data"]["sequence"] != 10);
        assert_eq!(points(next.await.last().unwrap()), ["b"]);
    }
}

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
async fn what_a_client_says_is_passed_over_unless_it_is_too_much() {
    let (gateway, mut bystander) = Bystander::of(&[]).await;
    let good = &mut bystander.client;
    good.send(Message::text("x".repeat(1024))).await;
    good.send(Message::binary(vec![0; 1024])).await;
    good.send(Message::Ping(vec![7; 125].into())).await;
    let before = metric(&closed_for("too_large")).await;
    let mut large = Client::connect(gateway.address, "").await;
    large.send(Message::text("x".repeat(1025))).await;
    assert_eq!(large.closed().await.unwrap().code, CloseCode::Size);
    // The head of a frame of a terabyte: it is refused for what it says, and not waited for.
    let mut boast = Client::connect(gateway.address, "").await;
    let boasting = [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    boast.send_raw(&boasting).await;
    assert_eq!(boast.closed().await.unwrap().code, CloseCode::Size);
    counted(&closed_for("too_large"), before + 1.0).await;
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&closed_for("too_many")).await;
    for message in [
        Message::Ping(Vec::new().into()),
        Message::Pong(Vec::new().into()),
        Message::text("hello"),
        Message::binary(vec![0; 20]),
    ] {
        let mut flooding = Client::connect(gateway.address, "").await;
        for _ in 0..20 {
            flooding.feed(message.clone()).await;
        }
        let farewell = flooding.closed().await.unwrap();
        assert_eq!(farewell.code, CloseCode::Policy, "{message:?}");
        assert!(!farewell.reason.is_empty());
    }
    counted(&closed_for("too_many"), before + 3.0).await;
    // Frames that never add up to a message: the first of a text, and then its continuations, each of them empty.
    let mut endless = Client::connect(gateway.address, "").await;
    endless.send_raw(&[0x01, 0x80, 0, 0, 0, 0]).await;
    let nothing = [0x00, 0x80, 0, 0, 0, 0].repeat(1000);
    while endless.try_send_raw(&nothing).await {}
    counted(&closed_for("too_many"), before + 4.0).await;
    bystander.saw_nothing().await;
}

/// Compression is not spoken here: neither a socket nor a request can hold a bomb.
#[tokio::test]
async fn what_is_compressed_is_not_unpacked() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&closed_for("bad_frame")).await;
    let offered = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut raw = Raw::connect(gateway.address).await;
    let head = raw.handshake(offered).await;
    assert_eq!(status(&head), "101");
    let head = head.to_ascii_lowercase();
    assert!(!head.contains("sec-websocket-extensions"), "{head}");

    let mut bomb = Client::connect(gateway.address, "").await;
    let compressed = Frame::from_payload(
        FrameHeader {
            rsv1: true,
            mask: Some([1, 2, 3, 4]),
            opcode: OpCode::Data(Data::Text),
            ..FrameHeader::default()
        },
        vec![0; 1000].into(),
    );
    bomb.send(Message::Frame(compressed)).await;
    assert_eq!(bomb.closed().await.unwrap().code, CloseCode::Protocol);
    counted(&closed_for("bad_frame"), before).await;

    let mut raw = Raw::connect(gateway.address).await;
    raw.send(b"POST /api/v1/price HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1000000000\r\n\r\n\x1f\x8b")
        .await;
    assert_eq!(status(&raw.rest().await), "405");
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn text_must_be_utf_8() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&closed_for("not_text")).await;
    let mut client = Client::connect(gateway.address, "").await;
    let text = OpCode::Data(Data::Text);
    let mut frame = Frame::message(&b"\xc3\x28 \xff"[..], text, true);
    frame.header_mut().mask = Some([0; 4]);
    client.send(Message::Frame(frame)).await;
    assert_eq!(client.closed().await.unwrap().code, CloseCode::Invalid);
    counted(&closed_for("not_text"), before).await;
    bystander.saw_nothing().await;
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
