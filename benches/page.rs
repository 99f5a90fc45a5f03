//! What the page costs, in Chromium with its software renderer on this machine: script for each frame, bytes over the wire,
//! the time to the first price, and memory over an hour that is run through in a minute.
//!
//! `cargo bench --bench page`; with `-- points` the bytes of the points alone, which take no browser.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

use satscope_proto::v1::{Point, TransactionState};
use serde_json::{Value, json};
use support::{
    browser::Browser,
    script::{PRICE, START_MS, Script, dot, dots},
};

/// Updates in an hour, and how many of them are played in a second.
const HOUR: u32 = 7200;
const QUICKLY: u32 = 100;
/// Points of a full window on main.
const POINTS: u32 = 53_000;
/// The most bytes that they may take on their way to a page.
const POINTS_BYTES: usize = 300_000;
/// Frames that are timed.
const FRAMES: u32 = 120;

/// A script that is loaded before the page, and notes when the first price has been painted.
const WATCH: &str = "
    window.painted = 0;
    document.addEventListener('readystatechange', () => {
        const price = document.getElementById('price');
        if (!price || window.observed) return;
        window.observed = new MutationObserver(() => {
            if (!/[0-9]/.test(price.textContent)) return;
            window.observed.disconnect();
            // It was written in the script of a frame; the next task comes when that frame has been painted.
            setTimeout(() => { window.painted = performance.now(); });
        });
        window.observed.observe(price, { characterData: true, childList: true, subtree: true });
    });";

/// A script that moves the mouse over the plot, or draws everything anew, once a frame; it returns the frames a second.
const SWEEP: &str = "new Promise((done) => {
    const chart = document.getElementById('chart');
    const { left, top, width, height } = chart.getBoundingClientRect();
    const began = performance.now();
    const step = (count) => {
        const [x, y] = [left + width * (0.1 + 0.7 * count / FRAMES), top + height * (0.3 + 0.4 * Math.abs(Math.sin(count / 7)))];
        if (MOUSE) chart.dispatchEvent(new PointerEvent('pointermove', { clientX: x, clientY: y, pointerType: 'mouse', bubbles: true }));
        else window.dispatchEvent(new Event('hashchange'));
        if (count < FRAMES) requestAnimationFrame(() => step(count + 1));
        else done(FRAMES * 1000 / (performance.now() - began));
    };
    step(0);
})";

#[tokio::main]
async fn main() {
    points_over_the_wire().await;
    if std::env::args().any(|argument| argument == "points") {
        return;
    }
    for count in [2000, 50_000] {
        let mut script = Script::start(dots(count)).await;
        let browser = open(&script, count).await;
        frames(&browser, count).await;
        if count == 50_000 {
            first_price(&browser, &script).await;
            hour(&browser, &mut script).await;
        }
    }
}

/// Prints the size of all points as programs get them, and as the page does.
async fn points_over_the_wire() {
    let script = Script::start((0..POINTS).map(like_main).collect()).await;
    let client = reqwest::Client::new();
    let size = async |form: &str| {
        let url = script.url(&format!("api/v1/points?format={form}"));
        let asked = client.get(url).header("accept-encoding", "gzip");
        let answer = asked.send().await.ok()?;
        let is_whole = answer.status().is_success() && answer.headers().contains_key("etag");
        let body = answer.bytes().await.ok()?;
        is_whole.then_some(body.len())
    };
    let json = support::wait::until("the points", async || size("json").await).await;
    let columns = size("columns").await.expect("the same in columns");
    println!(
        "{POINTS} points, gzip: {:.1} kB in columns, {:.1} kB as JSON",
        columns as f64 / 1000.0,
        json as f64 / 1000.0,
    );
    assert!(columns < POINTS_BYTES, "more than {POINTS_BYTES} bytes");
}

/// A point like those of main after three hours of listening: stamps, amounts and ids are noise, and half of the points that
/// are ten minutes old are in a block.
fn like_main(number: u32) -> Point {
    const SUMS_USD: [f64; 11] = [
        2.0, 5.0, 10.0, 20.0, 25.0, 50.0, 60.0, 100.0, 150.0, 300.0, 500.0,
    ];
    let hash = |what: u8| BuildHasherDefault::<DefaultHasher>::new().hash_one((number, what));
    let share = |what: u8| hash(what) as f64 / u64::MAX as f64;
    let round_usd =
        SUMS_USD[hash(0) as usize % SUMS_USD.len()] * [1.0, 1.5, 2.0, 4.0][hash(1) as usize % 4];
    let width = if number.is_multiple_of(3) {
        0.004
    } else {
        0.07
    };
    let value_sats = (round_usd / PRICE * 1e8 * (1.0 + width * (share(2) - 0.5))) as u64;
    let age_ms = (10_800_000.0 * share(3)) as u64;
    let is_confirmed = share(4) > 0.5_f64.powf(age_ms as f64 / 600_000.0);
    let state = match is_confirmed {
        true => TransactionState::Confirmed,
        false => TransactionState::Mempool,
    };
    Point {
        id: format!("{:016x}-{}", hash(5), hash(6) % 3),
        time_ms: START_MS - age_ms,
        price_usd: round_usd / (value_sats as f64 / 1e8),
        value_sats,
        round_usd,
        state: state.into(),
    }
}

