//! What stands around the plot: the converter, alerts, the theme, and the list of keys.

use fantoccini::key::Key;
use satscope_proto::v1::StaleReason;

use crate::{
    Stage, age,
    support::{
        part::Folder,
        script::{PRICE, estimate, stale},
    },
};

/// What the converter's fields show.
const CONVERTED: &str = "['btc', 'usd', 'sats'].map((unit) => document.getElementById(`convert-${unit}`).value).join(' = ')";

/// Types into a field as a person does, whichever engine it is.
fn typed(id: &str, text: &str) -> String {
    format!(
        "((field) => {{ field.value = '{text}'; field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})(document.getElementById('{id}'))"
    )
}

pub async fn the_converter_follows_the_price(stage: &mut Stage) {
    let browser = &stage.browser;
    browser.until_text("sats", "2,000 sats/$").await;
    browser.value(&typed("convert-usd", "1,000")).await;
    browser
        .until(&format!("{CONVERTED} === '0.02 = 1,000 = 2,000,000'"))
        .await;
    stage.script.play(Vec::new(), |update| {
        update.estimate = Some(estimate(PRICE * 1.25, 0.9));
    });
    let browser = &stage.browser;
    browser
        .until(&format!("{CONVERTED} === '0.016 = 1,000 = 1,600,000'"))
        .await;
    browser.value(&typed("convert-sats", "lots")).await;
    browser
        .until_text("convert-note", "“lots” is not a number.")
        .await;
    browser.value(&typed("convert-btc", "1")).await;
    stage.script.play(Vec::new(), age::all_is_well);
    let browser = &stage.browser;
    browser
        .until(&format!("{CONVERTED} === '1 = 50,000.00 = 100,000,000'"))
        .await;
}

/// The gateway goes on with a file of exchange rates, so that what follows sees the page with their field too.
pub async fn another_currency_is_converted(stage: &mut Stage) {
    const HIDDEN: &str = "document.getElementById('convert-others').hidden";
    const OTHER: &str = "document.getElementById('convert-other').value";
    stage.script.play(Vec::new(), age::all_is_well);
    stage.browser.until(HIDDEN).await;
    let folder = Folder::new(&format!("rates-{:?}", stage.engine));
    let file = format!("{}/fx.csv", folder.path());
    // The event clock begins at 2025-11-22.
    std::fs::write(&file, "EUR,0.92,2025-11-22\nJPY,150,2025-11-20\n").unwrap();
    stage.script.kill_gateway().await;
    stage
        .script
        .restart_gateway_with(&["--fx-file", &file])
        .await;
    stage.go("").await;
    let browser = &stage.browser;
    browser.until(&format!("!{HIDDEN}")).await;
    browser.value(&typed("convert-btc", "1")).await;
    browser.until(&format!("{OTHER} === '46,000.00'")).await;
    let choose = "((choice) => { choice.value = 'JPY'; choice.dispatchEvent(new Event('change', { bubbles: true })); })(document.getElementById('convert-currency'))";
    browser.value(choose).await;
    browser.until(&format!("{OTHER} === '7,500,000'")).await;
    browser.value(&typed("convert-other", "1,500,000")).await;
    browser
        .until(&format!("{CONVERTED} === '0.2 = 10,000.00 = 20,000,000'"))
        .await;
    stage.go("").await;
    let browser = &stage.browser;
    browser
        .until("document.getElementById('convert-currency').value === 'JPY'")
        .await;
    browser.until(&format!("{OTHER} === '7,500,000'")).await;
}

/// Whether the banner of alerts is seen.
const BANNER: &str = "!document.getElementById('fired').hidden";

