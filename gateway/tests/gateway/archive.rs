//! Prices of the past: the shape of mempool.space, spans of time, candles, single blocks, and how far the historian has come.

use reqwest::{Client, Response, header};
use satscope_proto::v1::{BlockState, HistorianState};
use serde_json::{Value, json};

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    gateway,
    historian::{Historian, MARCH, block, minute, some_prices},
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
async fn the_price_at_a_time_has_the_shape_of_mempool_space() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let path = "/api/v1/historical-price";
    for (query, expected) in [
        // The newest at or before the time.
        (
            format!("?timestamp={}&currency=USD", MARCH + 1199),
            format!(
                r#"{{"prices":[{{"time":{},"USD":60001.5}}],"exchangeRates":{{}}}}"#,
                MARCH + 600
            ),
        ),
        (
            "?timestamp=2024-03-01T00:10:00Z".to_owned(),
            format!(
                r#"{{"prices":[{{"time":{},"USD":60001.5}}],"exchangeRates":{{}}}}"#,
                MARCH + 600
            ),
        ),
        // A minute after the last settled block, in whole dollars.
        (
            format!("?timestamp={}&currency=USD", MARCH + 288 * 600),
            format!(
                r#"{{"prices":[{{"time":{},"USD":60300}}],"exchangeRates":{{}}}}"#,
                MARCH + 288 * 600
            ),
        ),
        (
            format!("?timestamp={}&currency=USD", MARCH - 1),
            r#"{"prices":[{"time":1279497600,"USD":0}],"exchangeRates":{}}"#.to_owned(),
        ),
        (
            format!("?timestamp={}", MARCH - 1),
            r#"{"prices":[],"exchangeRates":{}}"#.to_owned(),
        ),
        (
            format!("?timestamp={MARCH}&currency=EUR"),
            "null".to_owned(),
        ),
        (
            format!("?timestamp={MARCH}&currency=usd"),
            "null".to_owned(),
        ),
        ("?currency=XYZ".to_owned(), "null".to_owned()),
    ] {
        assert_eq!(text_of(&gateway, &format!("{path}{query}")).await, expected);
    }
    let known = gateway.get(&format!("{path}?timestamp={MARCH}")).await;
    assert_eq!(header_of(&known, "cache-control"), "no-cache");
    let again = Client::new().get(gateway.url(&format!("{path}?timestamp={MARCH}")));
    let again = again.header(header::IF_NONE_MATCH, header_of(&known, "etag"));
    assert_eq!(again.send().await.unwrap().status(), 304);
}

#[tokio::test]
async fn all_that_is_known_of_a_price_is_given_to_who_asks_for_it() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let path = format!("/api/v1/historical-price?timestamp={MARCH}&fields=all");
    let expected = json!({
        "time": MARCH, "USD": 60_000.5, "interval": { "low": 59_999.5, "high": 60_001.5 }, "confidence": 0.97,
        "state": "settled", "source": "block", "height": 832_608,
    });
    assert_eq!(json_of(&gateway, &path).await["prices"], json!([expected]));
    let path = format!(
        "/api/v1/historical-price?timestamp={}&fields=all",
        MARCH + 288 * 600
    );
    let minute = &json_of(&gateway, &path).await["prices"][0];
    assert_eq!(minute["source"], "minute");
    assert_eq!(minute["interval"]["low"], 60_299);
    assert_eq!((minute.get("state"), minute.get("height")), (None, None));
}

