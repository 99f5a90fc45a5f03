//! The REST answers, the page, and what every answer bears.

use std::{
    io::Read as _,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use reqwest::{Client, Method, Response, header};
use satscope_proto::v1::HistoryEntry;
use serde_json::{Value, json};

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    gateway, until,
    updates::{START_MS, amounts, update, window, without_estimate},
};

async fn answered(gateway: &Gateway, path: &str, status: u16) {
    let what = format!("{status} at {path}");
    until(&what, async || gateway.get(path).await.status() == status).await;
}

fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The problem that RFC 9457 wants in place of an answer.
async fn problem(response: Response) -> Value {
    assert_eq!(
        header_of(&response, "content-type"),
        "application/problem+json"
    );
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    for field in ["type", "title", "detail"] {
        assert!(
            problem[field].as_str().is_some_and(|text| !text.is_empty()),
            "{problem}"
        );
    }
    problem
}

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

#[tokio::test]
async fn what_is_large_is_compressed_for_who_takes_it() {
    let names: Vec<String> = (0..200).map(|at| format!("{at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let analyzer = Analyzer::start(vec![window(10, &names)]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/points", 200).await;
    let build = gateway.build().await;
    let module = format!("/assets/{build}/js/main.js");
    for path in ["/", "/start.js", module.as_str(), "/api/v1/points"] {
        let plain = gateway.get(path).await;
        assert_eq!(header_of(&plain, "content-encoding"), "", "{path}");
        assert!(
            header_of(&plain, "vary").contains("accept-encoding"),
            "{path}"
        );
        let plain = plain.bytes().await.unwrap();
        let request = Client::new().get(gateway.url(path));
        let request = request.header(header::ACCEPT_ENCODING, "gzip, br");
        let compressed = request.send().await.unwrap();
        assert_eq!(header_of(&compressed, "content-encoding"), "gzip", "{path}");
        let compressed = compressed.bytes().await.unwrap();
        assert!(compressed.len() < plain.len(), "{path}");
        let mut text = Vec::new();
        GzDecoder::new(&compressed[..])
            .read_to_end(&mut text)
            .unwrap();
        assert!(text == plain, "{path}");
    }
}

#[tokio::test]
async fn what_may_change_is_asked_about_again() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let mut tags = Vec::new();
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/start.js", "text/javascript; charset=utf-8"),
        ("/api/v1/openapi.yaml", "application/yaml"),
        (
            "/api/v1/websocket-message.schema.json",
            "application/schema+json",
        ),
    ] {
        let response = gateway.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header_of(&response, "content-type"), content_type);
        assert_eq!(header_of(&response, "cache-control"), "no-cache");
        let tag = header_of(&response, "etag").to_owned();
        assert!(!response.bytes().await.unwrap().is_empty(), "{path}");
        let again = Client::new().get(gateway.url(path));
        let again = again
            .header(header::IF_NONE_MATCH, tag.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), 304, "{path}");
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 4, "each content has a tag of its own: {tags:?}");
    let head = Client::new().head(gateway.url("/")).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_ne!(header_of(&head, "content-length"), "0");
}

#[tokio::test]
async fn what_never_changes_is_kept_for_a_year() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let build = gateway.build().await;
    for (name, content_type) in [
        ("style.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("js/main.js", "text/javascript; charset=utf-8"),
    ] {
        let response = gateway.get(&format!("/assets/{build}/{name}")).await;
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(header_of(&response, "content-type"), content_type);
        let caching = header_of(&response, "cache-control");
        assert_eq!(caching, "public, max-age=31536000, immutable");
        assert_eq!(header_of(&response, "vary"), "accept-encoding");
        let policy = header_of(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{name}: {policy}");
        assert!(!response.bytes().await.unwrap().is_empty());
        let url = gateway.url(&format!("/assets/{build}/{name}"));
        let posted = Client::new().post(url).send().await.unwrap();
        assert_eq!(posted.status(), 405, "{name}");
    }
}

#[tokio::test]
async fn a_file_of_another_build_is_a_problem_that_says_so() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let build = gateway.build().await;
    for name in ["js/main.js", "style.css"] {
        let response = gateway
            .get(&format!("/assets/0123456789abcdef/{name}"))
            .await;
        assert_eq!(response.status(), 404, "{name}");
        assert_eq!(header_of(&response, "cache-control"), "no-store");
        let problem = problem(response).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("of another build") && detail.contains(&build),
            "{detail}"
        );
    }
    let document = format!("/assets/{build}/index.html");
    for path in ["/js/main.js", "/style.css", &document] {
        assert_eq!(gateway.get(path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn every_answer_bears_the_security_headers() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    answered(&gateway, "/api/v1/price", 200).await;
    let module = format!("/assets/{}/js/main.js", gateway.build().await);
    for path in [
        "/",
        module.as_str(),
        "/nowhere",
        "/api/v1/price",
        "/api/v1/points",
        "/api/v1/history",
        "/api/v1/evidence",
        "/price.svg",
        "/price.png",
        "/healthz",
        "/health",
        "/readyz",
        "/ws/mempool",
    ] {
        let response = gateway.get(path).await;
        let policy = header_of(&response, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{path}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(
            header_of(&response, "x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_eq!(
            header_of(&response, "referrer-policy"),
            "no-referrer",
            "{path}"
        );
        assert_eq!(
            header_of(&response, "access-control-allow-origin"),
            "",
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    for path in [
        "/nowhere",
        "/api/v1",
        "/api/v2/price",
        "/metrics",
        "/js",
        "/js/main.js",
        "/assets/",
        "//index.html",
        "/Cargo.toml",
    ] {
        let response = gateway.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        problem(response).await;
    }
    for path in [
        "/",
        "/api/v1/price",
        "/api/v1/points",
        "/api/v1/history",
        "/api/v1/evidence",
        "/ws/mempool",
        "/healthz",
        "/readyz",
    ] {
        for method in [Method::POST, Method::DELETE] {
            let request = Client::new().request(method, gateway.url(path));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 405, "{path}");
            assert_eq!(header_of(&response, "allow"), "GET,HEAD", "{path}");
            problem(response).await;
        }
    }
    let not_a_handshake = gateway.get("/ws/mempool").await;
    assert_eq!(not_a_handshake.status(), 426);
    assert_eq!(header_of(&not_a_handshake, "upgrade"), "websocket");
    problem(not_a_handshake).await;
}