pub async fn an_alert_fires_once_and_never_on_a_stale_price(stage: &mut Stage) {
    let browser = &stage.browser;
    browser.click("open-alerts").await;
    let set = format!(
        "({}, document.getElementById('alert-form').requestSubmit())",
        typed("alert-level", "50,500")
    );
    browser.value(&set).await;
    browser
        .until_text(
            "alert-note",
            "You will be told once the price is above $50,500.",
        )
        .await;
    browser.press(Key::Escape).await;
    browser
        .until("!document.getElementById('alerts').open")
        .await;
    stage.script.play(Vec::new(), |update| {
        let mut above = stale(StaleReason::NoPayments, 12 * 60_000);
        above.price_usd = PRICE + 1000.0;
        update.estimate = Some(above);
    });
    let browser = &stage.browser;
    browser.until_text("price", "$51,000").await;
    assert_eq!(browser.value(BANNER).await, false, "on a stale price");
    stage.script.play(Vec::new(), |update| {
        age::all_is_well(update);
        update.estimate = Some(estimate(PRICE + 1000.0, 0.9));
    });
    let browser = &stage.browser;
    browser
        .until_text(
            "fired-text",
            "The price is above $50,500: it was $51,000 at ",
        )
        .await;
    browser
        .until("document.title.startsWith('🔔 above $50,500')")
        .await;
    browser.click("fired-close").await;
    browser.until(&format!("!({BANNER})")).await;
    stage.script.play(Vec::new(), age::all_is_well);
    stage.browser.until_text("price", "$50,000").await;
    // What is kept outlives a reload, and what fired does not fire again.
    stage.go("").await;
    stage.script.play(Vec::new(), |update| {
        update.estimate = Some(estimate(PRICE + 1000.0, 0.9));
    });
    let browser = &stage.browser;
    browser.until_text("price", "$51,000").await;
    assert_eq!(browser.value(BANNER).await, false, "a second time");
    browser.click("open-alerts").await;
    browser
        .until_text("alert-list", "Price above $50,500")
        .await;
    browser
        .value("document.querySelector('[data-does=remove]').click()")
        .await;
    browser
        .until("document.getElementById('alert-list').children.length === 0")
        .await;
    browser.press(Key::Escape).await;
    stage.script.play(Vec::new(), age::all_is_well);
    stage.browser.until(age::FRESH).await;
}

/// Has the browser's notifications written down and not shown, as if the reader had allowed them.
const NOTIFICATIONS: &str = "((tell) => {
    window.told = [];
    window.Notification = class extends EventTarget {
        static permission = 'granted';
        constructor(title, { body }) { super(); tell(title, body); }
    };
    if ('ServiceWorkerRegistration' in window) {
        ServiceWorkerRegistration.prototype.showNotification = async (title, { body }) => tell(title, body);
    }
})((title, body) => window.told.push(`${title} / ${body}`))";

pub async fn a_move_in_an_hour_fires_and_notifies(stage: &mut Stage) {
    let browser = &stage.browser;
    browser.until_text("change-from", "from $").await;
    browser.value(NOTIFICATIONS).await;
    browser.click("open-alerts").await;
    browser
        .until_text("alert-notify-why", "The browser notifies you too")
        .await;
    let set = format!(
        "((kind) => {{ kind.value = 'moved'; kind.dispatchEvent(new Event('change', {{ bubbles: true }})); {}; document.getElementById('alert-form').requestSubmit(); }})(document.getElementById('alert-kind'))",
        typed("alert-level", "5")
    );
    browser.value(&set).await;
    let words = "You will be told once the price has moved by 5 % in an hour.";
    browser.until_text("alert-note", words).await;
    browser.press(Key::Escape).await;
    stage.script.play(Vec::new(), |update| {
        update.estimate = Some(estimate(PRICE * 0.9, 0.9));
    });
    let browser = &stage.browser;
    let news = "The price has moved by 5 % in an hour";
    let whole = format!("{news}: it was $45,000 at ");
    browser.until_text("fired-text", &whole).await;
    let told = format!("window.told.length === 1 && window.told[0].startsWith('{news} / {whole}')");
    browser.until(&told).await;
    browser.click("fired-close").await;
    browser.click("open-alerts").await;
    browser
        .value("document.querySelector('[data-does=remove]').click()")
        .await;
    browser.press(Key::Escape).await;
    stage.script.play(Vec::new(), age::all_is_well);
    stage.go("").await;
    stage.browser.until(age::FRESH).await;
}

pub async fn a_link_does_not_change_the_readers_theme(stage: &Stage) {
    let browser = &stage.browser;
    let theme = "document.documentElement.dataset.theme";
    let own = browser.value(theme).await;
    for other in ["light", "dark"] {
        stage.go(&format!("#theme={other}")).await;
        browser.until(&format!("{theme} === '{other}'")).await;
        stage.go("").await;
        assert_eq!(browser.value(theme).await, own, "after #theme={other}");
    }
    // What the reader chooses is kept, and is in no link.
    browser.click("theme").await;
    browser.until(&format!("{theme} !== {own}")).await;
    let chosen = browser.value(theme).await;
    stage.go("").await;
    assert_eq!(browser.value(theme).await, chosen);
    assert_eq!(browser.value("location.hash").await, "");
    browser.click("theme").await;
    browser.until(&format!("{theme} === {own}")).await;
}

pub async fn the_question_mark_shows_the_keys(stage: &Stage) {
    let browser = &stage.browser;
    let is_open = "document.getElementById('keys-list').open";
    let page = browser.client.active_element().await.unwrap();
    page.send_keys("?").await.unwrap();
    browser.until(is_open).await;
    browser.press(Key::Escape).await;
    browser.until(&format!("!{is_open}")).await;
}
