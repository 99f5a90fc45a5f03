//! The price as a picture, and what tells other sites how to show a link to the page.

use std::time::{Duration, Instant};

use reqwest::{Client, Response, header};
use satscope_proto::v1::{BlockState, HistoryEntry, StaleReason};

use crate::{
    archive::text_of,
    support::{
        Gateway,
        analyzer::Analyzer,
        gateway,
        historian::{Historian, block, some_prices},
        until,
        updates::{START_MS, stale, update, window},
    },
};

const PICTURES: [&str; 2] = ["/price.svg", "/price.png"];
/// The first bytes of a PNG file, then its size. Source: PNG (Third Edition), 5.2 and 11.2.1.
const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x04\xb0\0\0\x02\x76";

fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

async fn price_is_there(gateway: &Gateway) {
    until("a price", async || {
        gateway.get("/api/v1/price").await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn a_picture_shows_the_price_its_interval_and_its_age() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let past = (1..=90).map(|minute| HistoryEntry {
        time_ms: START_MS - 90 * 60_000 + minute * 60_000,
        estimate: update(minute, &[]).estimate,
    });
    analyzer.knows(past.collect(), None);
    let gateway = gateway(analyzer.address, &[]).await;
    price_is_there(&gateway).await;
    let response = gateway.get("/price.svg").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header_of(&response, "content-type"), "image/svg+xml");
    assert_eq!(header_of(&response, "cache-control"), "public, max-age=10");
    assert_eq!(header_of(&response, "vary"), "accept-encoding");
    assert_eq!(header_of(&response, "x-content-type-options"), "nosniff");
    assert_ne!(header_of(&response, "x-satscope-age-seconds"), "");
    assert_eq!(header_of(&response, "x-satscope-stale"), "");
    let svg = response.text().await.unwrap();
    let title = "<title>SIMULATED: 1 BTC on the chain regtest = $50,010, 90 % interval $49,910 – $50,110, confidence high 0.90, ";
    assert!(svg.contains(title), "{svg}");
    assert!(
        svg.contains(" old, 20") && svg.contains(" UTC</title>"),
        "{svg}"
    );
    // The line has a part for each minute.
    let line = svg
        .lines()
        .find(|line| line.contains("stroke-width=\"3\""))
        .unwrap();
    assert!(line.matches('L').count() > 80, "{line}");

    let response = gateway.get("/price.png").await;
    assert_eq!(header_of(&response, "content-type"), "image/png");
    let png = response.bytes().await.unwrap();
    assert!(
        png.starts_with(PNG_HEAD) && png.len() > 5000,
        "{} bytes",
        png.len()
    );
}

#[tokio::test]
async fn the_line_goes_back_a_day_where_there_is_a_historian() {
    let now = (START_MS + 5000) / 1000;
    let from = now - 2 * 86_400;
    let blocks = (0..288).map(|nth: u32| {
        let cents = 5_000_000 + u64::from(nth) * 100;
        let time = from + u64::from(nth) * 600;
        block(832_608 + nth, time, cents, BlockState::Settled)
    });
    let historian = Historian::start(blocks.collect()).await;
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flag = historian.flag();
    let gateway = gateway(analyzer.address, &flag.each_ref().map(String::as_str)).await;
    price_is_there(&gateway).await;
    let svg = text_of(&gateway, "/price.svg").await;
    let line = svg.lines().find(|line| line.contains("stroke-width=\"3\""));
    // 144 blocks, and the price now.
    assert_eq!(line.unwrap().matches('L').count(), 144, "{svg}");
    assert_eq!(historian.spans(), [(now - 86_400, now, 300)]);
    assert_eq!(analyzer.asked(), 0, "the historian knows more");
}

#[tokio::test]
async fn a_line_of_unverified_prices_is_said_to_be_so_in_the_picture() {
    let now = (START_MS + 5000) / 1000;
    let of = |at: u64, state| block(832_608, now - at, 5_000_000, state);
    for (blocks, is_told) in [
        (
            vec![of(50_000, BlockState::Unverified), of(9, BlockState::Final)],
            true,
        ),
        (vec![of(50_000, BlockState::Final)], false),
        // Too old for the line.
        (
            vec![
                of(90_000, BlockState::Unverified),
                of(50_000, BlockState::Final),
            ],
            false,
        ),
    ] {
        let historian = Historian::start(blocks).await;
        let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
        let flag = historian.flag();
        let gateway = gateway(analyzer.address, &flag.each_ref().map(String::as_str)).await;
        price_is_there(&gateway).await;
        for path in PICTURES {
            let response = gateway.get(path).await;
            let expected = if is_told { "unverified" } else { "" };
            assert_eq!(header_of(&response, "x-satscope-state"), expected, "{path}");
        }
        let svg = text_of(&gateway, "/price.svg").await;
        let words = "the line has unverified prices, from a file that nobody vouched for";
        assert_eq!(svg.contains(words), is_told, "{svg}");
    }
}

#[tokio::test]
async fn a_stale_price_is_said_to_be_so_in_the_picture() {
    let opening = stale(StaleReason::NoPayments, 700_000, window(10, &["a"]));
    let analyzer = Analyzer::start(vec![opening]).await;
    let gateway = gateway(analyzer.address, &[]).await;
    price_is_there(&gateway).await;
    let response = gateway.get("/price.svg").await;
    assert_eq!(header_of(&response, "x-satscope-stale"), "no_payments");
    let svg = response.text().await.unwrap();
    let words = "11 min old, not of this moment: no payment has come for too long, ";
    assert!(svg.contains(words), "{svg}");
}

#[tokio::test]
async fn there_is_a_picture_before_there_is_a_price() {
    let gateway = gateway("127.0.0.1:9".parse().unwrap(), &[]).await;
    let svg = text_of(&gateway, "/price.svg").await;
    assert!(svg.contains("<title>1 BTC: no price yet, "), "{svg}");
    let png = gateway.get("/price.png").await;
    assert_eq!(png.status(), 200);
    assert!(png.bytes().await.unwrap().starts_with(PNG_HEAD));
}

#[tokio::test]
async fn many_clients_get_one_picture_that_is_made_once_in_ten_seconds() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let historian = Historian::start(some_prices()).await;
    let flag = historian.flag();
    let gateway = gateway(analyzer.address, &flag.each_ref().map(String::as_str)).await;
    price_is_there(&gateway).await;
    for path in PICTURES {
        let (began, before) = (Instant::now(), analyzer.asked());
        let first = gateway.get(path).await;
        let tag = header_of(&first, "etag").to_owned();
        let asking = (0..50).map(|_| gateway.get(path));
        for response in futures_util::future::join_all(asking).await {
            assert_eq!(response.status(), 200);
            assert_eq!(header_of(&response, "etag"), tag);
        }
        let again = Client::new().get(gateway.url(path));
        let again = again
            .header(header::IF_NONE_MATCH, &tag)
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), 304);
        assert_eq!(header_of(&again, "cache-control"), "public, max-age=10");
        let seconds = began.elapsed().as_secs();
        assert!(analyzer.asked() - before <= 1 + seconds / 10, "{path}");
    }
}

