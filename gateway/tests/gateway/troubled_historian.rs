//! A historian that is absent, late, silent, or says what cannot be: the past is a problem then, and the price of now is not.

use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode, header};
use satscope_proto::v1::{HistorySource, PastPrice};
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    archive::{detail_of, json_of, text_of, with},
    support::{
        Gateway,
        analyzer::Analyzer,
        gateway,
        historian::{Historian, MARCH, some_prices},
        metric, until,
        updates::window,
    },
};

/// One question of each kind.
const PAST: [&str; 7] = [
    "/api/v1/historical-price",
    "/api/v1/historical-price?timestamp=1709300000&currency=USD",
    "/api/v1/history?range=1y",
    "/api/v1/history?from=2024-03-01&to=2024-03-02",
    "/api/v1/history?height=832700",
    "/api/v1/candles",
    "/api/v1/candles?step=1h&from=2024-03-01&to=2024-03-02",
];
const COVERAGE: &str = "/api/v1/history/coverage";

/// What an answer of the historian is counted as.
async fn counted(outcome: &str) -> f64 {
    metric(&format!(
        "satscope_gateway_historian_questions_total{{outcome=\"{outcome}\"}}"
    ))
    .await
}

/// All that is of now is there.
async fn now_is_served(gateway: &Gateway) {
    for path in ["/api/v1/price", "/health", "/readyz", "/api/v1/points"] {
        assert_eq!(gateway.get(path).await.status(), 200, "{path}");
    }
}

/// What these questions come to; all that is of now is answered before them.
async fn after_now<T>(gateway: &Gateway, asking: impl Future<Output = T>) -> T {
    let mut asking = std::pin::pin!(asking);
    tokio::select! {
        () = now_is_served(gateway) => {}
        _ = &mut asking => panic!("what is of now came last"),
    }
    asking.await
}

