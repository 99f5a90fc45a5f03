//! A node that was off while blocks were mined elsewhere.

use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    checks::Price,
    scene::{OLD_PRICE_USD, PRICE_USD, Scene},
};
use satscope_kit::clock::unix_ms;

/// The missed blocks: seconds before now, the price that they were paid by, and how many payments they hold. The first ones
/// are outside of the window; the last is less than a day old, so that the node is not in initial download.
const MISSED: [(u64, f64, usize); 6] = [
    (10 * 3600, OLD_PRICE_USD, 1200),
    (8 * 3600, OLD_PRICE_USD, 1200),
    (5 * 3600, OLD_PRICE_USD, 1200),
    (3600, PRICE_USD, 500),
    (1800, PRICE_USD, 500),
    (600, PRICE_USD, 500),
];
const COINS: usize = 5200;

#[tokio::test(flavor = "multi_thread")]
async fn blocks_mined_while_the_node_was_off_have_the_times_of_their_headers() {
    let started = unix_ms() / 1000;
    let mut scene = Scene::set_at("away", &[], COINS, started - 12 * 3600).await;
    let other = Bitcoind::start("away-other", &[]).await;
    other.meet(&scene.node).await;
    other.order("setnetworkactive", json!([false])).await;
    scene.node.stop().await;
    for (before, price_usd, count) in MISSED {
        let payments = scene.purse.payments(count, price_usd);
        scene.judge(&payments);
        other.set_time(started - before).await;
        other.send(&payments).await;
        other.generate(1).await;
    }
    other.set_time(0).await;
    other.order("setnetworkactive", json!([true])).await;
    scene.price = Price::Near(PRICE_USD);
    scene.node.run(&[]).await;
    scene.are_in_step().await;
    scene.kill().await;
    scene.node.meet(&other).await;
    scene.learn().await;
    scene.restart().await;
    let is_old = |(before, _, _): &&(u64, f64, usize)| *before > 3 * 3600;
    scene.passed_over = MISSED
        .iter()
        .filter(is_old)
        .map(|(_, _, count)| count)
        .sum();
    scene.check("a node that was off").await;
    scene.end();
}
