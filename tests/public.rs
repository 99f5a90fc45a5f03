//! What the public reads while something is wrong behind it: no address, user, secret, path or word of a library.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{net::SocketAddr, path::Path};

use support::{
    chain::{FREE_PORTS, Served, StandIn},
    metrics::get,
    part::{Folder, Part, reserve_address},
    socket::Socket,
    wait::{in_time, until},
};

const SECRET: &str = "hush-hush";
const USER: &str = "alice";
/// What no public answer may hold, whatever is wrong.
const NEVER: [&str; 12] = [
    SECRET,
    USER,
    "127.0.0.1",
    "localhost",
    "os error",
    "refused",
    "tcp",
    "http://",
    "errno",
    "transport",
    "cookie",
    "/tmp",
];
/// What is asked of the public port.
const PATHS: [&str; 15] = [
    "/api/v1/price",
    "/api/v1/price?format=text",
    "/api/v1/prices",
    "/api/v1/points",
    "/api/v1/history?range=3h&step=10s",
    "/api/v1/history?format=csv",
    "/api/v1/historical-price?timestamp=1709251200&currency=USD",
    "/api/v1/history?range=1y",
    "/api/v1/candles?step=1h",
    "/api/v1/history/coverage",
    "/api/v1/evidence",
    "/price.svg",
    "/readyz",
    "/healthz",
    "/health",
];
/// The name of SVG's elements, which is no address that is asked.
const SVG: &str = "http://www.w3.org/2000/svg";

/// Each answer of the public port, named by its path: REST, the first event of the stream, the first message of the socket.
async fn answers(gateway: SocketAddr) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for path in PATHS {
        let (status, text) = get(&format!("http://{gateway}{path}")).await;
        answers.push((format!("{path} {status}"), text.replace(SVG, "")));
    }
    let first = Socket::connect(gateway).await.next().await;
    answers.push(("the socket".to_owned(), first.to_string()));
    let stream = reqwest::get(format!("http://{gateway}/api/v1/stream"));
    let mut stream = in_time("an event stream", stream).await.unwrap();
    let event = in_time("an event", stream.chunk()).await.unwrap().unwrap();
    answers.push((
        "the stream".to_owned(),
        String::from_utf8_lossy(&event).into_owned(),
    ));
    answers
}

/// Fails on what no public answer may hold, and on these words: ports and paths of parts behind the gateway.
async fn holds_nothing_private(state: &str, gateway: SocketAddr, private: &[&str]) {
    for (what, text) in answers(gateway).await {
        let text_lower = text.to_lowercase();
        for word in NEVER.iter().chain(private) {
            assert!(
                !text_lower.contains(&word.to_lowercase()),
                "{state}: {what} has {word:?}: {text}"
            );
        }
    }
}

/// Waits until operators read of this.
async fn operators_read(metrics: SocketAddr, words: &str) -> String {
    until(&format!("word of {words:?} for operators"), async || {
        let (_, text) = get(&format!("http://{metrics}/readyz")).await;
        text.contains(words).then_some(text)
    })
    .await
}

/// `satscope run` with these flags: its process, the operators' port and the public one.
async fn run(flags: &[&str]) -> (Part, SocketAddr, SocketAddr) {
    let mut part = Part::satscope(&[&["run"][..], flags, &FREE_PORTS].concat());
    let metrics = part.listening("metrics_listen").await;
    let gateway = part.listening("gateway_listen").await;
    (part, metrics, gateway)
}

fn log_without_secret(part: &Part) {
    let log = part.log().join("\n");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_down_is_no_address_and_no_login_to_the_public() {
    let (rpc, zmq) = (reserve_address(), reserve_address());
    let url = format!("--rpc-url=http://{USER}:{SECRET}@{rpc}");
    let endpoint = format!("--zmq-endpoint=tcp://{zmq}");
    for flags in [vec![url.as_str(), &endpoint], vec![&url]] {
        let (part, metrics, gateway) = run(&flags).await;
        let said = operators_read(metrics, &format!("@{rpc} (")).await;
        assert!(!said.contains(SECRET) && !said.contains(USER), "{said}");
        let ports = [rpc.port().to_string(), zmq.port().to_string()];
        holds_nothing_private("node down", gateway, &[&ports[0], &ports[1]]).await;
        log_without_secret(&part);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_or_cannot_be_read_is_not_told_to_the_public() {
    let folder = Folder::new("public-login");
    let file = Path::new(folder.path()).join("password");
    std::fs::write(&file, "of-the-node").unwrap();
    let mut node = Part::satscope(&[
        "simulate",
        "--history=60",
        "--standin-zmq-listen=tcp://127.0.0.1:*",
        "--standin-rpc-listen=127.0.0.1:0",
        "--standin-rpc-user=alice",
        "--standin-rpc-password-file",
        file.to_str().unwrap(),
    ]);
    let line = node.line("stand-in node is up zmq=").await;
    let (zmq, rpc) = line.split_once(" rpc=").unwrap();
    let endpoint = format!("--zmq-endpoint={zmq}");
    let in_url = format!("--rpc-url=http://{USER}:{SECRET}@{rpc}");
    let url = format!("--rpc-url=http://{rpc}");
    let missing = format!("--rpc-cookie-file={}/no-such-file", folder.path());
    let port = rpc.rsplit(':').next().unwrap();
    for (state, flags, words) in [
        (
            "wrong password",
            vec![in_url.as_str()],
            "refused the credentials",
        ),
        (
            "no cookie file",
            vec![url.as_str(), &missing],
            "reading the cookie file",
        ),
    ] {
        let flags = [&flags[..], &[&endpoint]].concat();
        let (part, metrics, gateway) = run(&flags).await;
        operators_read(metrics, words).await;
        let private = [port, "no-such-file", folder.path(), "of-the-node"];
        holds_nothing_private(state, gateway, &private).await;
        log_without_secret(&part);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_gone_are_no_address_to_the_public() {
    let analyzer = reserve_address();
    let gateway = Served::gateway(analyzer).await;
    let port = analyzer.port().to_string();
    operators_read(gateway.metrics, "analyzer").await;
    holds_nothing_private("no analyzer yet", gateway.address, &[&port]).await;

    let node = StandIn::simulate(&[]).await;
    let mut ingest = Served::ingest_with_rpc(&node).await;
    let mut analyzer = Served::analyzer(ingest.address).await;
    let gateway = Served::gateway(analyzer.address).await;
    until("a price", async || {
        let (status, _) = get(&format!("http://{}/api/v1/price", gateway.address)).await;
        (status == 200).then_some(())
    })
    .await;
    let ports = [node.rpc, ingest.address, analyzer.address].map(|at| at.port().to_string());
    let private: Vec<&str> = ports.iter().map(|port| &**port).collect();
    ingest.part.kill().await;
    operators_read(analyzer.metrics, "ingest at http://").await;
    holds_nothing_private_but_prices("ingest gone", gateway.address, &private).await;
    analyzer.part.kill().await;
    operators_read(gateway.metrics, "analyzer at http://").await;
    holds_nothing_private_but_prices("analyzer gone", gateway.address, &private).await;
}

/// The same where there are prices and times, whose digits may be those of a port: only a port after a colon counts.
async fn holds_nothing_private_but_prices(state: &str, gateway: SocketAddr, ports: &[&str]) {
    let ports: Vec<String> = ports.iter().map(|port| format!("1:{port}")).collect();
    let ports: Vec<&str> = ports.iter().map(|port| &**port).collect();
    holds_nothing_private(state, gateway, &ports).await;
}
