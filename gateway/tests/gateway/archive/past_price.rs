//! The price at a time and the hours before it, in the shape of mempool.space.

use std::time::Instant;

use reqwest::{Client, header};
use satscope_proto::v1::{BlockState, HistorianState, PastPrice};
use serde_json::{Value, json};

use super::{detail_of, header_of, json_of, text_of, with};
use crate::support::{
    historian::{Historian, MARCH, block, some_prices},
    until,
};

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
        format!("<historical-price?before={before}&currency=USD>; rel=\"next\"")
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

/// Gives the historian an old price, which is returned; all blocks between it and the newest ones are still to be read.
fn has_a_gap(historian: &Historian) -> PastPrice {
    let old = block(600_000, MARCH - 90 * 86_400, 4_000_000, BlockState::Final);
    let mut prices = some_prices();
    prices.insert(0, old);
    historian.knows(prices);
    historian.covers(|coverage| {
        coverage.wanted_blocks = 900_000;
        coverage.since_time = Some(MARCH);
        coverage.tip_height = coverage.last_height;
        coverage.state = HistorianState::Filling.into();
    });
    old
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

    let old = has_a_gap(&historian);
    let between = format!("{path}?timestamp={}", MARCH - 86_400);
    assert_eq!(detail_of(&gateway, &between, 503).await, not_read);
    let told = format!("{path}?timestamp={}", old.time + 1200);
    assert_eq!(json_of(&gateway, &told).await["prices"][0]["USD"], 40_000);
    let later = format!("{path}?timestamp={}", old.time + 3600);
    assert_eq!(detail_of(&gateway, &later, 503).await, not_read);
    // The coverage of the last second is used.
    let future = format!("{path}?timestamp=4000000000");
    until("the newest price", async || {
        gateway.get(&future).await.status() == 200
    })
    .await;
    assert_eq!(
        json_of(&gateway, &future).await["prices"][0]["USD"],
        60_300.59
    );
}

#[tokio::test]
async fn hours_that_are_still_to_be_read_are_not_said_to_be_none() {
    let historian = Historian::start(some_prices()).await;
    let (gateway, _analyzer) = with(&historian).await;
    let rows = async |before: u64| {
        let path = format!("/api/v1/historical-price?before={before}");
        json_of(&gateway, &path).await["prices"].clone()
    };
    assert_eq!(rows(MARCH).await, json!([]), "all has been read");
    let old = has_a_gap(&historian);
    for before in [MARCH - 5, MARCH - 86_400, old.time] {
        let path = format!("/api/v1/historical-price?before={before}");
        let expected = "the historian has no answer: it has not read the blocks of that time yet";
        assert_eq!(detail_of(&gateway, &path, 503).await, expected, "{before}");
    }
    assert_eq!(rows(old.time + 60).await[0]["USD"], 40_000);
    assert_eq!(rows(MARCH + 7200).await.as_array().unwrap().len(), 3);
    assert_eq!(rows(4_000_000_000).await[0]["USD"], 60_301);
    assert_eq!(rows(5).await, json!([]), "there was no price at that time");
}

#[tokio::test]
async fn the_coverage_is_asked_once_a_second_for_all_who_ask_for_old_prices() {
    const QUESTIONS: u64 = 60;
    let historian = Historian::start(some_prices()).await;
    historian.covers(|coverage| coverage.state = HistorianState::Filling.into());
    let (gateway, _analyzer) = with(&historian).await;
    let (began, before) = (Instant::now(), historian.asked());
    for nth in 1..=QUESTIONS {
        let path = format!("/api/v1/historical-price?timestamp={}", MARCH - nth);
        detail_of(&gateway, &path, 503).await;
    }
    let most = QUESTIONS + began.elapsed().as_secs() + 1;
    let asked = historian.asked() - before;
    assert!((QUESTIONS + 1..=most).contains(&asked), "{asked} of {most}");
}
