//! Spans of time: their prices by a step that fits, and their candles.

use reqwest::{Client, header};
use satscope_proto::v1::BlockState;
use serde_json::{Value, json};

use super::{detail_of, header_of, json_of, text_of, with};
use crate::support::{
    historian::{Historian, MARCH, block, minute, some_prices},
    until,
};

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
async fn a_block_that_nothing_vouches_for_says_so_in_each_form() {
    let unverified = block(832_608, MARCH, 6_000_000, BlockState::Unverified);
    let historian = Historian::start(vec![unverified]).await;
    let (gateway, _analyzer) = with(&historian).await;
    let span = format!("/api/v1/history?from={MARCH}&to={}", MARCH + 1);
    let told = json_of(&gateway, &span).await;
    assert_eq!(told["prices"][0]["state"], "unverified");
    let of_block = json_of(&gateway, "/api/v1/history?height=832608&model=1").await;
    assert_eq!(of_block["state"], "unverified");
    let csv = text_of(&gateway, &format!("{span}&format=csv")).await;
    assert!(csv.ends_with(",unverified,block,832608\r\n"), "{csv}");
    let at = format!("/api/v1/historical-price?timestamp={MARCH}&fields=all");
    let told = json_of(&gateway, &at).await;
    assert_eq!(told["prices"][0]["state"], "unverified");
    let known = gateway.get("/api/v1/history?height=832608&model=1").await;
    assert_eq!(header_of(&known, "cache-control"), "no-cache");
}

#[tokio::test]
async fn a_header_tells_of_unverified_prices_where_the_body_has_no_word_for_them() {
    let of = |state| {
        let blocks = [BlockState::Final, state, BlockState::Final].into_iter();
        let nths = blocks.zip(0_u32..);
        let blocks = nths.map(|(state, nth)| {
            let time = MARCH + u64::from(nth) * 3600;
            block(832_608 + nth, time, 6_000_000, state)
        });
        blocks.collect::<Vec<_>>()
    };
    let historian = Historian::start(of(BlockState::Unverified)).await;
    let (gateway, _analyzer) = with(&historian).await;
    let (time, end) = (MARCH + 3600, MARCH + 7201);
    let paths = [
        format!("/api/v1/historical-price?timestamp={time}"),
        format!("/api/v1/historical-price?timestamp={time}&currency=USD&fields=all"),
        "/api/v1/historical-price".to_owned(),
        format!("/api/v1/history?from={MARCH}&to={end}"),
        format!("/api/v1/history?from={MARCH}&to={end}&format=csv"),
        "/api/v1/history?height=832609&model=1".to_owned(),
        format!("/api/v1/candles?step=1h&from={MARCH}&to={end}"),
        format!("/api/v1/candles?step=1d&from={MARCH}&to={end}&format=csv"),
    ];
    let mut tags = Vec::new();
    for path in &paths {
        let told = gateway.get(path).await;
        assert_eq!(header_of(&told, "x-satscope-state"), "unverified", "{path}");
        tags.push(header_of(&told, "etag").to_owned());
    }
    let of_others = [
        format!("/api/v1/historical-price?timestamp={MARCH}"),
        format!("/api/v1/history?from={MARCH}&to={time}"),
        "/api/v1/history?height=832610".to_owned(),
        "/api/v1/history/coverage".to_owned(),
    ];
    for path in &of_others {
        let told = gateway.get(path).await;
        assert_eq!(told.status(), 200, "{path}");
        assert_eq!(header_of(&told, "x-satscope-state"), "", "{path}");
    }
    // Once the pack's hash was expected, a client that has the same body is told so.
    historian.knows(of(BlockState::Final));
    for (path, tag) in paths.iter().zip(&tags) {
        until("an answer that was vouched for", async || {
            let again = Client::new().get(gateway.url(path));
            let again = again.header(header::IF_NONE_MATCH, tag);
            let told = again.send().await.unwrap();
            told.status() == 200 && header_of(&told, "x-satscope-state").is_empty()
        })
        .await;
    }
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
