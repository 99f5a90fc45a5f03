//! The page in three real engines, on a scripted analyzer whose every value is known beforehand.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod age;
mod link;
mod panels;
mod proxied;
#[path = "../support/mod.rs"]
mod support;
mod things;

use satscope_proto::v1::{Point, TransactionState};
use support::{
    browser::{Browser, Engine},
    script::{Script, dot, dots},
};

/// Dots that are there from the start, and the one among them that is pointed at.
const DOTS: u32 = 600;
const KNOWN_USD: f64 = 51_500.0;
const KNOWN_AGE: f64 = 150.0;

/// Before the plot is drawn, nothing on it hears the mouse.
const DRAWN: &str = "document.getElementById('chart').dataset.renderer !== undefined";

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
        browser.until(DRAWN).await;
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
        self.browser.until(DRAWN).await;
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
    things::the_price_and_its_grounds_are_shown(&stage).await;
    what("the picture that is saved");
    things::the_saved_picture_shows_the_dots(&stage).await;
    what("a known dot");
    things::a_known_dot_says_what_it_is(&stage).await;
    what("keyboard only");
    things::the_keyboard_suffices(&stage).await;
    what("zoom, and the link that restores it");
    things::a_zoomed_view_is_in_the_link(&stage).await;
    what("the wheel");
    things::a_plain_wheel_scrolls_the_page(&stage).await;
    what("a link to a moment that is gone");
    things::a_moment_that_is_gone_says_so(&stage).await;
    what("a range, without a historian");
    things::a_range_without_a_history_says_why(&stage).await;
    what("confidence");
    things::confidence_has_its_colour_and_its_words(&mut stage).await;
    what("a stale price");
    age::a_stale_price_is_told_in_words(&mut stage).await;
    what("kiosk and compact");
    age::every_layout_tells_the_age(&mut stage).await;
    what("an analyzer that begins anew");
    age::the_last_price_outlives_an_analyzer(&mut stage).await;
    what("a gateway that is silent");
    age::a_silent_gateway_makes_the_price_stale(&mut stage).await;
    what("the converter");
    panels::the_converter_follows_the_price(&mut stage).await;
    what("alerts");
    panels::an_alert_fires_once_and_never_on_a_stale_price(&mut stage).await;
    what("an alert on a move, and a notification");
    panels::a_move_in_an_hour_fires_and_notifies(&mut stage).await;
    what("themes");
    panels::a_link_does_not_change_the_readers_theme(&stage).await;
    what("the list of keys");
    panels::the_question_mark_shows_the_keys(&stage).await;
    what("a hidden tab");
    link::a_hidden_tab_listens_and_does_not_draw(&mut stage).await;
    what("the gateway killed");
    link::a_killed_gateway_leaves_no_gap(&mut stage).await;
    what("large windows");
    access::the_plot_has_most_of_the_window(&stage).await;
    what("360 and 390 pixels");
    access::a_narrow_window_holds_everything(&stage).await;
    what("phones");
    access::a_phone_shows_the_plot(&stage).await;
    what("another currency");
    panels::another_currency_is_converted(&mut stage).await;
    what("accessibility");
    access::axe_finds_nothing(&mut stage).await;
    what("without WebGL");
    access::the_plain_canvas_draws_the_dots(&stage).await;
    what("a browser whose clock is wrong");
    age::no_age_comes_from_the_browsers_clock(&mut stage).await;
    what("a clock that is set back");
    age::the_page_follows_a_clock_that_is_set_back(&mut stage).await;
    Some(stage)
}