#[tokio::test]
async fn without_a_time_it_is_an_hour_a_row_newest_first_and_older_ones_are_named() {
    // 6,000 hours, a block in each.
    let blocks = (0..6000).map(|nth: u32| {
        let cents = 6_000_049 + u64::from(nth) * 100;
        block(
            700_000 + nth,
            MARCH + u64::from(nth) * 3600 + 7,
            cents,
            BlockState::Final,
        )
    });
    let historian = Historian::start(blocks.collect()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let newest = gateway.get("/api/v1/historical-price?currency=USD").await;
    let link = header_of(&newest, "link").to_owned();
    let newest: Value = newest.json().await.unwrap();
    assert_eq!(newest["exchangeRates"], json!({}));
    let rows = newest["prices"].as_array().unwrap();
    assert_eq!(rows.len(), 5000);
    let last = MARCH + 5999 * 3600 + 7;
    assert_eq!(rows[0], json!({ "time": last, "USD": 65_999 }));
    assert_eq!(
        rows[4999],
        json!({ "time": last - 4999 * 3600, "USD": 61_000 })
    );

    let before = MARCH + 1000 * 3600;
    assert_eq!(
        link,
        format!("<historical-price?before={before}>; rel=\"next\"")
    );
    let older = gateway
        .get(&format!("/api/v1/historical-price?before={before}"))
        .await;
    assert_eq!(header_of(&older, "link"), "", "there are none before");
    let older: Value = older.json().await.unwrap();
    let rows = older["prices"].as_array().unwrap();
    assert_eq!(rows.len(), 1000);
    assert_eq!(rows[0]["USD"], 60_999);
}

#[tokio::test]
async fn no_price_is_made_up_of_a_time_that_is_still_to_be_read() {
    let historian = Historian::start(some_prices()).await;
    historian.covers(|coverage| {
        coverage.wanted_blocks = 900_000;
        coverage.state = HistorianState::Filling.into();
    });
    let (gateway, _analyzer) = with(&historian).await;
    let path = "/api/v1/historical-price";
    let not_read = "the historian has no answer: it has not read the blocks of that time yet";
    let early = format!("{path}?timestamp={}&currency=USD", MARCH - 1);
    assert_eq!(detail_of(&gateway, &early, 503).await, not_read);
    let early = json_of(&gateway, &format!("{path}?timestamp=5&currency=USD")).await;
    assert_eq!(
        early["prices"][0]["USD"], 0,
        "there was no price at that time"
    );

    // An old price is there, and all between it and the newest blocks is missing.
    let old = block(600_000, MARCH - 90 * 86_400, 4_000_000, BlockState::Final);
    let mut prices = some_prices();
    prices.insert(0, old);
    historian.knows(prices);
    historian.covers(|coverage| {
        coverage.wanted_blocks = 900_000;
        coverage.since_time = Some(MARCH);
    });
    let between = format!("{path}?timestamp={}", MARCH - 86_400);
    assert_eq!(detail_of(&gateway, &between, 503).await, not_read);
    let told = format!("{path}?timestamp={}", old.time + 3600);
    assert_eq!(json_of(&gateway, &told).await["prices"][0]["USD"], 40_000);
    let future = format!("{path}?timestamp=4000000000");
    assert_eq!(
        json_of(&gateway, &future).await["prices"][0]["USD"],
        60_300.59
    );
}

#[tokio::test]
async fn a_span_of_time_is_given_oldest_first_with_all_that_is_known() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let path = format!(
        "/api/v1/history?from={}&to={}",
        MARCH + 287 * 600,
        MARCH + 288 * 600 + 61
    );
    let expected = json!({
        "from": MARCH + 287 * 600, "to": MARCH + 288 * 600 + 61, "step_seconds": 0,
        "minutes_from": MARCH + 288 * 600,
        "prices": [
            { "time": MARCH + 287 * 600, "price": 60_287.5, "interval": { "low": 60_286.5, "high": 60_288.5 },
              "confidence": 0.97, "state": "settled", "source": "block", "height": 832_895 },
            { "time": MARCH + 288 * 600, "price": 60_300, "interval": { "low": 60_299, "high": 60_301 },
              "confidence": 0.97, "source": "minute" },
            { "time": MARCH + 288 * 600 + 60, "price": 60_300.01,
              "interval": { "low": 60_299.01, "high": 60_301.01 }, "confidence": 0.97, "source": "minute" },
        ],
    });
    assert_eq!(json_of(&gateway, &path).await, expected);
    let csv = format!(
        "time,price,low,high,confidence,state,source,height\r\n\
         {},60287.50,60286.50,60288.50,0.97,settled,block,832895\r\n\
         {},60300,60299,60301,0.97,,minute,\r\n\
         {},60300.01,60299.01,60301.01,0.97,,minute,\r\n",
        MARCH + 287 * 600,
        MARCH + 288 * 600,
        MARCH + 288 * 600 + 60
    );
    assert_eq!(text_of(&gateway, &format!("{path}&format=csv")).await, csv);
    let wants_csv = Client::new().get(gateway.url(&path));
    let told = wants_csv
        .header(header::ACCEPT, "text/csv")
        .send()
        .await
        .unwrap();
    assert!(header_of(&told, "content-type").starts_with("text/csv"));
    assert_eq!(header_of(&told, "cache-control"), "no-cache");
    let tag = header_of(&told, "etag").to_owned();
    assert_eq!(told.text().await.unwrap(), csv);
    let again = Client::new().get(gateway.url(&format!("{path}&format=csv")));
    let again = again.header(header::IF_NONE_MATCH, tag);
    assert_eq!(again.send().await.unwrap().status(), 304);

    let of = async |query: &str| {
        let told = json_of(&gateway, &format!("/api/v1/history?{query}")).await;
        let prices = told["prices"].as_array().unwrap().len();
        (prices, told["step_seconds"].as_u64().unwrap())
    };
    assert_eq!(of("range=all").await, (348, 0));
    assert_eq!(of("range=all&source=block").await, (288, 0));
    assert_eq!(of("source=minute").await, (60, 0));
    assert_eq!(of("range=7d&step=1d").await, (3, 86_400));
    assert_eq!(of("range=24h&source=block").await, (144, 0));
    assert_eq!(of("from=2024-03-02&to=2024-03-02T01:00:00Z").await, (6, 0));
    assert_eq!(of("to=2024-02-01").await, (0, 0), "before all");
    assert_eq!(of("from=2025-01-01").await, (0, 0), "after all");
}

