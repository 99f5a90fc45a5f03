//! A tab that nobody sees, and a gateway that is killed: nothing is missed.

use satscope_proto::v1::{Point, TransactionState};
use serde_json::Value;

use crate::{
    Stage,
    age::DIMMED,
    support::{
        script::{PRICE, dot, estimate},
        socket::Socket,
    },
};

pub async fn a_hidden_tab_listens_and_does_not_draw(stage: &mut Stage) {
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

pub async fn a_killed_gateway_leaves_no_gap(stage: &mut Stage) {
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
