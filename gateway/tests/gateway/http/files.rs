//! The page's files: how they are compressed, and for how long clients may keep them.

use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::{Client, header};

use super::{answered, header_of, problem};
use crate::support::{analyzer::Analyzer, gateway, updates::window};

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
