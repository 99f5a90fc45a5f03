//! What programs ask for without a socket: the stream, CSV, other wallets' shape, and answers for pages of other origins.

use reqwest::{Client, Method, Response, header};
use satscope_proto::v1::HistoryEntry;
use serde_json::{Value, json};

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    client::{Client as Socket, checked, points},
    gateway, metric,
    raw::Raw,
    until,
    updates::{START_MS, update, window},
    within_patience,
};

/// The events of an answer.
struct Events {
    answer: Response,
    text: String,
}

impl Events {
    async fn open(gateway: &Gateway, query: &str, last: Option<&str>) -> Self {
        let mut request = Client::new().get(gateway.url(&format!("/api/v1/stream{query}")));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Events {
            answer: response,
            text: String::new(),
        }
    }

    /// The next one's id and message; `None` at the end.
    async fn next(&mut self) -> Option<(Option<u64>, Value)> {
        let event = within_patience("an event", async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let event = event.to_owned();
                    let taken = self.text.len() - rest.len();
                    self.text.drain(..taken);
                    return Some(event);
                }
                let bytes = self.answer.chunk().await.unwrap()?;
                self.text.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        })
        .await?;
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let id = field("id: ").map(|id| id.parse().unwrap());
        Some((id, checked(field("data: ").unwrap())))
    }

    async fn to(&mut self, sequence: u64) -> Value {
        loop {
            let (id, message) = self.next().await.unwrap();
            assert_eq!(id, message["data"]["sequence"].as_u64());
            if id == Some(sequence) {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn the_stream_tells_what_the_socket_tells() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut socket = Socket::connect(gateway.address, "").await;
    let mut events = Events::open(&gateway, "", None).await;
    let told = socket.read_to(10).await;
    assert_eq!(events.to(10).await, *told.last().unwrap());
    for (sequence, id) in [(11, "b"), (12, "c")] {
        analyzer.play(update(sequence, &[id]));
        let told = socket.read_to(sequence).await;
        assert_eq!(told, [events.to(sequence).await]);
    }
    for (query, last) in [
        ("?after=11", None),
        ("", Some("11")),
        ("?after=0", Some("11")),
        // A browser that reconnects asks for the URL that it began with.
        ("?after=10", Some("11")),
        ("?after=11", Some("")),
    ] {
        let mut returned = Events::open(&gateway, query, last).await;
        let (id, message) = returned.next().await.unwrap();
        assert_eq!(id, Some(12), "{query} {last:?}");
        assert_eq!(points(&message), ["c"], "{query} {last:?}");
    }
    gateway.context.tasks.stop().cancel();
    assert!(events.next().await.is_none(), "it ends with the gateway");
}

#[tokio::test]
async fn a_stream_has_its_place_among_the_watchers() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &["--gateway-max-clients", "1"]).await;
    let mut events = Events::open(&gateway, "", None).await;
    events.to(10).await;
    assert_eq!(gateway.get("/api/v1/stream").await.status(), 503);
    assert!(metric("satscope_gateway_watchers{transport=\"event_stream\"}").await >= 1.0);
    drop(events);
    until("its place", async || {
        gateway.get("/api/v1/stream").await.status() == 200
    })
    .await;
}

/// The milliseconds of the `retry:` line that a stream begins with.
async fn retry_ms(gateway: &Gateway) -> u64 {
    let mut answer = gateway.get("/api/v1/stream").await;
    let first = within_patience("the first line", answer.chunk()).await;
    let first = first.unwrap().unwrap();
    let line = std::str::from_utf8(&first).unwrap().lines().next().unwrap();
    line.strip_prefix("retry: ").unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_stream_is_told_another_time_to_come_back() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut times = std::collections::BTreeSet::new();
    for _ in 0..20 {
        times.insert(retry_ms(&gateway).await);
    }
    assert!(times.len() > 10, "{times:?}");
    assert!(
        times.iter().all(|ms| (1000..5000).contains(ms)),
        "{times:?}"
    );
}

