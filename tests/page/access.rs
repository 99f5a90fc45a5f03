//! The page in windows of several sizes, for assistive technology, and without WebGL.

use fantoccini::key::Key;
use satscope_proto::v1::{Simulation, StaleReason};
use serde_json::json;

use crate::{
    Stage,
    support::{
        browser::{Browser, Engine, axe},
        script::{PRICE, estimate, stale},
    },
    things::SAVED,
};

/// Texts and controls that lie outside the window to the left or right.
const OUTSIDE: &str = "[...document.querySelectorAll('#price, #price-age, .facts dd, button, #hops li, #stats, #chart, #amounts')].filter((element) => { const { left, right, width } = element.getBoundingClientRect(); return width > 0 && (left < -4 || right > innerWidth + 1); }).map((element) => element.id || element.innerText)";
/// Whether nothing can be scrolled to sideways.
const FITS: &str = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";

/// Asked at 1280×900 of each engine; the larger windows of Chromium alone, because the others' screens end before them.
const LARGE: [(u32, u32, f64); 3] = [(1280, 900, 650.0), (1440, 900, 640.0), (1920, 1080, 760.0)];

pub async fn the_plot_has_most_of_the_window(stage: &Stage) {
    let browser = &stage.browser;
    let sizes = match stage.engine {
        Engine::Chromium => &LARGE[..],
        Engine::Firefox | Engine::WebKit => &LARGE[..1],
    };
    for (width, height, least) in sizes {
        let size = format!("{width}×{height}");
        browser.view_of(*width, *height).await;
        browser.until(FITS).await;
        browser.until_text("price", "$50,0").await;
        assert_eq!(browser.value(OUTSIDE).await, json!([]), "{size}");
        let plot = "document.getElementById('plot').getBoundingClientRect()";
        let tall = browser.value(&format!("{plot}.height")).await;
        let tall = tall.as_f64().unwrap();
        println!("the plot has {tall} px at {size}");
        assert!(tall >= *least, "{size}: {tall} px of plot");
        let whole = format!("{plot}.top >= 0 && {plot}.bottom <= innerHeight");
        assert_eq!(browser.value(&whole).await, true, "{size}: seen whole");
        let below = "['amounts', 'hops', 'stats', 'evidence-text'].every((id) => document.getElementById(id).getBoundingClientRect().height > 8)";
        browser.until(below).await;
    }
    browser.resize(1280, 800).await;
}

pub async fn a_narrow_window_holds_everything(stage: &Stage) {
    for width in [360, 390] {
        narrow_window_holds_everything(stage, width).await;
    }
}

async fn narrow_window_holds_everything(stage: &Stage, width: u32) {
    let browser = &stage.browser;
    let look = async {
        browser.until_text("price", "$50,070").await;
        browser.until(&format!("innerWidth === {width}")).await;
        browser.until(FITS).await;
        assert_eq!(browser.value(OUTSIDE).await, json!([]));
        let height = "document.getElementById('price').getBoundingClientRect().height > 50";
        browser.until(height).await;
        browser
            .until("document.getElementById('chart').dataset.points === '609'")
            .await;
    };
    browser.in_window_of(width, 780, look).await;
}

/// What axe-core finds.
const AXE: &str = "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]))";

/// What opens over the page; each has a button `open-…`.
const DIALOGS: [&str; 3] = ["alerts", "share", "keys-list"];

/// Asserts that the plot has at least this share of the height of its window.
async fn plot_has(browser: &Browser, least: f64) {
    let seen = "(() => { const { top, bottom } = document.getElementById('plot').getBoundingClientRect(); return (Math.min(bottom, innerHeight) - top) / innerHeight; })()";
    browser.until(&format!("{seen} >= {least}")).await;
}

pub async fn a_phone_shows_the_plot(stage: &Stage) {
    let browser = &stage.browser;
    let upright = async {
        browser.until_text("price", "$50,070").await;
        browser.until("innerWidth === 390").await;
        plot_has(browser, 0.54).await;
    };
    browser.in_window_of(390, 844, upright).await;
    // A browser's own window can be made as wide as this, and no wider one can be opened on a small screen.
    browser.view_of(844, 390).await;
    plot_has(browser, 0.55).await;
    browser.resize(1280, 800).await;
}

pub async fn axe_finds_nothing(stage: &mut Stage) {
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
        ("#theme=dark", false),
        ("#theme=light", false),
        ("?compact#theme=dark", false),
        ("?compact#theme=light", false),
        ("#theme=dark", true),
        ("#theme=light", true),
        ("?kiosk#theme=dark", true),
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
        assert_eq!(
            browser.awaited(AXE).await,
            json!([]),
            "at /{rest}, stale: {is_stale}"
        );
        if rest.starts_with('?') {
            continue;
        }
        for dialog in DIALOGS {
            browser.click(&format!("open-{dialog}")).await;
            let found = browser.awaited(AXE).await;
            assert_eq!(found, json!([]), "{dialog} at /{rest}");
            browser.press(Key::Escape).await;
            let is_closed = format!("!document.getElementById('{dialog}').open");
            browser.until(&is_closed).await;
        }
    }
}

pub async fn the_plain_canvas_draws_the_dots(stage: &Stage) {
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
