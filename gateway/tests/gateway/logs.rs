//! What the logs tell of a client: enough to follow it, and not its address.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
};

use tracing_subscriber::filter::Targets;

use crate::support::{
    analyzer::Analyzer,
    gateway,
    historian::{Historian, some_prices},
    raw::{Raw, status},
    scrape, until,
    updates::window,
};

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The libraries that a request, or what it asks of the historian, goes through.
const LIBRARIES: [&str; 6] = ["axum", "h2", "hyper", "hyper_util", "tonic", "tower"];

/// Writes for all tests of this process.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines since the first call that name this.
fn lines_with(text: &str) -> Vec<String> {
    use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(|| Log);
        // What an operator can turn on: all of the gateway's, and of the libraries that see a request.
        let gateway = Targets::new()
            .with_target("satscope_gateway", tracing::Level::TRACE)
            .with_target("satscope_kit", tracing::Level::TRACE)
            .with_targets(LIBRARIES.map(|library| (library, tracing::Level::TRACE)));
        tracing_subscriber::registry()
            .with(gateway)
            .with(lines)
            .init();
    });
    let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let written = String::from_utf8_lossy(&written);
    let lines = written.lines().filter(|line| line.contains(text));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_client_can_be_followed_in_the_logs() {
    const AGENT: &str = "follow-me/1.0";
    assert!(lines_with(AGENT).is_empty());
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flags = [
        "--gateway-trusted-proxies",
        "127.0.0.1",
        "--gateway-max-connections-per-address",
        "1",
    ];
    let gateway = gateway(analyzer.address, &flags).await;
    let headers = format!("User-Agent: {AGENT}\tx\r\nX-Forwarded-For: 192.0.2.77\r\n");
    let mut watching = Raw::connect(gateway.address).await;
    assert_eq!(status(&watching.handshake(&headers).await), "101");
    let mut refused = Raw::connect(gateway.address).await;
    assert_eq!(status(&refused.handshake(&headers).await), "429");
    drop(watching);
    let client = |line: &str| {
        line.split("client{")
            .nth(1)
            .unwrap()
            .split(':')
            .next()
            .unwrap()
            .to_owned()
    };
    until("the end of the client", async || {
        lines_with(AGENT)
            .iter()
            .any(|line| line.contains("has ended"))
    })
    .await;
    let lines = lines_with(AGENT);
    let watches = lines.iter().find(|line| line.contains("watches")).unwrap();
    let ended = lines
        .iter()
        .find(|line| line.contains("has ended"))
        .unwrap();
    let refusal = lines.iter().find(|line| line.contains("refused")).unwrap();
    assert_eq!(client(watches), client(ended));
    assert_ne!(client(watches), client(refusal));
    for line in &lines {
        assert!(line.contains("client{id="), "{line}");
        assert!(
            line.contains("address=\"loopback\"}:request{address=\"public\""),
            "{line}"
        );
        assert!(line.contains("agent=\"follow-me/1.0?x\""), "{line}");
    }
    assert!(lines_with("192.0.2.77").is_empty());
}

#[tokio::test]
async fn no_log_line_and_no_metric_tells_which_moment_a_client_asks_about() {
    // In no other test, and each in one kind of question.
    let secrets = [
        ("/api/v1/historical-price?timestamp=", "1709311001"),
        (
            "/api/v1/historical-price?currency=USD&timestamp=",
            "1279500002",
        ),
        ("/api/v1/historical-price?before=", "1709311003"),
        ("/api/v1/historical-price?timestamp=", "x1709311004"),
        ("/api/v1/history?from=", "1709311005"),
        ("/api/v1/history?source=block&to=", "1709311006"),
        ("/api/v1/history?to=2024-04-01&from=", "2024-03-01T16:40:17"),
        ("/api/v1/history?height=", "832718"),
        ("/api/v1/history?height=", "4832719"),
        ("/api/v1/candles?step=1h&from=", "1709311010"),
        ("/api/v1/nothing?at=", "1709311011"),
        ("/api/v1/points?format=", "1709311012"),
        ("/api/v1/candles?form=", "1709311013"),
    ];
    assert!(lines_with(secrets[0].1).is_empty());
    let historian = Historian::start(some_prices()).await;
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flag = historian.flag();
    let gateway = gateway(analyzer.address, &flag.each_ref().map(String::as_str)).await;
    let ask_all = async || {
        for (path, secret) in secrets {
            gateway.get(&format!("{path}{secret}")).await;
        }
    };
    ask_all().await;
    // The times of the answers, which are refused now, are those of the blocks.
    historian.spoils(Some(|price| price.price_cents = 0));
    ask_all().await;
    historian.spoils(None);
    historian.fails(Some(tonic::Code::InvalidArgument));
    ask_all().await;
    historian.stop().await;
    ask_all().await;
    until("the complaints", async || {
        !lines_with("the historian has no answer").is_empty()
            || !lines_with("a question to the historian has no answer").is_empty()
    })
    .await;
    let metrics = scrape().await;
    for (path, secret) in secrets {
        let digits = secret.trim_start_matches('x');
        // The client of this test is one of the libraries' users too, and names the address that it asks.
        let lines = lines_with(digits);
        let told: Vec<&String> = lines
            .iter()
            .filter(|line| !line.contains("reqwest"))
            .collect();
        assert!(told.is_empty(), "{path}: {told:?}");
        assert!(!metrics.contains(digits), "{path}");
    }
}
