//! The answers about now: the price, all points, and the amounts of the window.

use reqwest::{Client, header};
use serde_json::{Value, json};

use super::{answered, header_of, problem};
use crate::support::{
    analyzer::Analyzer,
    gateway, until,
    updates::{amounts, update, window, without_estimate},
};

#[tokio::test]
async fn the_price_is_503_until_there_is_one() {
    let analyzer = Analyzer::start(vec![without_estimate(window(10, &[]))]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/points", 200).await;
    assert_eq!(gateway.get("/readyz").await.status(), 200, "it can serve");
    let none_yet = gateway.get("/api/v1/price").await;
    assert_eq!(none_yet.status(), 503);
    assert_ne!(header_of(&none_yet, "retry-after"), "");
    problem(none_yet).await;

    analyzer.play(update(11, &["a"]));
    answered(&gateway, "/api/v1/price", 200).await;
    let price: Value = gateway.get("/api/v1/price").await.json().await.unwrap();
    assert_eq!(price["price"], 50_011.0);
    assert_eq!(price["sequence"], 11);
    assert_eq!(price["interval"]["low"], 49_911.0);
    assert_eq!(price["hidden_price_usd"], 50_000.0);
    for absent in ["transactions", "changes", "reset"] {
        assert_eq!(price.get(absent), None);
    }
    let request = Client::new().get(gateway.url("/api/v1/price"));
    let text = request
        .header(header::ACCEPT, "text/plain")
        .send()
        .await
        .unwrap();
    assert_eq!(
        header_of(&text, "content-type"),
        "text/plain; charset=utf-8"
    );
    assert_eq!(text.text().await.unwrap(), "50011.00");
}

#[tokio::test]
async fn all_points_are_to_be_had_and_not_twice() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let none_yet = gateway.get("/api/v1/points").await;
    assert_eq!(none_yet.status(), 503);
    problem(none_yet).await;

    let names: Vec<String> = (0..700).map(|at| format!("{at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    until("a subscription", async || {
        !analyzer.asked_after().is_empty()
    })
    .await;
    analyzer.play(window(10, &names));
    answered(&gateway, "/api/v1/points", 200).await;
    let response = gateway.get("/api/v1/points").await;
    let tag = header_of(&response, "etag").to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["sequence"], 10);
    let ids: Vec<&str> = body["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, names);

    let again = Client::new()
        .get(gateway.url("/api/v1/points"))
        .header(header::IF_NONE_MATCH, &tag);
    assert_eq!(
        again.try_clone().unwrap().send().await.unwrap().status(),
        304
    );
    analyzer.play(update(11, &["newer"]));
    until("a newer tag", async || {
        again.try_clone().unwrap().send().await.unwrap().status() == 200
    })
    .await;
}

#[tokio::test]
async fn the_points_are_to_be_had_in_columns() {
    const COLUMNS: &str = "application/vnd.satscope.points";
    let analyzer = Analyzer::start(vec![window(10, &["a", "b"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/points", 200).await;
    let ask = async |query: &str, accept: &str, tag: &str| {
        let request = Client::new().get(gateway.url(&format!("/api/v1/points{query}")));
        let request = request.header(header::ACCEPT, accept);
        let request = request.header(header::IF_NONE_MATCH, tag);
        request.send().await.unwrap()
    };
    let mut tags = Vec::new();
    for (query, accept, content_type) in [
        ("", "*/*", "application/json"),
        ("", "application/*", "application/json"),
        ("", COLUMNS, COLUMNS),
        ("?format=columns", "*/*", COLUMNS),
        ("?format=json", COLUMNS, "application/json"),
    ] {
        let response = ask(query, accept, "").await;
        assert_eq!(header_of(&response, "content-type"), content_type);
        assert!(header_of(&response, "vary").starts_with("accept,"));
        let tag = header_of(&response, "etag").to_owned();
        assert_eq!(ask(query, accept, &tag).await.status(), 304);
        let is_columns = response.bytes().await.unwrap().starts_with(b"satscope");
        assert_eq!(is_columns, content_type == COLUMNS, "{query} {accept}");
        tags.push((content_type, tag));
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 2, "one tag for each form: {tags:?}");
    assert_eq!(ask("", "*/*", &tags[1].1).await.status(), 200);
    let unknown = ask("?format=csv", "*/*", "").await;
    assert_eq!(unknown.status(), 400);
    let detail = problem(unknown).await["detail"].to_string();
    assert!(
        detail.contains("format") && detail.contains("`json` or `columns`"),
        "{detail}"
    );
}

#[tokio::test]
async fn the_amounts_are_told_once_they_are_counted() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let none_yet = gateway.get("/api/v1/evidence").await;
    assert_eq!(none_yet.status(), 503);
    problem(none_yet).await;
    analyzer.knows(Vec::new(), Some(amounts()));
    answered(&gateway, "/api/v1/evidence", 200).await;
    let told: Value = gateway.get("/api/v1/evidence").await.json().await.unwrap();
    let expected = json!({
        "timestamp": 1_700_000_000.0, "first_sats": 1000.0, "bin_width": 0.01, "counts": [0, 3, 1],
        "ladder": [{ "round_usd": 50.0, "strength": 3.15 }],
    });
    assert_eq!(told, expected);
}
