//! What the page shows of a price, and what can be done with it: the saved picture, dots, keys, zoom, confidence.

use fantoccini::key::Key;
use serde_json::Value;

use crate::{
    KNOWN_USD, Stage, age,
    support::script::{PRICE, estimate},
};

pub async fn the_price_and_its_grounds_are_shown(stage: &Stage) {
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
    browser.until(age::FRESH).await;
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
pub const SAVED: &str = "(async () => {
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

pub async fn the_saved_picture_shows_the_dots(stage: &Stage) {
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
    // The address is written once the view rests.
    browser
        .until("location.hash === '#hide=confirmed+mempool'")
        .await;
    for layer in ["confirmed", "mempool"] {
        browser
            .value(&format!(
                "document.querySelector('[data-layer={layer}]').click()"
            ))
            .await;
    }
}

pub async fn a_known_dot_says_what_it_is(stage: &Stage) {
    let browser = &stage.browser;
    // On one axis of three hours, the dots of these minutes lie too close together to be told apart.
    browser.click("split").await;
    browser.until("location.hash.includes('axis=split')").await;
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
    browser.click("split").await;
    browser.until("location.hash === ''").await;
}

pub async fn the_keyboard_suffices(stage: &Stage) {
    let browser = &stage.browser;
    let mut visited = Vec::new();
    // A page that was clicked into goes on from there.
    stage.go("").await;
    let focused = "(document.activeElement.id || document.activeElement.dataset.layer || document.activeElement.dataset.range || '')";
    while visited.last().is_none_or(|id| id != "chart") {
        browser.press(Key::Tab).await;
        let id = browser.value(focused).await.as_str().unwrap().to_owned();
        assert!(!visited.contains(&id), "{id} again after {visited:?}");
        visited.push(id);
    }
    for id in [
        "theme",
        "speak",
        "full-screen",
        "open-keys-list",
        "convert-btc",
        "convert-usd",
        "convert-sats",
        "confirmed",
        "blocks",
        "900",
        "10800",
        "past-open",
        "split",
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
    for id in ["open-alerts", "open-share"] {
        browser.press(Key::Tab).await;
        assert_eq!(browser.value(focused).await, id);
    }
}

pub async fn a_zoomed_view_is_in_the_link(stage: &Stage) {
    let browser = &stage.browser;
    browser
        .value("document.querySelector('[data-range=\"3600\"]').click()")
        .await;
    let wheel = "document.getElementById('chart').dispatchEvent(new WheelEvent('wheel', { deltaY: -300, ctrlKey: true, clientX: innerWidth / 4, clientY: document.getElementById('chart').getBoundingClientRect().top + 100, cancelable: true, bubbles: true }))";
    browser.value(wheel).await;
    let live = "document.getElementById('chart').dataset.live";
    browser.until(&format!("{live} === 'false'")).await;
    // The address may still be that of a view before.
    browser
        .until("location.hash.startsWith('#range=1h') && location.hash.includes('price=')")
        .await;
    let link = browser.value("location.hash").await;
    let link = link.as_str().unwrap();
    for part in ["#range=1h", "time=17637", "price="] {
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

pub async fn a_plain_wheel_scrolls_the_page(stage: &Stage) {
    let browser = &stage.browser;
    browser.value("document.activeElement.blur()").await;
    let wheel = "document.getElementById('chart').dispatchEvent(new WheelEvent('wheel', { deltaY: 100, cancelable: true, bubbles: true }))";
    assert_eq!(
        browser.value(wheel).await,
        true,
        "the browser is left to scroll"
    );
    let live = "document.getElementById('chart').dataset.live";
    assert_eq!(browser.value(live).await, "true");
    // The hint goes after a moment, so that a slow browser is asked for it in the same breath.
    let hint = format!(
        "({wheel}, document.getElementById('plot-hint').textContent.includes('To zoom, click the plot'))"
    );
    assert_eq!(browser.value(&hint).await, true);
}

pub async fn a_moment_that_is_gone_says_so(stage: &Stage) {
    let browser = &stage.browser;
    stage.go("#time=1763700000~1763700600").await;
    browser
        .until_text("plot-words", "Payments are kept for 3 hours")
        .await;
    browser
        .value("document.getElementById('plot-live').click()")
        .await;
    browser
        .until("document.getElementById('plot-message').hidden")
        .await;
    browser.until("location.hash === ''").await;
}

/// This gateway has no historian.
pub async fn a_range_without_a_history_says_why(stage: &Stage) {
    let browser = &stage.browser;
    let year = "document.querySelector('[data-range=\"31536000\"]')";
    browser
        .until(&format!(
            "{year}.getAttribute('aria-disabled') === 'true' && {year}.title !== ''"
        ))
        .await;
    browser.value(&format!("{year}.click()")).await;
    browser
        .until_text("range-note", "This gateway has no history of prices")
        .await;
    stage.go("#range=1y").await;
    browser
        .until_text("plot-words", "This gateway has no history of prices.")
        .await;
    browser
        .value("document.getElementById('plot-live').click()")
        .await;
    browser.until("location.hash === ''").await;
}

pub async fn confidence_has_its_colour_and_its_words(stage: &mut Stage) {
    for (confidence, text, level, notice) in [
        (
            0.2,
            "low 0.20",
            "low",
            "Low confidence – the payments do not agree on one price",
        ),
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
