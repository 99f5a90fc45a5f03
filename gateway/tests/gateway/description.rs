//! The server and its description, each held to the other.

mod asks;

use std::{collections::BTreeSet, fs};

use jsonschema::{Registry, Validator};
use reqwest::{Client, Method, Response, StatusCode, header};
use satscope_proto::v1::HistoryEntry;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    gateway,
    historian::{Historian, some_prices},
    until,
    updates::{START_MS, amounts, update, window, without_estimate},
};
use asks::{Ask, FULL, NOT_YET, PAST, STOPPING, THEN};

/// Where the description is taken to lie, so that what it refers to lies beside it.
const BASE: &str = "http://gateway.example/api/v1/";

struct Description {
    document: Value,
    registry: Registry<'static>,
}

impl Description {
    fn read() -> Self {
        let text = include_str!("../../openapi.yaml");
        let document: Value = serde_saphyr::from_str(text).unwrap();
        let messages = include_str!("../../websocket-message.schema.json");
        let messages: Value = serde_json::from_str(messages).unwrap();
        let registry = Registry::new()
            .add(format!("{BASE}openapi.yaml"), document.clone())
            .and_then(|known| known.add(format!("{BASE}websocket-message.schema.json"), messages))
            .and_then(|known| known.prepare())
            .unwrap();
        Description { document, registry }
    }

    /// The validator of what stands at this pointer of the description.
    fn validator(&self, pointer: &str) -> Validator {
        let schema = json!({ "$ref": format!("{BASE}openapi.yaml#{pointer}") });
        let options = jsonschema::options().with_registry(&self.registry);
        options
            .build(&schema)
            .unwrap_or_else(|error| panic!("{pointer}: {error}"))
    }

    /// The pointer to an answer, past its reference.
    fn response(&self, asked: &Ask) -> String {
        let pointer = format!(
            "/paths/{}/get/responses/{}",
            asked.path.replace('/', "~1"),
            asked.status
        );
        let described = self.document.pointer(&pointer);
        let described = described.unwrap_or_else(|| panic!("{pointer} is not described"));
        match described["$ref"].as_str() {
            Some(elsewhere) => elsewhere.trim_start_matches('#').to_owned(),
            None => pointer,
        }
    }

    /// Every path, status and content type that is described.
    fn all(&self) -> BTreeSet<(String, u16, String)> {
        let mut all = BTreeSet::new();
        for (path, operations) in self.document["paths"].as_object().unwrap() {
            for (status, response) in operations["get"]["responses"].as_object().unwrap() {
                let status = status.parse().unwrap();
                let response = match response["$ref"].as_str() {
                    Some(elsewhere) => self.document.pointer(&elsewhere[1..]).unwrap(),
                    None => response,
                };
                let content = response["content"].as_object();
                let types = content.map(|content| content.keys().cloned().collect());
                for content_type in types.unwrap_or_else(|| vec![String::new()]) {
                    all.insert((path.clone(), status, content_type));
                }
            }
        }
        all
    }
}

async fn hold(gateway: &Gateway, description: &Description, asked: &Ask) {
    let what = format!("{} of {}{}", asked.status, asked.path, asked.query);
    let url = gateway.url(&format!("{}{}", asked.path, asked.query));
    let mut request = Client::new().get(url);
    for (name, value) in asked.headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), asked.status, "{what}");
    let pointer = description.response(asked);
    hold_headers(&response, description, &pointer, &what);
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.map_or("", |value| value.to_str().unwrap());
    let bare = content_type.split(';').next().unwrap().to_owned();
    assert_eq!(bare, asked.content_type, "{what}");
    // A stream has no end, and a socket no body.
    if bare.is_empty() || bare == "text/event-stream" {
        return;
    }
    let body = response.text().await.unwrap();
    let body = match bare.ends_with("json") {
        true => serde_json::from_str(&body).unwrap(),
        false => Value::String(body),
    };
    let escaped = bare.replace('/', "~1");
    let validator = description.validator(&format!("{pointer}/content/{escaped}/schema"));
    if let Err(error) = validator.validate(&body) {
        panic!("{what}: {}: {error} in {body}", error.instance_path());
    }
}

fn hold_headers(response: &Response, description: &Description, pointer: &str, what: &str) {
    let described = description.document.pointer(pointer).unwrap();
    for name in described["headers"].as_object().into_iter().flatten() {
        let (name, header) = name;
        let elsewhere = header["$ref"].as_str().unwrap().trim_start_matches('#');
        let is_optional = description.document.pointer(elsewhere).unwrap()["required"] == false;
        let value = match response.headers().get(name) {
            Some(value) => value.to_str().unwrap(),
            None if is_optional => continue,
            None => panic!("{what}: no header {name}"),
        };
        let validator = description.validator(&format!("{elsewhere}/schema"));
        let number = value.parse::<u64>().map(Value::from);
        let value = number.unwrap_or_else(|_| Value::from(value));
        assert!(validator.is_valid(&value), "{what}: {name}: {value}");
    }
}

