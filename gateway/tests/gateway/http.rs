//! The REST answers, the page, and what every answer bears.

mod files;
mod history;
mod now;

use reqwest::{Client, Method, Response};
use serde_json::Value;

use crate::support::{Gateway, analyzer::Analyzer, gateway, until, updates::window};

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
