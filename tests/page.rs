//! The page in three real engines, on a scripted analyzer whose every value is known beforehand.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use fantoccini::key::Key;
use satscope_proto::v1::{HopState, Point, PriceUpdate, Simulation, StaleReason, TransactionState};
use serde_json::{Value, json};
use support::{
    browser::{Browser, Engine, axe},
    script::{PRICE, Script, dot, dots, estimate, hops, stale},
    socket::Socket,
};

/// Dots that are there from the start, and the one among them that is pointed at.
const DOTS: u32 = 600;
const KNOWN_USD: f64 = 51_500.0;
const KNOWN_AGE: f64 = 150.0;

/// One engine with the page open.
struct Stage {
    script: Script,
    browser: Browser,
    engine: Engine,
}

impl Stage {
    /// `None` where the engine is not installed.
    async fn set(engine: Engine, rest: &str) -> Option<Stage> {
        let mut script = Script::start([dots(DOTS), vec![known()]].concat()).await;
        script.repeats();
        let browser = Browser::open_in(engine, &script.url(rest)).await?;
        browser.until_text("price", "$50,000").await;
        browser
            .until("document.getElementById('chart').dataset.points === '601'")
            .await;
        Some(Stage {
            script,
            browser,
            engine,
        })
    }

    async fn go(&self, rest: &str) {
        let url = self.script.url(rest);
        // A fragment alone would not load the page again.
        self.browser.client.goto("about:blank").await.unwrap();
        self.browser.client.goto(&url).await.unwrap();
        self.browser.until_text("price", "$").await;
    }
}

