//! Prices of the past. Here: single blocks, how far the historian has come, and the helpers of all these tests.

mod past_price;
mod spans;

use reqwest::Response;
use satscope_proto::v1::{BlockState, HistorianState};
use serde_json::{Value, json};

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    gateway,
    historian::{Historian, MARCH, block, some_prices},
    updates::window,
};

/// A gateway of this historian, with its analyzer.
pub async fn with(historian: &Historian) -> (Gateway, Analyzer) {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flag = historian.flag();
    let gateway = gateway(analyzer.address, &flag.each_ref().map(String::as_str)).await;
    (gateway, analyzer)
}

pub async fn json_of(gateway: &Gateway, path: &str) -> Value {
    let response = gateway.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(header_of(&response, "content-type"), "application/json");
    response.json().await.unwrap()
}

pub async fn text_of(gateway: &Gateway, path: &str) -> String {
    let response = gateway.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

/// The detail of the problem that is answered with this status.
pub async fn detail_of(gateway: &Gateway, path: &str, status: u16) -> String {
    let response = gateway.get(path).await;
    assert_eq!(response.status(), status, "{path}");
    let problem: Value = response.json().await.unwrap();
    problem["detail"].as_str().unwrap().to_owned()
}

fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_block_has_its_price_and_keeps_it_once_nothing_can_change_it() {
    const FIRST: u32 = 167 * 2016;
    let at = |height: u32, state| {
        let time = MARCH + u64::from(height - FIRST) * 600;
        block(height, time, 6_000_000, state)
    };
    let historian = Historian::start(vec![
        at(FIRST, BlockState::Final),
        at(FIRST + 5, BlockState::Final),
        at(FIRST + 2016, BlockState::Final),
        at(FIRST + 2021, BlockState::Final),
        at(FIRST + 4032, BlockState::Settled),
    ])
    .await;
    let (gateway, _analyzer) = with(&historian).await;
    let path = format!("/api/v1/history?height={}", FIRST + 5);
    let expected = json!({
        "time": MARCH + 3000, "price": 60_000, "interval": { "low": 59_999, "high": 60_001 }, "confidence": 0.97,
        "state": "final", "source": "block", "height": FIRST + 5, "model": 1, "payments": 312,
    });
    assert_eq!(json_of(&gateway, &path).await, expected);
    let line = format!(
        "{},60000,59999,60001,0.97,final,block,{}\r\n",
        MARCH + 3000,
        FIRST + 5
    );
    assert!(
        text_of(&gateway, &format!("{path}&format=csv"))
            .await
            .ends_with(&line)
    );
    let caching = async |height: u32, query: &str| {
        let response = gateway
            .get(&format!("/api/v1/history?height={height}{query}"))
            .await;
        assert_eq!(response.status(), 200);
        assert_ne!(header_of(&response, "etag"), "");
        header_of(&response, "cache-control").to_owned()
    };
    let for_ever = "public, max-age=31536000, immutable";
    assert_eq!(caching(FIRST + 5, "&model=1").await, for_ever);
    assert_eq!(caching(FIRST + 5, "").await, "no-cache", "of no model");
    let open = caching(FIRST + 2021, "&model=1").await;
    assert_eq!(open, "no-cache", "the period after its own is open");
    assert_eq!(
        caching(FIRST + 4032, "&model=1").await,
        "no-cache",
        "not final"
    );

    let none = detail_of(&gateway, "/api/v1/history?height=5", 404).await;
    assert!(none.contains("no price of block 5:"), "{none}");
    let other = detail_of(&gateway, &format!("{path}&model=2"), 404).await;
    assert!(other.contains("is of model 1"), "{other}");
    let both = detail_of(&gateway, &format!("{path}&range=1y"), 400).await;
    assert_eq!(both, "height: expected no range beside it; got both");
}

#[tokio::test]
async fn the_coverage_is_what_the_historian_says() {
    let historian = Historian::start(some_prices()).await;
    historian.covers(|coverage| {
        coverage.state = HistorianState::Filling.into();
        coverage.wanted_blocks = 472;
        coverage.left_seconds = Some(10_800);
        coverage.detail = "reads the past".to_owned();
    });
    let (gateway, _analyzer) = with(&historian).await;
    let told = json_of(&gateway, "/api/v1/history/coverage").await;
    let expected = json!({
        "state": "filling", "detail": "reads the past", "chain": "main", "simulated": false, "model": 1,
        "tip_height": 832_895, "first_height": 832_608, "last_height": 832_895, "settled_height": 832_895,
        "first_time": MARCH, "last_time": MARCH + 287 * 600, "since_time": MARCH,
        "first_minute": MARCH + 288 * 600, "last_minute": MARCH + 288 * 600 + 59 * 60,
        "blocks": 288, "minutes": 60, "read_blocks": 288, "wanted_blocks": 472, "left_seconds": 10_800,
    });
    assert_eq!(told, expected);
}
