//! What each interface says of the price's age.

use std::{collections::BTreeMap, net::SocketAddr};

use satscope_proto::v1::{Estimate, GetPriceRequest, PriceUpdatesRequest};
use serde_json::Value;

use crate::{
    stage::Stage,
    support::{
        grpc::{next, prices},
        socket::Socket,
        wait::in_time,
    },
};

/// One answer.
#[derive(Debug)]
pub struct Told {
    /// Why the price is stale.
    pub stale: Option<String>,
    /// Age of its newest payment, seconds.
    pub age_seconds: f64,
}

/// The answers of this moment, by interface.
#[derive(Debug)]
pub struct Answers(BTreeMap<&'static str, Told>);

impl Answers {
    /// Of the gateway; nothing where one of them has no price.
    pub async fn of_gateway(stage: &Stage) -> Option<Answers> {
        let gateway = stage.gateway.address;
        let price = format!("http://{gateway}/api/v1/price");
        let prices = format!("http://{gateway}/api/v1/prices");
        let answers = [
            ("REST", of_message(&json(&price).await?)?),
            ("text/plain", of_headers(&price, "text/plain").await?),
            ("prices", of_headers(&prices, "application/json").await?),
            ("WebSocket", of_socket(gateway).await?),
            ("events", of_events(gateway).await?),
        ];
        Some(Answers(answers.into()))
    }

    /// Of the gateway and the analyzer; likewise.
    pub async fn of_all(stage: &Stage) -> Option<Answers> {
        let mut answers = Answers::of_gateway(stage).await?;
        let mut client = prices(stage.analyzer.address).await;
        let update = client.get_price(GetPriceRequest {}).await.unwrap();
        let estimate = update.into_inner().update?.estimate?;
        answers.0.insert("GetPrice", of_estimate(&estimate));
        let updates = client.price_updates(PriceUpdatesRequest::default()).await;
        let first = next(&mut updates.unwrap().into_inner()).await?;
        let estimate = first.update?.estimate?;
        answers.0.insert("PriceUpdates", of_estimate(&estimate));
        Some(answers)
    }

    /// Whether all are so.
    pub fn each(&self, is_so: impl Fn(&Told) -> bool) -> bool {
        self.0.values().all(is_so)
    }

    /// Whether each is this much older than before, seconds.
    pub fn are_older_than(&self, before: &Answers, seconds: f64) -> bool {
        let is_older = |(name, told): (&&str, &Told)| {
            let before = before.0.get(*name);
            before.is_some_and(|before| told.age_seconds >= before.age_seconds + seconds)
        };
        self.0.iter().all(is_older)
    }
}

/// The body of an answer of 200.
async fn json(url: &str) -> Option<Value> {
    let response = in_time(url, reqwest::get(url)).await.unwrap();
    match response.status().as_u16() {
        200 => Some(response.json().await.unwrap()),
        _ => None,
    }
}

fn of_message(data: &Value) -> Option<Told> {
    let age = data.get("age_seconds")?.clone();
    assert_eq!(data["evidence"]["newest_payment_age_seconds"], age);
    assert!(data["as_of"].as_f64()? > 0.0);
    let stale = data
        .get("stale_reason")
        .map(|reason| reason.as_str().unwrap().to_owned());
    assert_eq!(data["stale"], stale.is_some());
    Some(Told {
        stale,
        age_seconds: age.as_f64()?,
    })
}

async fn of_headers(url: &str, accept: &str) -> Option<Told> {
    let request = reqwest::Client::new().get(url).header("accept", accept);
    let response = in_time(url, request.send()).await.unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    match response.status().as_u16() {
        200 => Some(Told {
            stale: header("x-satscope-stale"),
            age_seconds: header("x-satscope-age-seconds")?.parse().unwrap(),
        }),
        _ => None,
    }
}

async fn of_socket(gateway: SocketAddr) -> Option<Told> {
    let mut socket = Socket::connect(gateway).await;
    of_message(&socket.next().await["data"])
}

async fn of_events(gateway: SocketAddr) -> Option<Told> {
    let url = format!("http://{gateway}/api/v1/stream");
    let mut response = in_time(&url, reqwest::get(&url)).await.unwrap();
    let mut text = String::new();
    while !text.contains("\n\n") {
        let bytes = in_time("an event", response.chunk()).await.unwrap()?;
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    let line = text.lines().find_map(|line| line.strip_prefix("data: "))?;
    let message: Value = serde_json::from_str(line).unwrap();
    of_message(&message["data"])
}

fn of_estimate(estimate: &Estimate) -> Told {
    assert!(estimate.as_of_ms > 0);
    let reason = estimate.stale_reason().as_str_name();
    let reason = reason.trim_start_matches("STALE_REASON_").to_lowercase();
    Told {
        stale: estimate.stale.then_some(reason),
        age_seconds: estimate.age_ms as f64 / 1000.0,
    }
}
