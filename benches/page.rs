//! What the page costs, in Chromium with its software renderer on this machine: script for each frame, bytes over the wire,
//! the time to the first price, and memory over an hour that is run through in a minute.
//!
//! `cargo bench --bench page`

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{
    browser::Browser,
    script::{PRICE, Script, dot, dots},
};

/// Updates in an hour, and how many of them a second are run through here.
const HOUR: u32 = 7200;
const QUICKLY: u32 = 100;
/// Frames that are timed.
const FRAMES: u32 = 120;

/// Loaded before the page: times each frame's script, and notes when the first price has been painted.
const WATCH: &str = "
    const request = window.requestAnimationFrame;
    window.untimed = request.bind(window);
    window.timed = [];
    window.requestAnimationFrame = (draw) => request.call(window, (now) => {
        const began = performance.now();
        draw(now);
        window.timed.push(performance.now() - began);
    });
    window.painted = null;
    document.addEventListener('readystatechange', () => {
        const price = document.getElementById('price');
        if (!price || window.observed) return;
        window.observed = new MutationObserver(() => {
            if (window.painted !== null || !/[0-9]/.test(price.textContent)) return;
            window.painted = 0;
            request.call(window, () => setTimeout(() => { window.painted = performance.now(); }));
        });
        window.observed.observe(price, { characterData: true, childList: true, subtree: true });
    });";

/// Moves the mouse over the plot, once a frame: the most that a frame can ask for. Gives the milliseconds of script that
/// each frame took, handlers included, and frames a second.
const SWEEP: &str = "new Promise((done) => {
    const chart = document.getElementById('chart');
    const { left, top, width, height } = chart.getBoundingClientRect();
    window.timed.length = 0;
    const handled = [];
    const began = performance.now();
    const step = (count) => {
        const [x, y] = [left + width * (0.1 + 0.7 * count / FRAMES), top + height * (0.3 + 0.4 * Math.abs(Math.sin(count / 7)))];
        const before = performance.now();
        chart.dispatchEvent(new PointerEvent('pointermove', { clientX: x, clientY: y, pointerType: 'mouse', bubbles: true }));
        handled.push(performance.now() - before);
        if (count < FRAMES) return window.untimed(() => step(count + 1));
        const seconds = (performance.now() - began) / 1000;
        const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;
        const sorted = [...window.timed].sort((one, other) => one - other);
        done({ frames: window.timed.length / seconds, draw: mean(window.timed), slowest: sorted[Math.floor(0.95 * sorted.length)], point: mean(handled) });
    };
    step(0);
})";

#[tokio::main]
async fn main() {
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

async fn open(script: &Script, count: u32) -> Browser {
    let browser = Browser::open("about:blank").await.expect("a browser");
    browser.resize(1440, 900).await;
    let parameters = json!({ "source": WATCH });
    browser
        .devtools("Page.addScriptToEvaluateOnNewDocument", parameters)
        .await;
    browser.client.goto(&script.url("")).await.unwrap();
    let all = format!("document.getElementById('chart').dataset.points === '{count}'");
    browser.until(&all).await;
    browser
}

async fn frames(browser: &Browser, count: u32) {
    // Once for the compiler, once to be timed.
    let sweep = SWEEP.replace("FRAMES", &FRAMES.to_string());
    browser.awaited(&sweep).await;
    let seen = browser.awaited(&sweep).await;
    let renderer = browser
        .value("document.getElementById('chart').dataset.renderer")
        .await;
    let number = |name: &str| seen[name].as_f64().expect("a number");
    println!(
        "{count} dots by {}: script a frame {:.2} ms (95 % under {:.2}), to find the dot that is meant {:.2} ms, {:.0} frames/s",
        renderer.as_str().unwrap_or_default(),
        number("draw"),
        number("slowest"),
        number("point"),
        number("frames"),
    );
}

async fn first_price(browser: &Browser, script: &Script) {
    browser
        .devtools("Network.setCacheDisabled", json!({ "cacheDisabled": true }))
        .await;
    let mut times = Vec::new();
    let mut bytes = 0.0;
    for _ in 0..7 {
        browser.client.goto("about:blank").await.unwrap();
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

/// Two updates a second for an hour, three new dots in each, which take the place of the oldest.
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
            let state = satscope_proto::v1::TransactionState::Mempool;
            dot(&format!("{update:08x}-{number}"), ago, price, state)
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

/// What JavaScript holds, megabytes: its own objects, and the memory of typed arrays.
async fn heap(browser: &Browser) -> f64 {
    browser
        .devtools("HeapProfiler.collectGarbage", json!({}))
        .await;
    let used = browser.devtools("Runtime.getHeapUsage", json!({})).await;
    let bytes = |name: &str| used[name].as_f64().unwrap_or(0.0);
    (bytes("usedSize") + bytes("embedderHeapUsedSize") + bytes("backingStorageSize")) / 1e6
}