#[tokio::test]
async fn the_ends_of_streams_are_counted_by_reason() {
    let ended = async |reason: &str| {
        let series = "satscope_gateway_watchers_closed_total{transport=\"event_stream\",reason=";
        metric(&format!("{series}\"{reason}\"}}")).await
    };
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &["--gateway-stuck-seconds", "1"]).await;
    let mut quick = Events::open(&gateway, "", None).await;
    quick.to(10).await;
    let (left, stuck) = (ended("left").await, ended("stuck").await);
    drop(Events::open(&gateway, "", None).await);
    until("the one that left", async || ended("left").await > left).await;

    let mut slow = Raw::connect_narrow(gateway.address).await;
    slow.send(b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    slow.head().await;
    let large_id = "x".repeat(200_000);
    for sequence in 11..=20 {
        analyzer.play(update(sequence, &[&large_id]));
        quick.to(sequence).await;
    }
    until("the one that is stuck", async || {
        ended("stuck").await > stuck
    })
    .await;

    let stopping = ended("stopping").await;
    gateway.context.tasks.stop().cancel();
    while quick.next().await.is_some() {}
    until("the one that was told to leave", async || {
        ended("stopping").await > stopping
    })
    .await;
}

#[tokio::test]
async fn wallets_are_answered_as_they_are_used_to() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    until("a price", async || {
        gateway.get("/api/v1/prices").await.status() == 200
    })
    .await;
    let prices: Value = gateway.get("/api/v1/prices").await.json().await.unwrap();
    assert_eq!(prices, json!({ "time": 1_700_000_005, "USD": 50_010 }));
}

#[tokio::test]
async fn the_past_comes_as_csv_for_who_wants_it() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    until("a price", async || {
        gateway.get("/api/v1/price").await.status() == 200
    })
    .await;
    let past = [3, 13].map(|second| HistoryEntry {
        time_ms: START_MS - 20_000 + second * 1000,
        estimate: update(second, &[]).estimate,
    });
    analyzer.knows(past.into(), None);
    let ask = async |query: &str, accept: &str| {
        let url = gateway.url(&format!("/api/v1/history{query}"));
        let request = Client::new().get(url).header(header::ACCEPT, accept);
        request.send().await.unwrap()
    };
    let content_type = |answer: &Response| {
        answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let expected = "timestamp,price,confidence,low,high,stale\r\n\
        1699999983.000,50003,0.9,49903,50103,false\r\n\
        1699999993.000,50013,0.9,49913,50113,false\r\n";
    for (query, accept) in [("", "text/csv"), ("?format=csv", "*/*")] {
        let answer = ask(query, accept).await;
        assert!(content_type(&answer).starts_with("text/csv"));
        assert_eq!(answer.text().await.unwrap(), expected, "{query}");
    }
    for (query, accept) in [("?format=json", "text/csv"), ("", "*/*")] {
        let answer = ask(query, accept).await;
        assert_eq!(content_type(&answer), "application/json", "{query}");
    }
    assert_eq!(ask("?format=xml", "*/*").await.status(), 400);
}

async fn from_page(gateway: &Gateway, method: Method, origin: &str) -> Response {
    let request = Client::new().request(method, gateway.url("/api/v1/price"));
    let request = request
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            "if-none-match,last-event-id",
        );
    request.send().await.unwrap()
}

#[tokio::test]
async fn pages_of_other_origins_read_only_where_they_are_listed() {
    const FRIEND: &str = "https://friend.example";
    let allowed = |answer: &Response| {
        let origin = answer.headers().get("access-control-allow-origin");
        origin.map(|value| value.to_str().unwrap().to_owned())
    };
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let closed = gateway(analyzer.address, &[]).await;
    let answer = from_page(&closed, Method::GET, FRIEND).await;
    assert_eq!(allowed(&answer), None);
    let answer = from_page(&closed, Method::OPTIONS, FRIEND).await;
    assert_eq!((answer.status().as_u16(), allowed(&answer)), (405, None));

    let flags = [
        "--gateway-allowed-origins",
        "https://other.example,https://friend.example",
    ];
    let listed = gateway(analyzer.address, &flags).await;
    for method in [Method::GET, Method::OPTIONS] {
        let answer = from_page(&listed, method.clone(), FRIEND).await;
        assert_eq!(allowed(&answer).as_deref(), Some(FRIEND), "{method}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        if method == Method::OPTIONS {
            let headers = answer.headers()["access-control-allow-headers"].to_str();
            let headers = headers.unwrap();
            assert!(headers.contains("last-event-id"), "{headers}");
        } else {
            let told = answer.headers()["access-control-expose-headers"].to_str();
            let told = told.unwrap();
            assert!(told.contains("x-satscope-state"), "{told}");
        }
        let answer = from_page(&listed, method, "https://evil.example").await;
        assert_eq!(allowed(&answer), None);
    }
    let any = gateway(analyzer.address, &["--gateway-allowed-origins", "*"]).await;
    let answer = from_page(&any, Method::GET, "https://anybody.example").await;
    assert_eq!(allowed(&answer).as_deref(), Some("*"));
    assert_eq!(
        answer.headers().get("access-control-allow-credentials"),
        None
    );
}