#[tokio::test]
async fn a_frozen_historian_and_analyzer_cost_the_picture_its_line_alone() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let historian = Historian::start(some_prices()).await;
    let flag = historian.flag();
    let gateway = gateway(analyzer.address, &flag.each_ref().map(String::as_str)).await;
    price_is_there(&gateway).await;
    historian.freeze(true);
    analyzer.freeze(true);
    let began = Instant::now();
    let svg = text_of(&gateway, "/price.svg").await;
    assert!(
        svg.contains("$50,010") && !svg.contains("stroke-width=\"3\""),
        "{svg}"
    );
    assert!(began.elapsed() < Duration::from_secs(20), "{began:?}");
    historian.freeze(false);
    analyzer.freeze(false);
}

/// The document as a client gets it that names this host.
async fn document(gateway: &Gateway, host: &str) -> Response {
    let request = Client::new().get(gateway.url("/"));
    request.header(header::HOST, host).send().await.unwrap()
}

#[tokio::test]
async fn other_sites_are_told_the_address_that_was_set_and_never_the_host_of_a_request() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let flags = ["--gateway-public-url", "https://price.example/btc/"];
    let named = gateway(analyzer.address, &flags).await;
    let unnamed = gateway(analyzer.address, &[]).await;
    let mut tags = Vec::new();
    for (gateway, is_named) in [(&named, true), (&unnamed, false)] {
        let response = document(gateway, "evil.example").await;
        assert_eq!(response.status(), 200);
        tags.push(header_of(&response, "etag").to_owned());
        let text = response.text().await.unwrap();
        assert!(!text.contains("evil.example"));
        assert_eq!(text.contains("og:image"), is_named);
        let image = "content=\"https://price.example/btc/price.png\"";
        assert_eq!(text.contains(image), is_named);
        assert_eq!(text.contains("name=\"twitter:card\""), is_named);
    }
    assert_ne!(tags[0], tags[1], "each document has a tag of its own");
    let pictures = text_of(&named, "/price.svg").await;
    assert!(!pictures.contains("evil.example"));
}

#[tokio::test]
async fn the_policy_allows_a_manifest_and_a_worker_of_this_server() {
    let analyzer = Analyzer::start(Vec::new()).await;
    let gateway = gateway(analyzer.address, &[]).await;
    let response = gateway.get("/").await;
    let policy = header_of(&response, "content-security-policy");
    for part in ["manifest-src 'self';", "worker-src 'self';"] {
        assert!(policy.contains(part), "{policy}");
    }
}