async fn price_is_there(gateway: &Gateway) {
    until("a price", async || {
        gateway.get("/api/v1/price").await.status() == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn without_a_historian_the_past_is_a_problem_and_the_price_is_not() {
    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let flags = ["--historian-url", "http://127.0.0.1:9"];
    let gateway = gateway(analyzer.address, &flags).await;
    price_is_there(&gateway).await;
    for path in PAST {
        let response = gateway.get(path).await;
        assert_eq!(response.status(), 503, "{path}");
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let problem: Value = response.json().await.unwrap();
        let expected = "the historian has no answer: it cannot be reached";
        assert_eq!(problem["detail"], expected, "{path}");
    }
    let coverage = json_of(&gateway, COVERAGE).await;
    let expected = "the historian has no answer: it cannot be reached";
    assert_eq!(coverage, json!({ "state": "away", "detail": expected }));
    now_is_served(&gateway).await;
    let ready: Value = gateway.get("/readyz").await.json().await.unwrap();
    assert_eq!(ready["waiting_for"], json!({}));
    // What needs no historian is answered without one.
    let euros = "/api/v1/historical-price?timestamp=5&currency=EUR";
    assert_eq!(text_of(&gateway, euros).await, "null");
    let detail = detail_of(&gateway, "/api/v1/history?from=x", 400).await;
    assert!(detail.starts_with("from: expected a time"), "{detail}");
    assert_eq!(gateway.get("/api/v1/history?range=3h").await.status(), 200);
}

#[tokio::test]
async fn a_historian_that_starts_later_is_found_and_one_that_ends_is_missed() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let path = format!("/api/v1/history?height={}", 832_700);
    let address = historian.stop().await;
    for _ in 0..3 {
        detail_of(&gateway, &path, 503).await;
    }
    let historian = Historian::start_at(address, some_prices()).await;
    until("an answer", async || {
        gateway.get(&path).await.status() == 200
    })
    .await;
    historian.stop().await;
    until("a problem", async || {
        gateway.get(&path).await.status() == 503
    })
    .await;
    let historian = Historian::start_at(address, some_prices()).await;
    until("an answer", async || {
        gateway.get(&path).await.status() == 200
    })
    .await;
    assert!(historian.asked() > 0);
}

#[tokio::test]
async fn the_coverage_of_a_historian_that_is_away_is_what_it_said_last() {
    let historian = Historian::start(some_prices()).await;
    historian.covers(|coverage| {
        coverage.wanted_blocks = 472;
        coverage.left_seconds = Some(10_800);
    });
    let (gateway, _analyzer) = with(&historian).await;
    let mut there = json_of(&gateway, COVERAGE).await;
    assert_eq!(there["left_seconds"], 10_800);
    let address = historian.stop().await;
    let away = async || json_of(&gateway, COVERAGE).await;
    until("that it is away", async || away().await["state"] == "away").await;
    let mut said = away().await;
    let detail = said["detail"].take();
    assert!(
        detail
            .as_str()
            .unwrap()
            .starts_with("the historian has no answer: it "),
        "{detail}"
    );
    // Nobody knows how long it takes while it does not run.
    for field in ["state", "detail", "left_seconds"] {
        for told in [&mut there, &mut said] {
            told.as_object_mut().unwrap().remove(field);
        }
    }
    assert_eq!(said, there);
    let _historian = Historian::start_at(address, some_prices()).await;
    until("that it is back", async || away().await["state"] != "away").await;
}

#[tokio::test]
async fn a_historian_that_goes_silent_holds_up_nothing_else() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    price_is_there(&gateway).await;
    let kept = text_of(&gateway, "/api/v1/history?range=1y").await;
    historian.freeze(true);
    let began = Instant::now();
    let asking = (0..50).map(|nth| {
        let path = format!("/api/v1/historical-price?timestamp={}", MARCH + nth);
        let gateway = &gateway;
        async move { detail_of(gateway, &path, 503).await }
    });
    let asking = futures_util::future::join_all(asking);
    let details = after_now(&gateway, asking).await;
    for detail in details {
        assert_eq!(
            detail,
            "the historian has no answer: it does not answer in time"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(9), "{began:?}");
    until("an older answer", async || {
        let older = gateway.get("/api/v1/history?range=1y").await;
        assert_eq!(older.status(), 200);
        let age = older.headers().get(header::AGE).cloned();
        assert_eq!(older.text().await.unwrap(), kept);
        age.is_some()
    })
    .await;
    historian.freeze(false);
    let path = format!("/api/v1/historical-price?timestamp={MARCH}");
    assert_eq!(json_of(&gateway, &path).await["prices"][0]["time"], MARCH);
}

#[tokio::test]
async fn many_different_questions_to_a_silent_historian_are_bounded() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    price_is_there(&gateway).await;
    historian.freeze(true);
    let before = historian.asked();
    let asking = (0..60).map(|nth| {
        let path = format!("/api/v1/history?from={}&to={}", MARCH + nth, MARCH + 86_400);
        let gateway = &gateway;
        async move { detail_of(gateway, &path, 503).await }
    });
    let asking = futures_util::future::join_all(asking);
    let details = after_now(&gateway, asking).await;
    let is_turned_away = |detail: &&String| detail.contains("too many different questions");
    assert!(
        details.iter().filter(is_turned_away).count() > 0,
        "{details:?}"
    );
    assert!(historian.asked() - before <= 64, "{}", historian.asked());
    historian.freeze(false);
}

#[tokio::test]
async fn a_refusal_is_told_in_public_words() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    for (code, reason) in [
        (Code::Unavailable, "it is not ready yet"),
        (Code::Unauthenticated, "it refuses to answer"),
        (Code::DeadlineExceeded, "it does not answer in time"),
        (Code::Internal, "it cannot answer"),
        (Code::Unimplemented, "it cannot answer"),
        (Code::InvalidArgument, "it cannot answer"),
    ] {
        historian.fails(Some(code));
        for path in PAST {
            let path = path.replace("range=1y", &format!("range=1y&step={}d", code as u32 + 1));
            // An answer of the second before is given to all who ask for the same.
            until(reason, async || {
                detail_of(&gateway, &path, 503).await
                    == format!("the historian has no answer: {reason}")
            })
            .await;
        }
    }
    historian.fails(Some(Code::NotFound));
    let none = "/api/v1/historical-price?timestamp=1709300000";
    // Whether there could be one is asked too, and not answered.
    assert_eq!(
        detail_of(&gateway, none, 503).await,
        "the historian has no answer: it cannot answer"
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_is_refused_and_counted_and_never_shown() {
    const LATE: usize = 6;
    let spoilt: [fn(&mut PastPrice); 9] = [
        |price| price.price_cents = 0,
        |price| price.price_cents = u64::MAX,
        |price| price.low_cents = price.high_cents + 1,
        |price| price.high_cents = 0,
        |price| price.confidence_thousandths = 1001,
        |price| price.time = 0,
        |price| price.time += 10_000_000,
        |price| price.source = 9,
        |price| price.height = None,
    ];
    let unusable = "the historian has no answer: its answer cannot be used";
    for (nth, spoil) in spoilt.into_iter().enumerate() {
        let historian = Historian::start(some_prices()).await;
        historian.spoils(Some(spoil));
        let (gateway, _analyzer) = with(&historian).await;
        let before = counted("rejected").await;
        for path in [
            "/api/v1/historical-price?timestamp=1709300000&currency=USD",
            "/api/v1/historical-price?timestamp=1709300000&fields=all",
            "/api/v1/history?from=2024-03-01&to=2024-03-02",
            "/api/v1/history?from=2024-03-01&to=2024-03-02&format=csv",
            "/api/v1/history?range=all&source=block",
            "/api/v1/history?height=832700",
            "/api/v1/historical-price?before=2024-03-02",
        ] {
            // A block may have been found at any time.
            if path.contains("height") && nth == LATE {
                continue;
            }
            assert_eq!(
                detail_of(&gateway, path, 503).await,
                unusable,
                "{nth} {path}"
            );
        }
        assert!(counted("rejected").await >= before + 6.0, "{nth}");
    }
}

#[tokio::test]
async fn a_series_that_cannot_be_is_refused() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let prices = some_prices();
    let mut reversed = prices.clone();
    reversed.reverse();
    let too_many = vec![prices[0]; 5001];
    let early = PastPrice {
        time: MARCH - 1,
        ..prices[0]
    };
    for (nth, series) in [reversed, too_many, vec![early]].into_iter().enumerate() {
        historian.says(Some(series));
        let path = format!("/api/v1/history?from={MARCH}&to=2024-06-{:02}", nth + 1);
        let detail = detail_of(&gateway, &path, 503).await;
        assert_eq!(
            detail,
            "the historian has no answer: its answer cannot be used"
        );
    }
    historian.says(None);
    historian.covers(|coverage| coverage.state = 0);
    let coverage = json_of(&gateway, COVERAGE).await;
    assert_eq!(coverage["state"], "away");
    assert_eq!(
        coverage["detail"],
        "the historian has no answer: its answer cannot be used"
    );
}

#[tokio::test]
async fn a_historian_without_a_price_says_so() {
    let historian = Historian::start(Vec::new()).await;
    let (gateway, _analyzer) = with(&historian).await;
    for path in [
        "/api/v1/history?range=24h",
        "/api/v1/candles",
        "/api/v1/historical-price",
    ] {
        let detail = detail_of(&gateway, path, 503).await;
        assert_eq!(detail, "the historian has no answer: it has no price yet");
    }
    let coverage = json_of(&gateway, COVERAGE).await;
    assert_eq!(coverage["blocks"], 0);
    assert_eq!(coverage.get("first_time"), None);
}

#[tokio::test]
async fn only_who_asks_for_the_past_reaches_the_historian() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, analyzer) = with(&historian).await;
    price_is_there(&gateway).await;
    analyzer.knows(Vec::new(), None);
    for path in [
        "/",
        "/api/v1/history",
        "/api/v1/history?range=3h&step=10s",
        "/api/v1/history?range=1d",
    ] {
        let asked = Client::new().get(gateway.url(path)).send().await.unwrap();
        assert_eq!(asked.status(), 200, "{path}");
    }
    assert_eq!(historian.asked(), 0);
    assert_eq!(
        HistorySource::Unspecified as i32,
        0,
        "what `source=auto` asks"
    );
}
