//! How old the price is, in every answer that has it.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, header};
use satscope_proto::v1::StaleReason;
use serde_json::Value;

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    client::Client as Socket,
    gateway, metric, until,
    updates::{stale, update, window},
};

/// The answers of a gateway that have a price: JSON, the bare number, and the shape that wallets know.
async fn answers(gateway: &Gateway) -> [Response; 3] {
    let text = Client::new()
        .get(gateway.url("/api/v1/price"))
        .header(header::ACCEPT, "text/plain");
    [
        gateway.get("/api/v1/price").await,
        text.send().await.unwrap(),
        gateway.get("/api/v1/prices").await,
    ]
}

fn header_of<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap())
}

fn age_of(response: &Response) -> u64 {
    let age = header_of(response, "x-satscope-age-seconds");
    age.unwrap().parse().unwrap()
}

async fn has_price(gateway: &Gateway) {
    until("a price", async || {
        gateway.get("/api/v1/price").await.status() == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn every_answer_says_how_old_the_price_is_and_why_it_is_stale() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    has_price(&gateway).await;
    for answer in answers(&gateway).await {
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(age_of(&answer) < 60);
        assert_eq!(header_of(&answer, "x-satscope-stale"), None);
    }
    let mut client = Socket::connect(gateway.address, "").await;
    client.read_to(10).await;
    analyzer.play(stale(StaleReason::NoPayments, 700_000, update(11, &[])));
    let told = client.read_to(11).await;
    let told = &told.last().unwrap()["data"];
    assert_eq!(told["stale_reason"], "no_payments");
    assert!(told["age_seconds"].as_f64().unwrap() >= 700.0);
    let [json, text, prices] = answers(&gateway).await;
    for answer in [&json, &text, &prices] {
        assert_eq!(answer.status(), StatusCode::OK);
        assert!((700..760).contains(&age_of(answer)));
        assert_eq!(header_of(answer, "x-satscope-stale"), Some("no_payments"));
    }
    let json: Value = json.json().await.unwrap();
    assert_eq!(json["stale_reason"], "no_payments");
    assert_eq!(json["as_of"], 1_700_000_005.5);
    assert!(json["age_seconds"].as_f64().unwrap() >= told["age_seconds"].as_f64().unwrap());
    let prices: Value = prices.json().await.unwrap();
    assert_eq!(prices["time"], 1_700_000_005);
}

#[tokio::test]
async fn the_age_grows_when_nobody_speaks_any_more() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    has_price(&gateway).await;
    analyzer.stop().await;
    let age = async || {
        let price: Value = gateway.get("/api/v1/price").await.json().await.unwrap();
        assert_eq!(
            price["evidence"]["newest_payment_age_seconds"],
            price["age_seconds"]
        );
        price["age_seconds"].as_f64().unwrap()
    };
    let before = age().await;
    until("an older price", async || age().await > before + 1.0).await;
    until("a metric that says so", async || {
        metric("satscope_gateway_price_age_seconds").await > before
            && metric("satscope_gateway_price_stale{reason=\"upstream_lost\"}").await > 0.0
    })
    .await;
}

#[tokio::test]
async fn a_price_that_has_been_stale_for_long_is_given_only_where_it_can_be_said() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &["--stale-after-seconds", "1"]).await;
    has_price(&gateway).await;
    let address = analyzer.stop().await;
    until("a refusal", async || {
        gateway.get("/api/v1/prices").await.status() == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let [json, text, prices] = answers(&gateway).await;
    let json: Value = json.json().await.unwrap();
    assert_eq!(
        (&json["stale"], &json["stale_reason"]),
        (&true.into(), &"upstream_lost".into())
    );
    for refused in [text, prices] {
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(header_of(&refused, "retry-after").is_some());
        let problem: Value = refused.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("upstream_lost"), "{detail}");
    }
    let mut client = Socket::connect(gateway.address, "").await;
    assert_eq!(client.next().await["data"]["stale"], true);
    let returned = std::time::Instant::now();
    let _analyzer = Analyzer::start_at(address, vec![update(14, &[])]).await;
    until("the price for wallets", async || {
        gateway.get("/api/v1/prices").await.status() == StatusCode::OK
    })
    .await;
    assert!(returned.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_analyzer_that_begins_again_takes_no_price_from_anybody() {
    const EPOCH: u64 = 7 << 33;
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = Socket::connect(gateway.address, "").await;
    client.read_to(10).await;
    let address = analyzer.stop().await;
    let mut beginning = crate::support::updates::without_estimate(update(0, &[]));
    beginning.sequence = EPOCH + 1;
    let analyzer = Analyzer::start_at(address, vec![beginning]).await;
    let told = client
        .read_until(|message| message["data"]["stale_reason"] == "no_estimate")
        .await;
    for message in told {
        assert_eq!(message["type"], "mempool_update", "{message}");
        assert_eq!(message["data"]["reset"], false);
    }
    let mut whole = window(20, &["b"]);
    whole.sequence = EPOCH + 2;
    analyzer.play(whole);
    let told = client.read_to(EPOCH + 2).await;
    let newest = &told.last().unwrap()["data"];
    assert_eq!(newest["stale"], false);
    // Nobody begins anew: clients are told the difference.
    assert!(told.iter().all(|message| message["data"]["reset"] == false));
    assert_eq!(newest["transactions"][0]["id"], "b");
    assert_eq!(newest["changes"][0]["id"], "a");
    assert_eq!(newest["changes"][0]["state"], "removed");
}
