//! The newcomer's first minute: `satscope demo`, and what a browser shows of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use support::{
    browser::Browser,
    chain::{FREE, FREE_PORTS},
    part::Part,
    wait::{PATIENCE, until},
};

/// From the start of the program to a price on the page.
const PRICE_WITHIN: Duration = Duration::from_mins(1);
/// How far the price may be from the hidden one.
const TOLERANCE: f64 = 0.02;
/// The longest that the page may stand still.
const LONGEST_GAP: Duration = Duration::from_secs(5);
/// Updates that are watched for their pace.
const WATCHED: u64 = 12;

fn demo(flags: &[&str]) -> Part {
    let node = [
        "demo",
        "--standin-zmq-listen=tcp://127.0.0.1:*",
        "--standin-rpc-listen",
        FREE,
    ];
    Part::satscope(&[&node[..], &FREE_PORTS, flags].concat())
}

async fn number(browser: &Browser, expression: &str) -> Option<f64> {
    let value = browser.value(expression).await;
    value.as_str()?.parse().ok()
}

/// Watches the page's count of updates rise; the longest that it stood still.
async fn longest_gap(browser: &Browser) -> Duration {
    let updates = async || number(browser, "document.body.dataset.updates").await;
    let first = updates().await.expect("data-updates");
    let (mut last, mut since, mut longest) = (first, Instant::now(), Duration::ZERO);
    while last < first + WATCHED as f64 {
        let now = updates().await.expect("data-updates");
        longest = longest.max(since.elapsed());
        if now > last {
            (last, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "the page stands still");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_a_simulated_price_in_a_browser_and_keeps_it_up_to_date() {
    let started = Instant::now();
    let mut demo = demo(&[]);
    let url = demo.line("the dashboard is at ").await;
    let Some(browser) = Browser::open(&url).await else {
        return;
    };
    let price = until("a price on the page", async || {
        number(&browser, "document.getElementById('price').dataset.price").await
    })
    .await;
    let took = started.elapsed();
    println!("a price on the page {took:.1?} after the start");
    assert!(took < PRICE_WITHIN, "{took:?}");

    // The price is shown before the plot is loaded.
    let hidden = until("a hidden price in the plot", async || {
        let drawn = "document.getElementById('chart').dataset.hiddenPrice";
        number(&browser, drawn).await
    })
    .await;
    let error = price / hidden - 1.0;
    println!(
        "{price:.0} for a hidden {hidden:.0}: {:+.2} %",
        100.0 * error
    );
    assert!(error.abs() < TOLERANCE, "{price} for {hidden}");
    until("dots", async || {
        let points = number(&browser, "document.getElementById('chart').dataset.points").await;
        (points? >= 100.0).then_some(())
    })
    .await;

    let label = "document.getElementById('simulated')";
    let text = browser.value(&format!("{label}.innerText")).await;
    assert!(
        text.as_str().is_some_and(|text| text.contains("SIMULATED")),
        "{text}"
    );
    let seen = browser.value(&format!("{label}.checkVisibility() && {label}.getBoundingClientRect().top >= 0 && {label}.getBoundingClientRect().height > 10")).await;
    assert_eq!(seen, true, "SIMULATED is in plain sight");
    let confidence = browser
        .value("document.getElementById('confidence').innerText")
        .await;
    let (word, number) = confidence
        .as_str()
        .and_then(|text| text.split_once(' '))
        .expect("the confidence as a word and a number");
    assert!(["high", "medium", "low"].contains(&word), "{word}");
    let number: f64 = number.parse().expect("a number");
    assert!((0.0..=1.0).contains(&number), "{number}");
    for hop in ["node", "ingest", "analyzer", "gateway", "browser"] {
        let state = format!("document.querySelector('#hops [data-hop={hop}]').dataset.state");
        until(&format!("the hop {hop} to be connected"), async || {
            (browser.value(&state).await == "connected").then_some(())
        })
        .await;
    }
    let stats = browser
        .value("document.getElementById('stats').innerText")
        .await;
    assert!(
        stats
            .as_str()
            .is_some_and(|text| text.contains("Received: ")),
        "{stats}"
    );

    let gap = longest_gap(&browser).await;
    println!("the longest gap between updates: {gap:.1?}");
    assert!(gap < LONGEST_GAP, "{gap:?}");

    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../demo.png");
    browser.screenshot(&picture).await;
    println!(
        "a picture of the page: {}",
        picture.canonicalize().unwrap().display()
    );
    let complaints = browser.complaints().await;
    assert!(
        complaints.is_empty(),
        "the browser complains: {complaints:#?}"
    );
    drop(browser);
    let (status, took) = demo.end().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_price_is_logged_in_fields() {
    let mut demo = demo(&["--log-format=json"]);
    demo.line("\"the first price\"").await;
    let lines = demo.log();
    let line = lines.iter().find(|line| line.contains("the first price"));
    let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
    assert_eq!(
        (&line["level"], &line["message"]),
        (&"INFO".into(), &"the first price".into())
    );
    let number = |name: &str| {
        line[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name} in {line}"))
    };
    assert!(0.0 < number("low_usd") && number("low_usd") <= number("price_usd"));
    assert!(number("price_usd") <= number("high_usd"), "{line}");
    assert!((0.0..=1.0).contains(&number("confidence")), "{line}");
    assert!(
        number("payments") > 0.0 && number("as_of") > 1_600_000_000.0,
        "{line}"
    );
}