async fn open(script: &Script, count: u32) -> Browser {
    let browser = Browser::open("about:blank").await.expect("a browser");
    browser.resize(1440, 900).await;
    let parameters = json!({ "source": WATCH });
    browser
        .devtools("Page.addScriptToEvaluateOnNewDocument", parameters)
        .await;
    let domain = json!({ "timeDomain": "threadTicks" });
    browser.devtools("Performance.enable", domain).await;
    browser.client.goto(&script.url("")).await.unwrap();
    let all = format!("document.getElementById('chart').dataset.points === '{count}'");
    browser.until(&all).await;
    browser
}

async fn frames(browser: &Browser, count: u32) {
    let renderer = "document.getElementById('chart').dataset.renderer";
    let renderer = browser.value(renderer).await;
    println!("{count} dots by {}:", renderer.as_str().unwrap_or_default());
    for (what, mouse) in [("all drawn anew", "false"), ("under the mouse", "true")] {
        let sweep = SWEEP
            .replace("FRAMES", &FRAMES.to_string())
            .replace("MOUSE", mouse);
        // The first run is for the compiler; the second is timed.
        browser.awaited(&sweep).await;
        let before = script_seconds(browser).await;
        let rate = browser.awaited(&sweep).await;
        let script = script_seconds(browser).await - before;
        println!(
            "  {what}: {:.2} ms of script a frame, {:.0} frames/s",
            script * 1000.0 / f64::from(FRAMES),
            rate.as_f64().unwrap_or_default(),
        );
    }
}

/// Seconds that scripts have taken so far, by the clock of the page's thread, so that other processes do not count.
async fn script_seconds(browser: &Browser) -> f64 {
    let told = browser.devtools("Performance.getMetrics", json!({})).await;
    let metrics = told["metrics"].as_array().expect("metrics");
    let script = metrics
        .iter()
        .find(|metric| metric["name"] == "ScriptDuration");
    script
        .and_then(|metric| metric["value"].as_f64())
        .expect("a duration")
}

async fn first_price(browser: &Browser, script: &Script) {
    let mut times = Vec::new();
    let mut bytes = 0.0;
    for _ in 0..7 {
        browser.client.goto("about:blank").await.unwrap();
        browser
            .devtools("Network.clearBrowserCache", json!({}))
            .await;
        browser.client.goto(&script.url("")).await.unwrap();
        browser.until("window.painted > 0").await;
        times.push(browser.value("window.painted").await.as_f64().unwrap());
        let page = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter(({ name }) => !name.includes('/api/')).reduce((sum, { transferSize }) => sum + transferSize, 0)";
        bytes = browser.value(page).await.as_f64().unwrap();
    }
    times.sort_by(f64::total_cmp);
    println!("the page over the wire: {:.1} kB", bytes / 1000.0);
    println!(
        "the first price painted: {:.0} ms after opening (median of {}, worst {:.0})",
        times[times.len() / 2],
        times.len(),
        times[times.len() - 1],
    );
}

/// Plays an hour of two updates a second, with three new dots in each, which take the place of the oldest.
async fn hour(browser: &Browser, script: &mut Script) {
    let all = "document.getElementById('chart').dataset.points === '50000'";
    browser.until(all).await;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / QUICKLY);
    println!("heap at the start: {:.1} MB", heap(browser).await);
    for update in 1..=HOUR {
        pace.tick().await;
        let ago = -f64::from(update) / 2.0;
        let fresh = |number: u32| {
            let price = PRICE * (1.0 + 0.001 * f64::from(number));
            dot(
                &format!("{update:08x}-{number}"),
                ago,
                price,
                TransactionState::Mempool,
            )
        };
        script.say((1..=3).map(fresh).collect());
        if update.is_multiple_of(HOUR / 4) {
            let sequence = script.now.sequence;
            let told = format!(
                "fetch('/api/v1/price').then((answer) => answer.json()).then(({{ sequence }}) => sequence >= {sequence})"
            );
            while browser.awaited(&told).await != Value::Bool(true) {}
            println!(
                "heap after {} min: {:.1} MB",
                update / 120,
                heap(browser).await
            );
            pace.reset();
        }
    }
    println!(
        "messages that the page took in: {} of {HOUR}",
        browser.value("Number(document.body.dataset.updates)").await
    );
}

/// The memory that JavaScript holds, in megabytes: its own objects, and typed arrays.
async fn heap(browser: &Browser) -> f64 {
    browser
        .devtools("HeapProfiler.collectGarbage", json!({}))
        .await;
    let used = browser.devtools("Runtime.getHeapUsage", json!({})).await;
    let bytes = |name: &str| used[name].as_f64().unwrap_or(0.0);
    (bytes("usedSize") + bytes("embedderHeapUsedSize") + bytes("backingStorageSize")) / 1e6
}