#[tokio::test]
async fn at_most_so_many_prices_are_given_by_the_least_step_that_fits() {
    // 20 days of minutes, and as many blocks as there are in 100 days.
    let blocks = (0..14_400).map(|nth: u32| {
        let time = MARCH + u64::from(nth) * 600;
        block(800_000 + nth, time, 6_000_000, BlockState::Final)
    });
    let end = MARCH + 100 * 86_400;
    let minutes = (0..28_800).map(|nth| minute(end + nth * 60, 6_100_000));
    let historian = Historian::start(blocks.chain(minutes).collect()).await;
    let (gateway, _analyzer) = with(&historian).await;
    for (query, step) in [
        (format!("from={MARCH}&to={}", MARCH + 30 * 86_400), 0),
        (format!("from={MARCH}&to={}", MARCH + 60 * 86_400), 1800),
        ("source=minute".to_owned(), 600),
        ("source=minute&step=1m".to_owned(), 600),
        ("source=minute&step=90m".to_owned(), 5400),
        ("range=all".to_owned(), 3600),
        // More prices than were expected of so short a span.
        (format!("from={end}&to={}", end + 7 * 86_400), 300),
        (format!("from={end}&to={}&step=1m", end + 7 * 86_400), 300),
    ] {
        let response = gateway.get(&format!("/api/v1/history?{query}")).await;
        assert_eq!(
            header_of(&response, "x-satscope-step-seconds"),
            step.to_string(),
            "{query}"
        );
        let told: Value = response.json().await.unwrap();
        assert_eq!(told["step_seconds"], step, "{query}");
        let prices = told["prices"].as_array().unwrap();
        assert!((1..=5000).contains(&prices.len()), "{query}");
    }
    let tried = historian.spans();
    let last = &tried[tried.len() - 2..];
    let steps: Vec<u64> = last.iter().map(|(_, _, step)| *step).collect();
    assert_eq!(steps, [60, 300], "a step that may fit is tried first");
}

#[tokio::test]
async fn a_candle_is_of_blocks_and_an_empty_one_is_null() {
    // The blocks of two hours, and of the hour after the next.
    let nths = (0..12).chain(18..24);
    let blocks = nths.map(|nth: u32| {
        let time = MARCH + u64::from(nth) * 600;
        block(
            832_608 + nth,
            time,
            6_000_000 + u64::from(nth),
            BlockState::Settled,
        )
    });
    let historian = Historian::start(blocks.collect()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let path = "/api/v1/candles?step=1h&from=2024-03-01T01:59:59Z&to=2024-03-01T02:00:01Z";
    let expected = json!({
        "from": MARCH + 3600, "to": MARCH + 10_800, "step_seconds": 3600,
        "candles": [
            { "time": MARCH + 3600, "open": 60_000.06, "high": 60_000.11, "low": 60_000.06, "close": 60_000.11,
              "blocks": 6, "confidence": 0.97, "state": "settled" },
            { "time": MARCH + 7200, "open": null, "high": null, "low": null, "close": null, "blocks": 0,
              "confidence": null, "state": null },
        ],
    });
    assert_eq!(json_of(&gateway, path).await, expected);
    let csv = format!(
        "time,open,high,low,close,blocks,confidence,state\r\n\
         {},60000.06,60000.11,60000.06,60000.11,6,0.97,settled\r\n\
         {},,,,,0,,\r\n",
        MARCH + 3600,
        MARCH + 7200
    );
    assert_eq!(text_of(&gateway, &format!("{path}&format=csv")).await, csv);
    let cells = async |query: &str| {
        let told = json_of(&gateway, &format!("/api/v1/candles{query}")).await;
        let times = told["candles"].as_array().unwrap().iter();
        let times = times.map(|candle| candle["time"].as_u64().unwrap());
        times.collect::<Vec<_>>()
    };
    assert_eq!(cells("").await, [MARCH]);
    let hours = [0, 1, 2, 3].map(|hour| MARCH + hour * 3600);
    assert_eq!(cells("?step=1h").await, hours);
    assert_eq!(
        cells(&format!("?step=1h&from={}", MARCH + 7200)).await,
        hours[2..]
    );
    assert_eq!(
        cells(&format!("?step=1h&to={}", MARCH + 7200)).await,
        hours[..2]
    );
    // The Monday before a Friday.
    assert_eq!(cells("?step=1w").await, [MARCH - 4 * 86_400]);
    assert_eq!(cells("?step=1h&from=0&to=1970-07-28").await.len(), 4992);
    let detail = detail_of(
        &gateway,
        "/api/v1/candles?step=1h&from=0&to=1970-12-01",
        400,
    )
    .await;
    assert_eq!(
        detail,
        "to: expected at most 5000 steps of 3600 s after from; got more"
    );
    let detail = detail_of(&gateway, "/api/v1/candles?step=5m", 400).await;
    assert_eq!(detail, "step: expected 1h, 1d or 1w; got \"5m\"");
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

#[tokio::test]
async fn equal_questions_about_a_span_are_asked_of_the_historian_once() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let began = std::time::Instant::now();
    let asking = (0..50).map(|_| gateway.get("/api/v1/history?range=7d"));
    for response in futures_util::future::join_all(asking).await {
        assert_eq!(response.status(), 200);
    }
    // Each making asks for the coverage and for the series.
    let (asked, seconds) = (historian.asked(), began.elapsed().as_secs());
    assert!(asked <= 2 * (2 + seconds), "{asked} in {seconds} s");
}
