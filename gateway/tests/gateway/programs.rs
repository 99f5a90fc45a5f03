//! What programs ask for without a socket: the stream, CSV, other wallets' shape, and answers for pages of other origins.

use reqwest::{Client, Method, Response, header};
use satscope_proto::v1::HistoryEntry;
use serde_json::{Value, json};

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    client::{Client as Socket, checked, points},
    gateway, metric, until,
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
                    self.text = rest.to_owned();
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
    assert!(metric("satscope_gateway_event_streams").await >= 1.0);
    drop(events);
    until("its place", async || {
        gateway.get("/api/v1/stream").await.status() == 200
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
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "if-none-match");
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
