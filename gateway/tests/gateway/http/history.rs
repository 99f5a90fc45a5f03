//! The estimates of the last day, which the gateway asks the analyzer for: once for many clients, and with their age while
//! the analyzer is silent.

use std::time::{Duration, Instant};

use reqwest::{Client, header};
use satscope_proto::v1::HistoryEntry;
use serde_json::Value;

use super::{answered, header_of, problem};
use crate::support::{
    analyzer::Analyzer,
    gateway, until,
    updates::{START_MS, amounts, update, window},
};

#[tokio::test]
async fn the_past_is_asked_of_the_analyzer_once_for_many() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/price", 200).await;
    analyzer.knows((1..=90).map(past).collect(), None);
    for (query, prices) in [
        ("?range=1m&step=20s", vec![50_036.0, 50_056.0, 50_076.0]),
        ("?range=45&step=11s", vec![50_036.0, 50_056.0, 50_076.0]),
    ] {
        let response = gateway.get(&format!("/api/v1/history{query}")).await;
        assert_eq!(header_of(&response, "content-type"), "application/json");
        let tag = header_of(&response, "etag").to_owned();
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["range_seconds"], 60);
        assert_eq!(body["step_seconds"], 20);
        let estimates = body["estimates"].as_array().unwrap();
        let told: Vec<f64> = estimates
            .iter()
            .map(|past| past["price"].as_f64().unwrap())
            .collect();
        assert_eq!(told, prices, "{query}");
        assert_eq!(estimates[0]["timestamp"], 1_699_999_946.0);
        assert_eq!(estimates[0]["interval"]["low"], 49_936.0);
        let again = Client::new()
            .get(gateway.url(&format!("/api/v1/history{query}")))
            .header(header::IF_NONE_MATCH, tag);
        assert_eq!(again.send().await.unwrap().status(), 304);
    }
    let all: Value = gateway.get("/api/v1/history").await.json().await.unwrap();
    assert_eq!(all["estimates"].as_array().unwrap().len(), 9, "10 s apart");
    assert_eq!(all["range_seconds"], 86_400, "all that is held");
    let span = "expected a span from 1s to 1d, such as 90s, 15m, 3h or 1d";
    for (query, detail) in [
        ("?range=25h", format!("range: {span}; got \"25h\"")),
        ("?step=0s", format!("step: {span}; got \"0s\"")),
        ("?range=x", format!("range: {span}; got \"x\"")),
        ("?step=", format!("step: {span}; got \"\"")),
        (
            "?step=1s&step=1s",
            "step: expected one value; got more".to_owned(),
        ),
        (
            "?format=xml",
            "format: expected json or csv; got \"xml\"".to_owned(),
        ),
    ] {
        let response = gateway.get(&format!("/api/v1/history{query}")).await;
        assert_eq!(response.status(), 400, "{query}");
        assert_eq!(problem(response).await["detail"], detail);
    }
    let before = analyzer.asked();
    let asking = (0..50).map(|_| gateway.get("/api/v1/history?step=1m"));
    for response in futures_util::future::join_all(asking).await {
        assert_eq!(response.status(), 200);
    }
    assert!(
        analyzer.asked() - before < 10,
        "{}",
        analyzer.asked() - before
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_the_question_to_the_next() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/price", 200).await;
    analyzer.knows((1..=90).map(past).collect(), None);
    analyzer.freeze(true);
    let began = Instant::now();
    for _ in 0..20 {
        let asking = gateway.get("/api/v1/history");
        let hung_up = tokio::time::timeout(Duration::from_millis(20), asking).await;
        assert!(hung_up.is_err(), "it is frozen");
    }
    analyzer.freeze(false);
    assert_eq!(gateway.get("/api/v1/history").await.status(), 200);
    let (asked, seconds) = (analyzer.asked(), began.elapsed().as_secs());
    assert!(asked <= 1 + seconds, "{asked} in {seconds} s");
}

#[tokio::test]
async fn a_frozen_analyzer_holds_no_question_up_for_another() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/price", 200).await;
    analyzer.freeze(true);
    let began = Instant::now();
    let paths = [1, 2, 5, 10, 20].map(|step| format!("/api/v1/history?step={step}"));
    let asking = paths.iter().map(|path| gateway.get(path));
    for response in futures_util::future::join_all(asking).await {
        assert_eq!(response.status(), 503);
        problem(response).await;
    }
    // One after the other they would take 15 s.
    assert!(began.elapsed() < Duration::from_secs(9), "{began:?}");
}

#[tokio::test]
async fn an_older_answer_is_given_with_its_age_while_the_analyzer_is_frozen() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/price", 200).await;
    analyzer.knows((1..=90).map(past).collect(), Some(amounts()));
    for path in ["/api/v1/history", "/api/v1/evidence"] {
        let good = gateway.get(path).await;
        assert_eq!(header_of(&good, "age"), "", "{path}");
        let tag = header_of(&good, "etag").to_owned();
        let body = good.text().await.unwrap();
        analyzer.freeze(true);
        until("an older answer", async || {
            let older = gateway.get(path).await;
            assert_eq!(older.status(), 200);
            assert_eq!(header_of(&older, "etag"), tag);
            let age = header_of(&older, "age").to_owned();
            assert_eq!(older.text().await.unwrap(), body);
            age.parse::<u64>().is_ok_and(|seconds| seconds > 0)
        })
        .await;
        analyzer.freeze(false);
        until("a new answer", async || {
            header_of(&gateway.get(path).await, "age").is_empty()
        })
        .await;
    }
}

fn past(second: u64) -> HistoryEntry {
    let time_ms = START_MS - 90_000 + second * 1000;
    HistoryEntry {
        time_ms,
        estimate: update(second, &[]).estimate,
    }
}