/// A dot with nothing near it.
fn known() -> Point {
    Point {
        value_sats: 194_175,
        round_usd: 100.0,
        ..dot("known-0", KNOWN_AGE, KNOWN_USD, TransactionState::Mempool)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_shows_the_page() {
    let Some(stage) = everything(Engine::Chromium).await else {
        return;
    };
    let complaints = stage.browser.complaints().await;
    let unexpected: Vec<_> = complaints
        .iter()
        .filter(|complaint| !complaint.contains("ERR_CONNECTION_REFUSED"))
        .collect();
    assert!(
        unexpected.is_empty(),
        "the browser complains: {unexpected:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_shows_the_page() {
    everything(Engine::Firefox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webkit_shows_the_page() {
    everything(Engine::WebKit).await;
}

/// One browser for all: opening one takes longer than most of what is looked at.
async fn everything(engine: Engine) -> Option<Stage> {
    let mut stage = Stage::set(engine, "").await?;
    let what = |name: &str| println!("{engine:?}: {name}");
    what("the price and all that stands beside it");
    the_price_and_its_grounds_are_shown(&stage).await;
    what("the picture that is saved");
    the_saved_picture_shows_the_dots(&stage).await;
    what("a known dot");
    a_known_dot_says_what_it_is(&stage).await;
    what("keyboard only");
    the_keyboard_suffices(&stage).await;
    what("zoom, and the link that restores it");
    a_zoomed_view_is_in_the_link(&stage).await;
    what("confidence");
    confidence_has_its_colour_and_its_words(&mut stage).await;
    what("a stale price");
    a_stale_price_is_told_in_words(&mut stage).await;
    what("kiosk and compact");
    every_layout_tells_the_age(&mut stage).await;
    what("an analyzer that begins anew");
    the_last_price_outlives_an_analyzer(&mut stage).await;
    what("a gateway that is silent");
    a_silent_gateway_makes_the_price_stale(&mut stage).await;
    what("a hidden tab");
    a_hidden_tab_listens_and_does_not_draw(&mut stage).await;
    what("the gateway killed");
    a_killed_gateway_leaves_no_gap(&mut stage).await;
    what("360 pixels");
    a_narrow_window_holds_everything(&stage).await;
    what("accessibility");
    axe_finds_nothing(&mut stage).await;
    what("without WebGL");
    the_plain_canvas_draws_the_dots(&stage).await;
    what("a browser whose clock is wrong");
    no_age_comes_from_the_browsers_clock(&mut stage).await;
    what("a clock that is set back");
    the_page_follows_a_clock_that_is_set_back(&mut stage).await;
    Some(stage)
}

async fn the_price_and_its_grounds_are_shown(stage: &Stage) {
    let browser = &stage.browser;
    browser.until_text("confidence", "high 0.90").await;
    assert_eq!(browser.text("interval").await, "$49,900 – $50,100");
    browser.until_text("change", "▲ +0.30 %").await;
    assert_eq!(browser.text("change-from").await, "from $49,850");
    // Ages run on while the page is looked at.
    for (id, expected) in [
        ("age", r"^\d+ s ago$"),
        ("price-age", r"^\d+ s old$"),
        ("block-age", "^[34] min ago$"),
    ] {
        browser
            .until(&format!(
                "/{expected}/.test(document.getElementById('{id}').innerText)"
            ))
            .await;
    }
    browser.until(FRESH).await;
    assert_eq!(browser.text("block").await, "block 930,004");
    let stats = browser.text("stats").await;
    let expected =
        "Received: 12,543 | Filtered: 8,234 | Active: 4,309 | Uptime: 1h 02m | Mempool: 5,678";
    assert!(stats.starts_with(expected), "{stats}");
    for hop in ["node", "ingest", "analyzer", "gateway", "browser"] {
        let word = format!("document.querySelector('#hops [data-hop={hop}] .word').innerText");
        assert_eq!(browser.value(&word).await, "connected", "{hop}");
    }
    let title = browser.value("document.title").await;
    assert_eq!(title, "$50,000 · Satscope");
    let icon = "document.querySelector('link[rel=icon]').href.startsWith('data:image/png')";
    browser.until(icon).await;
    assert_eq!(
        browser
            .value("document.getElementById('simulated').hidden")
            .await,
        true
    );
    let amounts = "document.getElementById('amounts').dataset";
    browser
        .until(&format!("Number({amounts}.excess) > 3"))
        .await;
    let renderer = "document.getElementById('chart').dataset.renderer";
    assert_eq!(browser.value(renderer).await, "webgl2");
    let elsewhere = "performance.getEntriesByType('resource').filter(({ name }) => !name.startsWith(location.origin)).length";
    assert_eq!(browser.value(elsewhere).await, 0, "requests to other hosts");
}

/// Saves the picture, and counts its pixels by colour; the file itself is caught on its way to the disk.
const SAVED: &str = "(async () => {
    const [make, click] = [URL.createObjectURL, HTMLAnchorElement.prototype.click];
    let name = '';
    const made = new Promise((resolve) => {
        URL.createObjectURL = (blob) => { resolve(blob); return make.call(URL, blob); };
    });
    HTMLAnchorElement.prototype.click = function () { name = this.download; };
    document.getElementById('save').click();
    const blob = await made;
    await new Promise((resolve) => setTimeout(resolve));
    [URL.createObjectURL, HTMLAnchorElement.prototype.click] = [make, click];
    const image = await createImageBitmap(blob);
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    const counts = { name, type: blob.type, width: image.width, height: image.height, cyan: 0, orange: 0, green: 0 };
    for (let at = 0; at < data.length; at += 4) {
        const [red, green, blue] = data.subarray(at, at + 3);
        if (red < 60 && green > 110 && blue > 120 && blue >= green) counts.cyan += 1;
        if (red > 120 && green > 60 && green < 0.75 * red && blue < 60) counts.orange += 1;
        if (green > 110 && red < 0.6 * green && blue < 0.75 * green) counts.green += 1;
    }
    return counts;
})()";

async fn the_saved_picture_shows_the_dots(stage: &Stage) {
    let browser = &stage.browser;
    let saved = browser.awaited(SAVED).await;
    let number = |saved: &Value, name: &str| {
        saved[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name} in {saved}"))
    };
    assert_eq!(saved["type"], "image/png");
    let name = saved["name"].as_str().unwrap();
    assert!(
        name.starts_with("satscope-50000-2025-11-22T") && name.ends_with(".png"),
        "{name}"
    );
    assert!(number(&saved, "width") > 1000.0 && number(&saved, "height") > 300.0);
    // 540 dots of some ten pixels each, and 61.
    assert!(number(&saved, "cyan") > 2000.0, "{saved}");
    assert!(number(&saved, "orange") > 500.0, "{saved}");
    assert!(number(&saved, "green") > 1000.0, "{saved}");

    for layer in ["confirmed", "mempool"] {
        let button = format!("document.querySelector('[data-layer={layer}]')");
        browser.value(&format!("{button}.click()")).await;
        browser
            .until(&format!(
                "{button}.getAttribute('aria-pressed') === 'false'"
            ))
            .await;
    }
    let without = browser.awaited(SAVED).await;
    for (colour, share) in [("cyan", 0.5), ("orange", 0.7)] {
        assert!(
            number(&without, colour) < share * number(&saved, colour),
            "{colour}: {without} after {saved}"
        );
    }
    let fragment = browser.value("location.hash").await;
    assert_eq!(fragment, "#hide=confirmed+mempool");
    for layer in ["confirmed", "mempool"] {
        browser
            .value(&format!(
                "document.querySelector('[data-layer={layer}]').click()"
            ))
            .await;
    }
}

async fn a_known_dot_says_what_it_is(stage: &Stage) {
    let browser = &stage.browser;
    let expected = "document.getElementById('tooltip').dataset.id === 'known-0' && !document.getElementById('tooltip').hidden";
    // Roughly where it must be: the axis spans 4 % each way, the mempool's part some minutes.
    let plot = browser
        .value("(() => { const { left, top, width, height } = document.getElementById('chart').getBoundingClientRect(); return [left, top, width, height]; })()")
        .await;
    let [left, top, width, height] = [0, 1, 2, 3].map(|at| plot[at].as_f64().expect("a number"));
    let middle = top + height * (0.5 - (KNOWN_USD / PRICE - 1.0) / 0.08 * 0.9);
    let mut found = false;
    'sweep: for row in [0.0, -18.0, 18.0, -36.0, 36.0] {
        let mut x = left + 0.5 * width;
        while x < left + 0.95 * width {
            browser.point_at(x.round(), (middle + row).round()).await;
            if browser.value(expected).await == true {
                found = true;
                break 'sweep;
            }
            x += 16.0;
        }
    }
    assert!(found, "{:?}: the dot is not where it must be", stage.engine);
    let text = browser.text("tooltip").await;
    for part in [
        "$51,500",
        "0.00194175 BTC for $100",
        "Mempool, seen ",
        " min ago",
    ] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
    browser.point_at(5.0, 5.0).await;
    browser
        .until("document.getElementById('tooltip').hidden")
        .await;
}

async fn the_keyboard_suffices(stage: &Stage) {
    let browser = &stage.browser;
    let mut visited = Vec::new();
    browser.value("document.activeElement.blur()").await;
    let focused = "(document.activeElement.id || document.activeElement.dataset.layer || document.activeElement.dataset.range || '')";
    while visited.last().is_none_or(|id| id != "chart") {
        browser.press(Key::Tab).await;
        let id = browser.value(focused).await.as_str().unwrap().to_owned();
        assert!(!visited.contains(&id), "{id} again after {visited:?}");
        visited.push(id);
    }
    for id in [
        "copy-price",
        "copy-link",
        "save",
        "theme",
        "full-screen",
        "confirmed",
        "blocks",
        "900",
        "10800",
    ] {
        assert!(
            visited.iter().any(|visited| visited == id),
            "{id}: {visited:?}"
        );
    }
    browser.press(Key::Left).await;
    browser
        .until("!document.getElementById('tooltip').hidden")
        .await;
    let first = browser.text("tooltip").await;
    browser.press(Key::Left).await;
    browser
        .until(&format!(
            "document.getElementById('tooltip').innerText !== {first:?}"
        ))
        .await;
    let spoken = browser.text("dot-spoken").await;
    assert!(spoken.contains(" BTC for $"), "{spoken}");
    let live = "document.getElementById('chart').dataset.live";
    assert_eq!(browser.value(live).await, "true");
    let chart = browser.client.active_element().await.unwrap();
    chart.send_keys("+").await.unwrap();
    browser.until(&format!("{live} === 'false'")).await;
    browser
        .until("!document.getElementById('live').hidden")
        .await;
    browser.press(Key::Escape).await;
    browser.until(&format!("{live} === 'true'")).await;
    browser.press(Key::Tab).await;
    let why = "document.getElementById('why').getAttribute('aria-expanded')";
    assert_eq!(browser.value(focused).await, "why");
    browser.press(Key::Enter).await;
    browser.until(&format!("{why} === 'false'")).await;
    browser.press(Key::Enter).await;
    browser.until(&format!("{why} === 'true'")).await;
}

async fn a_zoomed_view_is_in_the_link(stage: &Stage) {
    let browser = &stage.browser;
    browser
        .value("document.querySelector('[data-range=\"3600\"]').click()")
        .await;
    let wheel = "document.getElementById('chart').dispatchEvent(new WheelEvent('wheel', { deltaY: -300, clientX: innerWidth / 4, clientY: document.getElementById('chart').getBoundingClientRect().top + 100, cancelable: true, bubbles: true }))";
    browser.value(wheel).await;
    let live = "document.getElementById('chart').dataset.live";
    browser.until(&format!("{live} === 'false'")).await;
    let link = browser.value("location.hash").await;
    let link = link.as_str().unwrap();
    for part in ["#range=60m", "confirmed=17637", "price="] {
        assert!(link.contains(part), "{link}");
    }
    stage.go(link).await;
    browser.until(&format!("{live} === 'false'")).await;
    assert_eq!(browser.value("location.hash").await, link);
    let pressed = "document.querySelector('[data-range=\"3600\"]').getAttribute('aria-pressed')";
    assert_eq!(browser.value(pressed).await, "true");
    browser.click("live").await;
    browser.until(&format!("{live} === 'true'")).await;
    stage.go("").await;
}

async fn confidence_has_its_colour_and_its_words(stage: &mut Stage) {
    for (confidence, text, level, notice) in [
        (0.2, "low 0.20", "low", "Low confidence – warming up"),
        (0.6, "medium 0.60", "medium", ""),
        (0.9, "high 0.90", "high", ""),
    ] {
        stage.script.play(Vec::new(), |update| {
            update.estimate = Some(estimate(PRICE, confidence));
        });
        let browser = &stage.browser;
        browser.until_text("confidence", text).await;
        assert_eq!(browser.text("notice").await, notice, "{confidence}");
        let colours = format!(
            "(() => {{ const style = getComputedStyle(document.body); const probe = document.createElement('i'); probe.style.setProperty('color', style.getPropertyValue('--{level}')); document.body.append(probe); const wanted = getComputedStyle(probe).color; probe.remove(); return getComputedStyle(document.getElementById('confidence')).color === wanted && document.body.dataset.level === '{level}'; }})()"
        );
        browser.until(&colours).await;
    }
}

/// Whether the page takes its price for one of this moment.
const FRESH: &str = "document.body.dataset.stale === undefined && document.getElementById('notice').innerText === '' && !document.title.startsWith('⚠')";

/// Whether the page shows its price without the colour of its confidence.
const DIMMED: &str = "(() => { const probe = document.createElement('i'); probe.style.setProperty('color', getComputedStyle(document.body).getPropertyValue('--muted')); document.body.append(probe); const muted = getComputedStyle(probe).color; probe.remove(); return getComputedStyle(document.getElementById('price')).color === muted; })()";

async fn a_stale_price_is_told_in_words(stage: &mut Stage) {
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

fn all_is_well(update: &mut PriceUpdate) {
    update.estimate = Some(estimate(PRICE, 0.9));
    update.hops = hops("node", HopState::Connected, "");
}

async fn every_layout_tells_the_age(stage: &mut Stage) {
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
    }
    stage.script.play(Vec::new(), all_is_well);
    stage.browser.until(FRESH).await;
}

async fn the_last_price_outlives_an_analyzer(stage: &mut Stage) {
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

async fn no_age_comes_from_the_browsers_clock(stage: &mut Stage) {
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
    for days in [10, -10] {
        let set = format!(
            "((page) => {{ page.Date.now = () => page.trueNow() + {days} * 864e5; page.before = Number(document.body.dataset.updates); }})({page})"
        );
        browser.value(&set).await;
        // A clock that leaps looks like sleep, after which the socket may be dead: the page opens a new one. One that goes
        // back does not.
        let is_told =
            format!("{opened} === 1 && document.body.dataset.updates > {page}.before + 2");
        let is_young = r"/^\d+ s old$/.test(document.getElementById('price-age').innerText)";
        browser
            .until(&format!("{is_told} && {FRESH} && {is_young}"))
            .await;
    }
}

async fn the_page_follows_a_clock_that_is_set_back(stage: &mut Stage) {
    stage.go("").await;
    let browser = &stage.browser;
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

async fn a_silent_gateway_makes_the_price_stale(stage: &mut Stage) {
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

async fn a_hidden_tab_listens_and_does_not_draw(stage: &mut Stage) {
    let Stage {
        script, browser, ..
    } = stage;
    let draws = "(window.draws = 0, CanvasRenderingContext2D.prototype.clearRect = new Proxy(CanvasRenderingContext2D.prototype.clearRect, { apply(...call) { window.draws += 1; return Reflect.apply(...call); } }), window.atReturn = null, document.addEventListener('visibilitychange', () => { if (document.hidden) window.draws = 0; else window.atReturn = { draws: window.draws, price: document.getElementById('price').innerText, updates: Number(document.body.dataset.updates) }; }), Number(document.body.dataset.updates))";
    let before = browser.value(draws).await.as_f64().unwrap();
    let mut other = Socket::connect(script.address).await;
    let was_heard = browser
        .while_hidden(async {
            for step in 1..=5_i32 {
                script.play(Vec::new(), |update| {
                    update.estimate = Some(estimate(PRICE + 10.0 * f64::from(step), 0.9));
                });
            }
            // The gateway tells all its clients at once.
            let newest = PRICE + 50.0;
            let has_newest = |message: &Value| message["data"]["price"] == newest;
            other.read_until("the newest price", has_newest).await;
            // Minimised, it can be asked; behind another tab it cannot.
            let updates = browser.value("document.body.dataset.updates ?? null").await;
            let can_be_asked = updates != Value::Null;
            if can_be_asked {
                let heard = format!("Number(document.body.dataset.updates) > {before}");
                browser.until(&heard).await;
            }
            can_be_asked
        })
        .await;
    browser.until("window.atReturn !== null").await;
    browser.until_text("price", "$50,050").await;
    let seen = browser.value("window.atReturn").await;
    println!("at its return the page had {seen}");
    let draws = seen["draws"].as_f64().unwrap();
    // It draws once, in the moment of its return, before anybody else is told of that moment.
    assert!(draws <= 6.0, "it drew while it was hidden: {seen}");
    if was_heard {
        assert!(seen["updates"].as_f64().unwrap() > before, "{seen}");
    }
    assert_eq!(
        browser
            .value("document.querySelector('#hops [data-hop=browser]').dataset.state")
            .await,
        "connected"
    );
}

async fn a_killed_gateway_leaves_no_gap(stage: &mut Stage) {
    let Stage {
        script, browser, ..
    } = stage;
    script.kill_gateway().await;
    browser.until_text("notice", "Lost the gateway").await;
    browser.until_text("notice", "the price is ").await;
    let age =
        "parseInt(document.getElementById('price-age').innerText.replace('Last price, ', ''))";
    let before = browser.value(age).await.as_f64().unwrap();
    browser.until(&format!("{age} > {before} + 1")).await;
    assert_eq!(
        browser.value("document.body.dataset.stale").await,
        "gateway_lost"
    );
    assert_eq!(browser.value(DIMMED).await, true);
    let title = browser.value("document.title").await;
    assert!(title.as_str().unwrap().contains("offline"), "{title}");
    browser.until_text("countdown", "Reconnecting").await;
    browser
        .until("/^reconnecting in \\d+ s$|^connecting$/.test(document.querySelector('#hops [data-hop=browser] .word').innerText)")
        .await;
    assert_eq!(
        browser.text("price").await,
        "$50,050",
        "the last price stays"
    );
    let missed: Vec<Point> = (0..7)
        .map(|number| {
            dot(
                &format!("missed-{number}"),
                1.0,
                PRICE,
                TransactionState::Mempool,
            )
        })
        .collect();
    script.hold(missed, |update| {
        update.estimate = Some(estimate(PRICE + 70.0, 0.9));
    });
    script.restart_gateway().await;
    browser.until_text("price", "$50,070").await;
    browser
        .until("document.getElementById('chart').dataset.points === '608'")
        .await;
    browser
        .until("document.getElementById('notice').innerText === '' && document.getElementById('retry').hidden")
        .await;
    // And it goes on.
    script.play(
        vec![dot("later-0", 0.0, PRICE, TransactionState::Mempool)],
        |_| {},
    );
    browser
        .until("document.getElementById('chart').dataset.points === '609'")
        .await;
}

async fn a_narrow_window_holds_everything(stage: &Stage) {
    let browser = &stage.browser;
    let look = async {
        browser.until_text("price", "$50,070").await;
        browser.until("innerWidth === 360").await;
        browser
            .until("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            .await;
        let outside = "[...document.querySelectorAll('#price, #price-age, .facts dd, button, #hops li, #stats, #chart, #amounts')].filter((element) => { const { left, right, width } = element.getBoundingClientRect(); return width > 0 && (left < -4 || right > innerWidth + 1); }).map((element) => element.id || element.innerText)";
        assert_eq!(browser.value(outside).await, json!([]));
        let height = "document.getElementById('price').getBoundingClientRect().height > 50";
        browser.until(height).await;
        browser
            .until("document.getElementById('chart').dataset.points === '609'")
            .await;
    };
    browser.in_window_of(360, 780, look).await;
}

async fn axe_finds_nothing(stage: &mut Stage) {
    let Some(script) = axe() else {
        return;
    };
    stage.script.play(Vec::new(), |update| {
        update.simulation = Some(Simulation {
            simulated: true,
            hidden_price_usd: Some(PRICE),
        });
    });
    for (rest, is_stale) in [
        ("", false),
        ("#theme=light", false),
        ("?compact", false),
        ("", true),
        ("#theme=light", true),
        ("?kiosk", true),
    ] {
        let age_ms = 12 * 60_000;
        stage.script.play(Vec::new(), |update| {
            update.estimate = Some(match is_stale {
                true => stale(StaleReason::NoPayments, age_ms),
                false => estimate(PRICE, 0.9),
            });
        });
        stage.go(rest).await;
        let browser = &stage.browser;
        browser
            .until(&format!(
                "(document.body.dataset.stale !== undefined) === {is_stale}"
            ))
            .await;
        browser.until_text("simulated", "SIMULATED").await;
        browser
            .until("document.getElementById('chart').dataset.points === '609'")
            .await;
        browser.client.execute(&script, Vec::new()).await.unwrap();
        let found = browser
            .awaited("axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]))")
            .await;
        assert_eq!(found, json!([]), "at /{rest}, stale: {is_stale}");
    }
}

async fn the_plain_canvas_draws_the_dots(stage: &Stage) {
    let browser = &stage.browser;
    stage.go("?canvas#theme=dark").await;
    browser
        .until("document.getElementById('chart').dataset.points === '609'")
        .await;
    let renderer = "document.getElementById('chart').dataset.renderer";
    assert_eq!(browser.value(renderer).await, "canvas");
    let saved = browser.awaited(SAVED).await;
    assert!(saved["cyan"].as_f64().unwrap() > 2000.0, "{saved}");
    assert!(saved["orange"].as_f64().unwrap() > 500.0, "{saved}");
}