#[tokio::test]
async fn every_answer_is_as_described_and_every_description_is_answered() {
    let description = Description::read();
    let analyzer = Analyzer::start(vec![without_estimate(window(10, &["a"]))]).await;
    let early = gateway("127.0.0.1:9".parse().unwrap(), &[]).await;
    for asked in &NOT_YET {
        hold(&early, &description, asked).await;
    }
    let past = (1..=90).map(|second| HistoryEntry {
        time_ms: START_MS - 90_000 + second * 1000,
        estimate: update(second, &[]).estimate,
    });
    analyzer.knows(past.collect(), Some(amounts()));
    let historian = Historian::start(some_prices()).await;
    // Of the days of the historian's prices; undated rates are of now.
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, "EUR,0.92,2024-03-01\nEUR,0.91,2023-11-14\n").unwrap();
    let [flag, url] = historian.flag();
    let path = file.path().to_str().unwrap();
    let ready = gateway(analyzer.address, &[&flag, &url, "--fx-file", path]).await;
    until("a subscription", async || {
        ready.get("/api/v1/points").await.status() == StatusCode::OK
    })
    .await;
    analyzer.play(update(11, &["b"]));
    until("a price in euros", async || {
        let prices = ready.get("/api/v1/prices").await.text().await.unwrap();
        prices.contains("EUR")
    })
    .await;
    for asked in THEN.iter().chain(&PAST) {
        hold(&ready, &description, asked).await;
    }
    early.context.readiness.drain();
    for asked in &STOPPING {
        hold(&early, &description, asked).await;
    }
    for asked in &FULL {
        hold_full(&description, asked).await;
    }

    let asked = NOT_YET.iter().chain(&THEN).chain(&PAST);
    let asked = asked.chain(&STOPPING).chain(&FULL);
    let asked = asked.map(|asked| {
        let content_type = asked.content_type.to_owned();
        (asked.path.to_owned(), asked.status, content_type)
    });
    assert_eq!(asked.collect::<BTreeSet<_>>(), description.all());
}

/// A gateway with room for one watcher, which is there, and without an analyzer.
async fn hold_full(description: &Description, asked: &Ask) {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let full = gateway(nowhere, &["--gateway-max-clients", "1"]).await;
    let _only = Client::new()
        .get(full.url("/api/v1/stream"))
        .send()
        .await
        .unwrap();
    hold(&full, description, asked).await;
}

#[tokio::test]
async fn every_route_is_described() {
    let description = Description::read();
    let paths = description.document["paths"].as_object().unwrap();
    let rooms = [
        include_str!("../../src/rest.rs"),
        include_str!("../../src/watch.rs"),
    ];
    let routes = rooms
        .iter()
        .flat_map(|room| room.split(".route(\"").skip(1));
    let routes: Vec<&str> = routes.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(routes.len() > 5, "{routes:?}");
    for route in routes {
        assert!(paths.contains_key(route), "{route} is not described");
    }
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    for path in paths.keys() {
        let request = Client::new().request(Method::PUT, gateway.url(path));
        assert_eq!(request.send().await.unwrap().status(), 405, "{path}");
    }
}

/// Addresses that pass over unknown parameters: those in the shape of other servers, pictures, those of operators, and files.
const PASSING_OVER: [&str; 13] = [
    "/api/v1/prices",
    "/api/rates",
    "/api/v1/exchange-rates",
    "/api/v1/historical-price",
    "/price.svg",
    "/price.png",
    "/api/v1/stream",
    "/ws/mempool",
    "/api/v1/openapi.yaml",
    "/api/v1/websocket-message.schema.json",
    "/health",
    "/healthz",
    "/readyz",
];

#[tokio::test]
async fn a_parameter_that_is_not_described_is_refused_with_those_that_are() {
    let description = Description::read();
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let paths = description.document["paths"].as_object().unwrap();
    for (path, operations) in paths {
        let response = gateway.get(&format!("{path}?form=csv")).await;
        if PASSING_OVER.contains(&path.as_str()) {
            assert_ne!(response.status(), 400, "{path}");
            continue;
        }
        assert_eq!(response.status(), 400, "{path}");
        let problem: Value = response.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        let rest = detail.strip_prefix("form: expected no parameter").unwrap();
        let named = rest.split(';').next().unwrap().replace(" and ", ", ");
        let named: BTreeSet<&str> = match named.strip_prefix(" but ") {
            Some(names) => names.split(", ").collect(),
            None => BTreeSet::new(),
        };
        let described = operations["get"]["parameters"].as_array();
        let described = described.into_iter().flatten().map(|one| {
            let elsewhere = one["$ref"].as_str().map(|pointer| &pointer[1..]);
            elsewhere.map_or(one, |pointer| {
                description.document.pointer(pointer).unwrap()
            })
        });
        let described = described.filter(|one| one["in"] == "query");
        let described: BTreeSet<&str> =
            described.map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(named, described, "{path}");
    }
}

#[test]
fn the_count_of_transactions_is_described_with_what_was_read_back_at_the_start() {
    let messages = include_str!("../../websocket-message.schema.json");
    let messages: Value = serde_json::from_str(messages).unwrap();
    let stats = "/$defs/data/properties/stats/properties/total_received/description";
    let stats = messages.pointer(stats).unwrap().as_str().unwrap();
    for (place, text) in [
        ("the schema of messages", stats),
        (
            "the contract of the parts",
            include_str!("../../../proto/satscope/v1/common.proto"),
        ),
        ("the page", include_str!("../../../frontend/index.html")),
        ("the metrics", include_str!("../../../docs/operations.md")),
    ] {
        let is_told = text.contains("read back at");
        assert!(is_told, "{place} does not tell of what was read back");
    }
    // The descriptions of REST refer to the schema, and so have the same words.
    let description = Description::read();
    let price = &description.document["components"]["schemas"]["Price"];
    let reference = price["properties"]["stats"]["$ref"].as_str().unwrap();
    assert!(reference.starts_with("websocket-message.schema.json#"));
}

#[tokio::test]
async fn it_is_served_as_it_stands_here() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    for (path, text) in [
        ("openapi.yaml", include_str!("../../openapi.yaml")),
        (
            "websocket-message.schema.json",
            include_str!("../../websocket-message.schema.json"),
        ),
    ] {
        let served = gateway.get(&format!("/api/v1/{path}")).await;
        assert_eq!(served.text().await.unwrap(), text);
    }
}
