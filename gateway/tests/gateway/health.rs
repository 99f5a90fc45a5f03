//! What `/health` says of the chain while it is well, and while a part of it is missing.

use std::time::Duration;

use reqwest::StatusCode;
use satscope_proto::v1::{Hop, HopState, PriceUpdate, StaleReason};
use serde_json::Value;

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    gateway, until,
    updates::{stale, update, window, without_estimate},
};

/// The answer, which is 200 whatever is down.
async fn health(gateway: &Gateway) -> Value {
    let response = gateway.get("/health").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().await.unwrap()
}

/// The answer once its state is this.
async fn health_of(gateway: &Gateway, state: &str) -> Value {
    until(state, async || health(gateway).await["state"] == state).await;
    health(gateway).await
}

fn hop<'a>(health: &'a Value, name: &str) -> &'a Value {
    let hops = health["hops"].as_array().unwrap();
    hops.iter().find(|hop| hop["name"] == name).unwrap()
}

/// The update with the node's link in this state.
fn with_node(state: HopState, detail: &str, mut update: PriceUpdate) -> PriceUpdate {
    update.hops[0] = Hop {
        name: "node".to_owned(),
        state: state.into(),
        detail: detail.to_owned(),
    };
    update
}

#[tokio::test]
async fn health_names_what_is_missing_and_is_always_200() {
    let analyzer = Analyzer::start(vec![without_estimate(window(10, &["a"]))]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let early = health_of(&gateway, "no_price").await;
    assert!(early["detail"].as_str().unwrap().contains("no price yet"));
    assert_eq!(early.get("age_seconds"), None, "{early}");

    let behind = with_node(
        HopState::Resyncing,
        "43 % synchronised",
        without_estimate(update(11, &[])),
    );
    analyzer.play(behind);
    until("what the node does", async || {
        let health = health(&gateway).await;
        let detail = health["detail"].as_str().unwrap();
        detail.contains("the node is catching up (43 % synchronised)")
    })
    .await;

    analyzer.play(update(12, &[]));
    let well = health_of(&gateway, "ok").await;
    assert_eq!(well.get("detail"), None, "{well}");
    assert_eq!(
        (&well["stale"], &well["as_of"]),
        (&false.into(), &1_700_000_006.0.into())
    );
    assert!(
        (0.25..60.0).contains(&well["age_seconds"].as_f64().unwrap()),
        "{well}"
    );
    assert_eq!(well["stats"]["total_received"], 1000);
    for name in ["node", "ingest", "analyzer", "gateway"] {
        assert_eq!(hop(&well, name)["state"], "connected");
    }

    analyzer.play(with_node(HopState::Degraded, "no RPC", update(13, &[])));
    let degraded = health_of(&gateway, "degraded").await;
    assert_eq!(degraded["detail"], "node: no RPC");
    assert_eq!(degraded["stale"], false);

    analyzer.play(stale(StaleReason::NoPayments, 700_000, update(14, &[])));
    let old = health_of(&gateway, "stale").await;
    assert_eq!(old["stale_reason"], "no_payments");
    assert!(old["age_seconds"].as_f64().unwrap() >= 700.0, "{old}");

    analyzer.stop().await;
    until("a lost analyzer", async || {
        health(&gateway).await["stale_reason"] == "upstream_lost"
    })
    .await;
    let lost = health(&gateway).await;
    assert_eq!(lost["state"], "stale");
    assert_eq!(hop(&lost, "analyzer")["state"], "disconnected");
    gateway.context.readiness.drain();
    assert_eq!(health(&gateway).await["state"], "draining");
}

#[tokio::test]
async fn the_uptime_in_health_is_that_of_the_gateway() {
    let gateway = gateway("127.0.0.1:9".parse().unwrap(), &[]).await;
    let first = health(&gateway).await;
    assert_eq!(first.get("stats"), None, "ingest has told nothing: {first}");
    let uptime = |health: &Value| health["uptime_seconds"].as_u64().unwrap();
    assert!(uptime(&first) < Duration::from_mins(1).as_secs());
    until("a second", async || {
        uptime(&health(&gateway).await) > uptime(&first)
    })
    .await;
}

#[tokio::test]
async fn counters_that_ingest_has_not_told_are_in_no_answer_but_where_the_contract_wants_them() {
    let untold = |update: PriceUpdate| PriceUpdate {
        counters: None,
        ..update
    };
    let analyzer = Analyzer::start(vec![untold(without_estimate(window(10, &["a"])))]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut client = crate::support::client::Client::connect(gateway.address, "").await;
    let told = client.read_to(10).await;
    let status = told.last().unwrap();
    assert_eq!(status["type"], "status");
    assert_eq!(status["data"].get("stats"), None, "{status}");
    // A price of an earlier process, before ingest has spoken.
    analyzer.play(untold(update(11, &[])));
    let told = client.read_to(11).await;
    assert_eq!(told.last().unwrap()["data"]["stats"]["total_received"], 0);
    let health = health_of(&gateway, "ok").await;
    assert_eq!(health.get("stats"), None, "{health}");
    analyzer.play(update(12, &[]));
    client.read_to(12).await;
    until("the counters", async || {
        self::health(&gateway).await["stats"]["total_received"] == 1000
    })
    .await;
}
