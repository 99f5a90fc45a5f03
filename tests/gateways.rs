//! Gateways as operators run them: several on one analyzer, one that is told to end, and ports that ask for a token.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use serde_json::Value;
use support::{
    chain::{Chain, Served, StandIn},
    metrics::{Scrape, get},
    socket::Socket,
    wait::until,
};
use tonic::{Code, Request, metadata::MetadataValue};

/// The plot as a client keeps it: its points and their states, by id, and the sequence up to which it has all.
#[derive(Debug, Default, PartialEq)]
struct Plot {
    sequence: u64,
    points: BTreeMap<String, String>,
}

impl Plot {
    /// All of it, as a page begins.
    async fn get(gateway: SocketAddr) -> Plot {
        let url = format!("http://{gateway}/api/v1/points");
        let (status, body) = get(&url).await;
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let mut plot = Plot {
            sequence: answer["sequence"].as_u64().unwrap(),
            ..Plot::default()
        };
        plot.add(&answer["points"]);
        plot
    }

    fn add(&mut self, points: &Value) {
        for point in points.as_array().unwrap() {
            let text = |field: &str| point[field].as_str().unwrap().to_owned();
            self.points.insert(text("id"), text("state"));
        }
    }

    /// Takes a message that is not a new beginning.
    fn take(&mut self, message: &Value) {
        let data = &message["data"];
        assert_eq!(data["reset"], false, "{}", data["sequence"]);
        self.add(&data["transactions"]);
        for change in data["changes"].as_array().unwrap() {
            let id = change["id"].as_str().unwrap();
            match change["state"].as_str().unwrap() {
                "removed" => drop(self.points.remove(id)),
                state => drop(self.points.get_mut(id).map(|held| state.clone_into(held))),
            }
        }
        self.sequence = data["sequence"].as_u64().unwrap();
    }

    /// Reads on until it is at or past this sequence.
    async fn follow(&mut self, socket: &mut Socket, sequence: u64) {
        while self.sequence < sequence {
            self.take(&socket.next().await);
        }
    }
}

