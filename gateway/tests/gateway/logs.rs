//! What the logs tell of a client: enough to follow it, and not its address.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
};

use tracing_subscriber::filter::Targets;

use crate::support::{
    analyzer::Analyzer,
    gateway,
    raw::{Raw, status},
    until,
    updates::window,
};

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

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
        let gateway = Targets::new().with_target("satscope_gateway", tracing::Level::DEBUG);
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
