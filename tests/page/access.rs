//! The page in a narrow window, for assistive technology, and without WebGL.

use satscope_proto::v1::{Simulation, StaleReason};
use serde_json::json;

use crate::{
    Stage,
    support::{
        browser::axe,
        script::{PRICE, estimate, stale},
    },
    things::SAVED,
};

pub async fn a_narrow_window_holds_everything(stage: &Stage) {
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
