//! The page behind a proxy: under a path of its own, and with gateways of two builds that take turns.

use serde_json::json;

use crate::{
    known,
    support::{
        browser::{Browser, Engine},
        reverse::{Builds, OTHER_BUILD, Reverse},
        script::{Script, dots},
        wait::until,
    },
    things::SAVED,
};

const ENGINES: [Engine; 3] = [Engine::Chromium, Engine::Firefox, Engine::WebKit];

/// Where the proxy serves the page.
const PREFIX: &str = "/tools/satscope";

/// The build that the page's document names.
const BUILD: &str =
    "document.querySelector('link[rel=stylesheet]').href.match(/assets\\/([0-9a-f]{16})\\//)[1]";

/// The builds of all files that came.
const BUILDS: &str = "[...new Set(performance.getEntriesByType('resource').map(({ name }) => name.match(/assets\\/([0-9a-f]{16})\\//)?.[1]).filter(Boolean))]";

async fn script() -> Script {
    let mut script = Script::start([dots(600), vec![known()]].concat()).await;
    script.repeats();
    script
}

/// Waits until the page has the price, all dots, the past, and its look.
async fn until_whole(browser: &Browser) {
    browser
        .until("document.getElementById('price')?.innerText === '$50,000'")
        .await;
    browser
        .until("document.getElementById('chart').dataset.points === '601'")
        .await;
    browser.until_text("change", "▲ +0.30 %").await;
    browser
        .until("getComputedStyle(document.body).getPropertyValue('--level') !== ''")
        .await;
    browser
        .until("Number(document.body.dataset.updates) > 3")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_path_of_its_own_every_request_is_answered() {
    let script = script().await;
    for engine in ENGINES {
        let proxy = Reverse::before(script.address, PREFIX).await;
        let Some(browser) = Browser::open_in(engine, &proxy.url("")).await else {
            continue;
        };
        println!("{engine:?}: the page under {PREFIX}/");
        until_whole(&browser).await;
        browser
            .until("Number(document.getElementById('amounts').dataset.excess) > 3")
            .await;
        let path = "location.pathname";
        assert_eq!(browser.value(path).await, format!("{PREFIX}/"));
        let saved = browser.awaited(SAVED).await;
        assert_eq!(saved["type"], "image/png");
        println!(
            "{engine:?}: a link that restores the view, from an address without the last slash"
        );
        let layer = "document.querySelector('[data-layer=mempool]')";
        browser.value(&format!("{layer}.click()")).await;
        browser.until("location.hash === '#hide=mempool'").await;
        assert_eq!(browser.value(path).await, format!("{PREFIX}/"));
        browser.client.goto("about:blank").await.unwrap();
        let without_slash = format!("http://{}{PREFIX}#hide=mempool", proxy.address);
        browser.client.goto(&without_slash).await.unwrap();
        until_whole(&browser).await;
        browser
            .until(&format!("{layer}.getAttribute('aria-pressed') === 'false'"))
            .await;
        println!("{engine:?}: the description");
        let description = "fetch('api/v1/openapi.yaml').then(async (answer) => new URL(/- url: (.*)/.exec(await answer.text())[1], answer.url).pathname)";
        assert_eq!(browser.awaited(description).await, format!("{PREFIX}/"));
        let asked = proxy.asked();
        let failed: Vec<_> = asked.iter().filter(|asked| asked.status >= 400).collect();
        assert!(asked.len() > 40 && failed.is_empty(), "{failed:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_builds_in_turn_never_mix_and_make_no_loop() {
    let script = script().await;
    for engine in [Engine::Chromium, Engine::Firefox] {
        let proxy = Reverse::before(script.address, "").await;
        proxy.set(Builds::InTurn);
        // With a fragment, which a repair must not lose.
        let url = proxy.url("?kiosk#hide=blocks");
        let Some(browser) = Browser::open_in(engine, &url).await else {
            continue;
        };
        until_whole(&browser).await;
        let loads = proxy.loads();
        println!("{engine:?}: whole after {loads} loads");
        assert!((2..=6).contains(&loads), "{loads} loads");
        assert_eq!(browser.value("location.hash").await, "#hide=blocks");
        assert_eq!(
            browser.value(BUILDS).await,
            json!([browser.value(BUILD).await])
        );
        // Its socket may be at a gateway of the other build: it is reloaded for that once, and then once for this one.
        let heard = "document.body.dataset.updates > 30";
        browser.until(heard).await;
        until_whole(&browser).await;
        let later = proxy.loads();
        println!("{engine:?}: after half a minute {later} loads");
        assert!(later <= loads + 6, "{later} loads after {loads}");
        assert_eq!(
            browser.value(BUILDS).await,
            json!([browser.value(BUILD).await])
        );
    }
}

/// WebKit's driver opens private windows, which keep no file from one load to the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_keeps_nothing_waits_until_one_build_is_left() {
    let script = script().await;
    let proxy = Reverse::before(script.address, "").await;
    proxy.set(Builds::InTurn);
    let url = proxy.url("#hide=blocks");
    let Some(browser) = Browser::open_in(Engine::WebKit, &url).await else {
        return;
    };
    until("repairs", async || (proxy.loads() >= 4).then_some(())).await;
    proxy.set(Builds::Other);
    until_whole(&browser).await;
    let loads = proxy.loads();
    println!("whole after {loads} loads");
    assert!(loads <= 12, "{loads} loads");
    assert_eq!(browser.value(BUILDS).await, json!([OTHER_BUILD]));
    assert_eq!(browser.value("location.hash").await, "#hide=blocks");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_page_follows_its_gateway_to_another_build() {
    let script = script().await;
    let proxy = Reverse::before(script.address, PREFIX).await;
    let Some(browser) = Browser::open(&proxy.url("?kiosk#hide=blocks")).await else {
        return;
    };
    until_whole(&browser).await;
    assert_eq!(browser.value(BUILD).await, proxy.build);
    assert_eq!(proxy.loads(), 1);
    // Its share of the time over which pages spread their reloads.
    browser.value("(Math.random = () => 0, true)").await;
    proxy.set(Builds::Other);
    proxy.cut();
    until("the other build", async || {
        (browser
            .value(&format!("document.readyState === 'complete' && {BUILD}"))
            .await
            == OTHER_BUILD)
            .then_some(())
    })
    .await;
    until_whole(&browser).await;
    assert_eq!(browser.value(BUILDS).await, json!([OTHER_BUILD]));
    assert_eq!(browser.value("location.hash").await, "#hide=blocks");
    assert_eq!(proxy.loads(), 2);
}
