//! How old the price is, and why it is stale: in each layout, and by no clock that can be set.

use satscope_proto::v1::{HopState, PriceUpdate, StaleReason, TransactionState};

use crate::{
    Stage,
    support::script::{PRICE, dot, estimate, hops, stale},
};

/// Whether the page takes its price for one of this moment.
pub const FRESH: &str = "document.body.dataset.stale === undefined && document.getElementById('notice').innerText === '' && !document.title.startsWith('⚠')";

/// Whether the page shows its price without the colour of its confidence.
pub const DIMMED: &str = "(() => { const probe = document.createElement('i'); probe.style.setProperty('color', getComputedStyle(document.body).getPropertyValue('--muted')); document.body.append(probe); const muted = getComputedStyle(probe).color; probe.remove(); return getComputedStyle(document.getElementById('price')).color === muted; })()";

pub async fn a_stale_price_is_told_in_words(stage: &mut Stage) {
    let icon = "document.querySelector('link[rel=icon]').href";
    let fresh_icon = stage.browser.value(icon).await;
    for (reason, link, notice, age) in [
        (
            StaleReason::NoPayments,
            ("node", HopState::Connected, ""),
            "No payment for 12 min: this is the last price",
            "12 min",
        ),
        (
            StaleReason::UpstreamLost,
            ("ingest", HopState::Disconnected, "connection refused"),
            "Ingest is not connected (connection refused): the price is 4 min old",
            "4 min",
        ),
        (
            StaleReason::Resyncing,
            ("node", HopState::Resyncing, "43 % synchronised"),
            "The node is catching up (43 % synchronised): the price is 2 h old",
            "2 h",
        ),
    ] {
        let (amount, unit) = age.split_once(' ').unwrap();
        let unit_ms = if unit == "h" { 3_600_000 } else { 60_000 };
        let age_ms = amount.parse::<u64>().unwrap() * unit_ms;
        stage.script.play(Vec::new(), |update| {
            update.estimate = Some(stale(reason, age_ms));
            update.hops = hops(link.0, link.1, link.2);
        });
        let browser = &stage.browser;
        browser.until_text("notice", notice).await;
        browser
            .until_text("price-age", &format!("Last price, {age} old"))
            .await;
        // The age is not said twice.
        browser
            .until("/^at [0-9]{2}:[0-9]{2}$/.test(document.getElementById('age').innerText)")
            .await;
        let spoken = "document.getElementById('notice-spoken').textContent";
        browser.until(&format!("{spoken} === {notice:?}")).await;
        assert_eq!(browser.text("price").await, "$50,000");
        let title = format!("document.title === '⚠ $50,000 ({age} old) · Satscope'");
        browser.until(&title).await;
        browser
            .until(&format!("{icon} !== {fresh_icon} && {DIMMED}"))
            .await;
    }
    stage.script.play(Vec::new(), all_is_well);
    let browser = &stage.browser;
    browser.until(FRESH).await;
    browser.until(&format!("!{DIMMED}")).await;
    browser.until(&format!("{icon} === {fresh_icon}")).await;
    browser
        .until("document.getElementById('notice-spoken').textContent === 'The price is live again'")
        .await;
}

pub fn all_is_well(update: &mut PriceUpdate) {
    update.estimate = Some(estimate(PRICE, 0.9));
    update.hops = hops("node", HopState::Connected, "");
}

pub async fn every_layout_tells_the_age(stage: &mut Stage) {
    stage.script.play(Vec::new(), |update| {
        update.estimate = Some(stale(StaleReason::NoPayments, 12 * 60_000));
    });
    for rest in ["?kiosk", "?compact", ""] {
        stage.go(rest).await;
        let browser = &stage.browser;
        for (id, text) in [
            ("price-age", "12 min old"),
            ("notice", "No payment for 12 min"),
        ] {
            browser.until_text(id, text).await;
            let is_seen = format!(
                "(() => {{ const {{ top, bottom, left, right }} = document.getElementById('{id}').getBoundingClientRect(); return bottom - top > 8 && top >= 0 && left >= 0 && right <= innerWidth && bottom <= innerHeight; }})()"
            );
            browser.until(&is_seen).await;
        }
        let unit = "document.querySelector('.unit').innerText";
        assert_eq!(browser.value(unit).await, "1 BTC =", "{rest}");
    }
    stage.script.play(Vec::new(), all_is_well);
    stage.browser.until(FRESH).await;
}