/// Waits for a price while ingest is in step with the node: from then on nothing of the start makes the plot begin anew.
async fn has_settled(gateway: &Served) {
    let url = format!("http://{}/api/v1/price", gateway.address);
    until("a price in step with the node", async || {
        let (status, body) = get(&url).await;
        let price: Value = serde_json::from_str(&body).unwrap();
        let hops = price["hops"].as_array().into_iter().flatten();
        let in_step = hops.filter(|hop| hop["state"] == "connected").count() == 4;
        (status == 200 && in_step).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_gateway_dies_goes_on_at_another_without_a_gap() {
    let mut chain = Chain::on_simulation(&["--block-interval=60"]).await;
    let other = Served::gateway(chain.analyzer.address).await;
    has_settled(&chain.gateway).await;
    has_settled(&other).await;
    let first = chain.gateway.address;
    let mut plot = Plot::get(first).await;
    let mut socket = Socket::resume(first, plot.sequence).await;
    let soon = plot.sequence + 3;
    plot.follow(&mut socket, soon).await;
    // The other goes on for a while before the client gets there.
    let mut witness = Socket::connect(other.address).await;
    chain.gateway.part.kill().await;
    let missed = plot.sequence + 4;
    let is_later = |message: &Value| message["data"]["sequence"].as_u64() >= Some(missed);
    witness.read_until("a later update", is_later).await;
    drop(socket);

    let before = plot.points.len();
    let mut socket = Socket::resume(other.address, plot.sequence).await;
    plot.follow(&mut socket, missed).await;
    assert!(plot.points.len() > before, "nothing was missed");
    // The other's whole plot; both then go on until they have read to the same update.
    let (mut resumed, mut expected) = (plot, Plot::get(other.address).await);
    let mut fresh = Socket::resume(other.address, expected.sequence).await;
    while resumed.sequence != expected.sequence {
        let newest = resumed.sequence.max(expected.sequence);
        resumed.follow(&mut socket, newest).await;
        expected.follow(&mut fresh, newest).await;
    }
    assert_eq!(resumed, expected);
}

/// The one that never answers holds the end off for as long as a farewell may take, so that there is time to look.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_ends_says_so_first_and_sends_everybody_away() {
    const CLIENTS: usize = 100;
    let chain = Chain::on_simulation(&[]).await;
    let analyzer = format!("http://{}", chain.analyzer.address);
    let flags = ["--analyzer-url", &analyzer, "--drain-seconds", "60"];
    let mut gateway = Served::gateway_with(&flags).await;
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        let mut socket = Socket::connect(gateway.address).await;
        socket.next().await;
        sockets.push(socket);
    }
    let silent = sockets.pop().unwrap();
    let readyz = format!("http://{}/readyz", gateway.metrics);
    until("readiness", async || {
        (get(&readyz).await.0 == 200).then_some(())
    })
    .await;

    gateway.part.ask_to_end();
    until("that it is not ready", async || {
        let (status, body) = get(&readyz).await;
        (status == 503).then(|| assert!(body.contains("draining"), "{body}"))
    })
    .await;
    let socket = format!("http://{}/api/v1/stream", gateway.address);
    assert_eq!(get(&socket).await.0, 503, "nobody is let in any more");
    for socket in sockets {
        let (code, reason) = socket.closed_with().await;
        assert_eq!(code, 1001);
        assert!(!reason.is_empty());
    }
    let scrape = Scrape::of(gateway.metrics).await;
    let closed = "satscope_gateway_watchers_closed_total";
    assert!(scrape.sum(closed, "stopping") >= 99.0);
    let status = gateway.part.ended().await;
    assert_eq!(status.code(), Some(0));
    drop(silent);
}

struct TokenFile(std::path::PathBuf);

impl TokenFile {
    fn new(name: &str, token: &str) -> TokenFile {
        let name = format!("token-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, format!("{token}\n")).unwrap();
        TokenFile(path)
    }

    fn flag(&self) -> String {
        format!("--grpc-token-file={}", self.0.display())
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_only_those_who_know_it_are_answered() {
    const TOKEN: &str = "mellon-7f3a";
    let (right, wrong) = (
        TokenFile::new("right", TOKEN),
        TokenFile::new("wrong", "melon"),
    );
    let (right, wrong) = (right.flag(), wrong.flag());
    let node = StandIn::simulate(&[]).await;
    let flags = ["--node-is-standin", &node.rpc_url(), &right];
    let ingest = Served::ingest(&node.zmq, &flags).await;
    let ingest_url = format!("http://{}", ingest.address);
    let analyzer = Served::analyzer_with(&["--ingest-url", &ingest_url, &right]).await;
    let analyzer_url = format!("http://{}", analyzer.address);
    let knows = Served::gateway_with(&["--analyzer-url", &analyzer_url, &right]).await;
    let guesses = Served::gateway_with(&["--analyzer-url", &analyzer_url, &wrong]).await;
    let ignores = Served::gateway_with(&["--analyzer-url", &analyzer_url]).await;

    has_settled(&knows).await;
    let history = format!("http://{}/api/v1/history", knows.address);
    until("the past", async || {
        (get(&history).await.0 == 200).then_some(())
    })
    .await;
    for stranger in [&guesses, &ignores] {
        let url = format!("http://{}/readyz", stranger.metrics);
        until("what it waits for", async || {
            let (status, body) = get(&url).await;
            assert_eq!(status, 200, "it can serve");
            body.contains("authorization").then_some(())
        })
        .await;
    }
    let refused = "satscope_grpc_calls_refused_total";
    assert!(
        Scrape::of(analyzer.metrics)
            .await
            .sum(refused, "PriceService")
            >= 2.0
    );

    for (address, service) in [(ingest.address, "Ingest"), (analyzer.address, "Price")] {
        let listed = |token: Option<&str>| list_services(address, token.map(str::to_owned));
        for token in [None, Some("Bearer melon"), Some(TOKEN)] {
            assert_eq!(listed(token).await, Err(Code::Unauthenticated), "{service}");
        }
        let services = listed(Some(&format!("Bearer {TOKEN}"))).await.unwrap();
        assert!(services.contains(&format!("satscope.v1.{service}Service")));
        assert!(is_healthy(address).await, "health is anybody's to ask");
    }
    for part in [&ingest.part, &analyzer.part, &knows.part, &guesses.part] {
        assert!(!part.log().iter().any(|line| line.contains(TOKEN)));
    }
}

/// What reflection lists.
async fn list_services(address: SocketAddr, token: Option<String>) -> Result<Vec<String>, Code> {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let mut client = ServerReflectionClient::new(support::grpc::channel(address).await);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let question = ServerReflectionRequest {
        message_request,
        ..ServerReflectionRequest::default()
    };
    let mut request = Request::new(tokio_stream::once(question));
    if let Some(token) = token {
        let token: MetadataValue<_> = token.parse().unwrap();
        request.metadata_mut().insert("authorization", token);
    }
    let answer = client.server_reflection_info(request).await;
    let mut answers = answer.map_err(|status| status.code())?.into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    match answer.message_response.unwrap() {
        MessageResponse::ListServicesResponse(listed) => {
            Ok(listed.service.into_iter().map(|one| one.name).collect())
        }
        other => panic!("{other:?}"),
    }
}

async fn is_healthy(address: SocketAddr) -> bool {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    let mut client = HealthClient::new(support::grpc::channel(address).await);
    let service = String::new();
    let answer = client.check(HealthCheckRequest { service }).await;
    answer.unwrap().into_inner().status() == ServingStatus::Serving
}
