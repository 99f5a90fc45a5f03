//! Prices in other currencies, from a file of exchange rates that comes, changes, breaks and goes.

use std::{
    fs::{self, File, FileTimes},
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use reqwest::{Client, Method, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Gateway,
    analyzer::Analyzer,
    gateway,
    historian::{Historian, MARCH, some_prices},
    metric, until,
    updates::{START_MS, window, without_estimate},
};

/// Rates without a date, rates of the days of the live price (2023-11-14), and of the historian's prices (2024-03-01).
const ROWS: &str = "currency,units_per_dollar,date\n\
    EUR,0.92,\n\
    EUR,0.9,2024-03-01\n\
    GBP,0.8,2023-11-10\n\
    CHF,0.5,2024-03-06\n\
    JPY,150,2019-01-01\n";

/// A file of rates, and a gateway that reads it.
struct Scene {
    folder: TempDir,
    gateway: Gateway,
    _analyzer: Analyzer,
    _historian: Historian,
}

impl Scene {
    /// A gateway whose file has this content; `None` if there is no file yet.
    async fn start(content: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(content) = content {
            replace(&folder, content);
        }
        let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
        let historian = Historian::start(some_prices()).await;
        let [historian_flag, url] = historian.flag();
        let path = path_in(&folder);
        let flags = [&historian_flag, &url, "--fx-file", path.to_str().unwrap()];
        let gateway = gateway(analyzer.address, &flags).await;
        until("a price", async || {
            gateway.get("/api/v1/prices").await.status() == StatusCode::OK
        })
        .await;
        Scene {
            folder,
            gateway,
            _analyzer: analyzer,
            _historian: historian,
        }
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.gateway.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// Waits until the live price in euros is this.
    async fn until_eur(&self, eur: u64) {
        until("the price in euros", async || {
            self.json("/api/v1/prices").await["EUR"] == eur
        })
        .await;
    }
}

fn path_in(folder: &TempDir) -> PathBuf {
    folder.path().join("fx.csv")
}

/// Puts a new file in the place of the other, as cron jobs do. Its last change is at the time of the live price.
fn replace(folder: &TempDir, content: &str) {
    let beside = folder.path().join("new");
    fs::write(&beside, content).unwrap();
    let now = UNIX_EPOCH + Duration::from_millis(START_MS);
    let file = File::options().write(true).open(&beside).unwrap();
    file.set_times(FileTimes::new().set_modified(now)).unwrap();
    fs::rename(beside, path_in(folder)).unwrap();
}

#[tokio::test]
async fn the_live_price_is_given_in_each_currency_with_a_rate_for_it() {
    let scene = Scene::start(Some(ROWS)).await;
    scene.until_eur(46_009).await;
    let prices = scene.json("/api/v1/prices").await;
    let expected = json!({ "time": 1_700_000_005, "USD": 50_010, "EUR": 46_009, "GBP": 40_008 });
    assert_eq!(prices, expected, "yen of 2019 are no rate of now");

    let element = |name: &str, code: &str, rate: f64| {
        let rate = match rate.fract() == 0.0 {
            #[allow(clippy::cast_possible_truncation)]
            true => json!(rate as i64),
            false => json!(rate),
        };
        json!({
            "name": name, "cryptoCode": "BTC", "currencyPair": format!("BTC_{code}"), "code": code, "rate": rate,
        })
    };
    let [usd, eur, gbp] = [
        element("US Dollar", "USD", 50_010.0),
        element("Euro", "EUR", 46_009.2),
        element("Pound Sterling", "GBP", 40_008.0),
    ];
    for (query, expected) in [
        ("", json!([usd, eur, gbp])),
        ("?storeId=X", json!([usd, eur, gbp])),
        (
            "?storeId=X&currencyPairs=BTC_EUR,BTC_USD",
            json!([eur, usd]),
        ),
        ("?currencyPairs=BTC_JPY,BTC_GBP", json!([gbp])),
        ("?currencyPairs=BTC_XYZ", json!([])),
    ] {
        assert_eq!(
            scene.json(&format!("/api/rates{query}")).await,
            expected,
            "{query}"
        );
    }
    let rates = scene.json("/api/v1/exchange-rates").await;
    let expected = json!({ "rates": [
        { "currency": "EUR", "name": "Euro", "units_per_dollar": 0.92, "date": "2023-11-14" },
        { "currency": "GBP", "name": "Pound Sterling", "units_per_dollar": 0.8, "date": "2023-11-10" },
    ] });
    assert_eq!(rates, expected);
}

#[tokio::test]
async fn a_price_of_the_past_is_given_in_the_currencies_with_a_rate_of_its_days() {
    let scene = Scene::start(Some(ROWS)).await;
    scene.until_eur(46_009).await;
    let path = "/api/v1/historical-price";
    let rates = json!({ "USDEUR": 0.92, "USDGBP": 0.8 });
    let row = json!({ "time": MARCH, "USD": 60_000.5, "EUR": 54_000.45, "CHF": 30_000.25 });
    for (query, prices) in [
        (format!("?timestamp={MARCH}"), json!([row])),
        (
            format!("?timestamp={MARCH}&currency=EUR"),
            json!([{ "time": MARCH, "USD": 60_000.5, "EUR": 54_000.45 }]),
        ),
        (
            format!("?timestamp={MARCH}&currency=USD"),
            json!([{ "time": MARCH, "USD": 60_000.5 }]),
        ),
        // Known, and without a rate of that time.
        (
            format!("?timestamp={MARCH}&currency=GBP"),
            json!([{ "time": MARCH, "USD": 60_000.5 }]),
        ),
        (
            "?timestamp=5&currency=EUR".to_owned(),
            json!([{ "time": 1_279_497_600, "USD": 0 }]),
        ),
        ("?timestamp=5".to_owned(), json!([])),
    ] {
        let told = scene.json(&format!("{path}{query}")).await;
        assert_eq!(
            told,
            json!({ "prices": prices, "exchangeRates": rates }),
            "{query}"
        );
    }
    for unknown in ["XYZ", "eur"] {
        let told = scene
            .json(&format!("{path}?timestamp={MARCH}&currency={unknown}"))
            .await;
        assert_eq!(told, Value::Null);
    }
    // The hours have whole units, and each row the rates of its own days.
    for (query, first) in [
        (
            "",
            json!({ "time": MARCH + 288 * 600 + 59 * 60, "USD": 60_301, "EUR": 54_271, "CHF": 30_150 }),
        ),
        (
            "?currency=EUR",
            json!({ "time": MARCH + 288 * 600 + 59 * 60, "USD": 60_301, "EUR": 54_271 }),
        ),
    ] {
        let told = scene.json(&format!("{path}{query}")).await;
        assert_eq!(told["prices"][0], first, "{query}");
        assert_eq!(told["exchangeRates"], rates);
    }
}

#[tokio::test]
async fn the_file_is_read_again_when_it_changes_and_the_last_good_content_is_kept() {
    let refused = async || metric("satscope_gateway_fx_reads_total{outcome=\"refused\"}").await;
    let scene = Scene::start(Some("EUR,0.92\n")).await;
    scene.until_eur(46_009).await;
    replace(&scene.folder, "EUR,0.93\n");
    scene.until_eur(46_509).await;
    for broken in ["", "EUR,0.9\nGB", "[{\"currency\":\"EUR\"", "eur,0.9\n"] {
        let before = refused().await;
        replace(&scene.folder, broken);
        until("a refusal", async || refused().await > before).await;
        let prices = scene.json("/api/v1/prices").await;
        assert_eq!(prices["EUR"], 46_509, "{broken:?}");
    }
    let before = refused().await;
    fs::remove_file(path_in(&scene.folder)).unwrap();
    until("a refusal", async || refused().await > before).await;
    assert_eq!(scene.json("/api/v1/prices").await["EUR"], 46_509);
    replace(
        &scene.folder,
        r#"[{"currency":"EUR","units_per_dollar":0.9}]"#,
    );
    scene.until_eur(45_009).await;
}

#[tokio::test]
async fn without_a_usable_file_prices_are_in_dollars_until_one_comes() {
    let scene = Scene::start(None).await;
    let expected = json!({ "time": 1_700_000_005, "USD": 50_010 });
    assert_eq!(scene.json("/api/v1/prices").await, expected);
    assert_eq!(
        scene.json("/api/v1/exchange-rates").await,
        json!({ "rates": [] })
    );
    let past = format!("/api/v1/historical-price?timestamp={MARCH}&currency=EUR");
    assert_eq!(scene.json(&past).await, Value::Null);
    assert_eq!(scene.json("/api/rates").await.as_array().unwrap().len(), 1);
    let ready = scene.gateway.get("/readyz").await;
    assert_eq!(ready.status(), StatusCode::OK);
    replace(&scene.folder, "EUR,0.92\n");
    scene.until_eur(46_009).await;
}

#[tokio::test]
async fn the_rates_are_revalidated_and_answered_as_the_other_answers_are() {
    let scene = Scene::start(Some("EUR,0.92\n")).await;
    scene.until_eur(46_009).await;
    let path = "/api/v1/exchange-rates";
    let first = scene.gateway.get(path).await;
    let tag = first.headers()[header::ETAG].clone();
    assert_eq!(first.headers()[header::CACHE_CONTROL], "no-cache");
    let again = async || {
        let request = Client::new().get(scene.gateway.url(path));
        let request = request.header(header::IF_NONE_MATCH, tag.clone());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(again().await, 304);
    replace(&scene.folder, "EUR,0.93\n");
    until("another tag", async || again().await == 200).await;

    let live = scene.gateway.get("/api/rates").await;
    assert_eq!(live.headers()[header::CACHE_CONTROL], "no-store");
    assert!(live.headers().contains_key("x-satscope-age-seconds"));
    for path in [path, "/api/rates"] {
        let ask = async |method: Method| {
            let request = Client::new().request(method, scene.gateway.url(path));
            request.send().await.unwrap()
        };
        let head = ask(Method::HEAD).await;
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["content-type"], "application/json");
        assert_eq!(head.bytes().await.unwrap().len(), 0);
        assert_eq!(ask(Method::POST).await.status(), 405);
    }
    let bad = scene.gateway.get("/api/rates?currencyPairs=BTC").await;
    assert_eq!(bad.status(), 400);
    let bad: Value = bad.json().await.unwrap();
    let expected =
        "currencyPairs: expected pairs such as BTC_USD, with commas between them; got \"BTC\"";
    assert_eq!(bad["detail"], expected);
}

#[tokio::test]
async fn a_price_that_is_not_there_or_stale_for_long_is_given_in_no_currency() {
    let analyzer = Analyzer::start(vec![without_estimate(window(10, &[]))]).await;
    let none_yet = gateway(analyzer.address, &[]).await;
    let problem = none_yet.get("/api/rates").await;
    assert_eq!(problem.status(), 503);
    assert_eq!(
        problem.headers()["content-type"],
        "application/problem+json"
    );

    let analyzer = Analyzer::start(vec![window(10, &["a"])]).await;
    let gateway = gateway(analyzer.address, &["--stale-after-seconds", "1"]).await;
    let status = async || gateway.get("/api/rates").await.status().as_u16();
    until("a price", async || status().await == 200).await;
    analyzer.stop().await;
    until("a refusal", async || status().await == 503).await;
    let refused: Value = gateway.get("/api/rates").await.json().await.unwrap();
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("has been stale for"), "{detail}");
}