/// Makes the page ask at once after a reset, and not at a random moment of half a minute.
const HURRY: &str = "((page) => { page.Math.random = () => 0; })(window.wrappedJSObject ?? window)";

pub async fn the_last_price_outlives_an_analyzer(stage: &mut Stage) {
    stage.browser.value(HURRY).await;
    stage.script.begin_anew();
    let browser = &stage.browser;
    browser
        .until_text(
            "notice",
            "The window has too few payments: this is the last price",
        )
        .await;
    browser.until_text("price-age", "Last price, ").await;
    assert_eq!(browser.text("price").await, "$50,000");
    let points = "document.getElementById('chart').dataset.points === '601'";
    browser.until(points).await;
    stage.script.tell_all(all_is_well);
    stage.browser.until(FRESH).await;
    stage.browser.until(points).await;
}

pub async fn no_age_comes_from_the_browsers_clock(stage: &mut Stage) {
    stage.script.play(Vec::new(), |update| {
        update.simulation = None;
        all_is_well(update);
    });
    stage.go("").await;
    let browser = &stage.browser;
    browser.until(FRESH).await;
    // Firefox runs a driver's scripts apart from the page's own globals.
    let page = "(window.wrappedJSObject ?? window)";
    let opened = format!("{page}.opened");
    let watch = format!(
        "((page) => {{ page.opened = 0; page.WebSocket = new page.Proxy(page.WebSocket, {{ construct(target, values) {{ page.opened += 1; return new target(...values); }} }}); page.trueNow = page.Date.now; }})({page})"
    );
    browser.value(&watch).await;
    // A clock that leaps looks like sleep, after which the socket may be dead: the page opens a new one. One that goes back does
    // not. On a machine that stands still for seconds, a page may open another before it is set.
    for (days, opens) in [(10, "> 0"), (-10, "=== 0")] {
        let set = format!(
            "((page) => {{ page.Date.now = () => page.trueNow() + {days} * 864e5; page.opened = 0; page.before = Number(document.body.dataset.updates ?? 0); }})({page})"
        );
        browser.value(&set).await;
        let is_told =
            format!("{opened} {opens} && document.body.dataset.updates > {page}.before + 2");
        let is_young = r"/^\d+ s old$/.test(document.getElementById('price-age').innerText)";
        browser
            .until(&format!("{is_told} && {FRESH} && {is_young}"))
            .await;
    }
}

pub async fn the_page_follows_a_clock_that_is_set_back(stage: &mut Stage) {
    stage.go("").await;
    let browser = &stage.browser;
    browser.value(HURRY).await;
    browser.until(FRESH).await;
    browser.until_text("clock", "2025-11-22 08:").await;
    stage.script.set_back(3_600_000).await;
    let browser = &stage.browser;
    browser.until_text("clock", "2025-11-22 07:").await;
    browser.until(FRESH).await;
    // The past is that of the new clock.
    browser.until_text("change-from", "from $49,850").await;
    browser
        .until("document.getElementById('chart').dataset.points === '609'")
        .await;
    stage.script.play(
        vec![dot("after-0", 3600.0, PRICE, TransactionState::Mempool)],
        |_| {},
    );
    stage
        .browser
        .until("document.getElementById('chart').dataset.points === '610'")
        .await;
}

pub async fn a_silent_gateway_makes_the_price_stale(stage: &mut Stage) {
    let Stage {
        script, browser, ..
    } = stage;
    script.gateway().freeze();
    // Before the socket is given up, where the machine is quick enough to look in between.
    let is_told = "/^(Nothing heard from|Lost) the gateway.*: the price is /.test(document.getElementById('notice').innerText)";
    browser.until(&format!("{is_told} && {DIMMED}")).await;
    browser
        .until_text("notice", "Lost the gateway (nothing heard for 10 s)")
        .await;
    assert_eq!(browser.text("price").await, "$50,000");
    script.gateway().thaw();
    browser.until(FRESH).await;
}
