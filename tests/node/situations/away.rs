//! A node that was off while blocks were mined elsewhere.

use bitcoin::Transaction;
use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    checks::Price,
    scene::{OLD_PRICE_USD, PRICE_USD, Scene},
};
use satscope_kit::clock::unix_ms;

/// Enough for a price.
const PAYMENTS: usize = 1500;
/// When the missed blocks were mined, seconds before now: the first ones are outside of the window, and the last is less than a
/// day old, so that the node is not in initial download.
const OLD_BLOCKS: [u64; 3] = [10 * 3600, 8 * 3600, 5 * 3600];
const NEW_BLOCKS: [u64; 3] = [3600, 1800, 600];

#[tokio::test(flavor = "multi_thread")]
async fn blocks_mined_while_the_node_was_off_have_the_times_of_their_headers() {
    let started = unix_ms() / 1000;
    let mut scene = Scene::set_at("away", &[], 2 * PAYMENTS + 100, started - 12 * 3600).await;
    let other = Bitcoind::start("away-other", &[]).await;
    other.meet(&scene.node).await;
    other.order("setnetworkactive", json!([false])).await;
    scene.node.stop().await;
    let mut payments = Vec::new();
    for (before, price_usd) in OLD_BLOCKS
        .map(|before| (before, OLD_PRICE_USD))
        .into_iter()
        .chain(NEW_BLOCKS.map(|before| (before, PRICE_USD)))
    {
        payments.extend(mine_elsewhere(&mut scene, &other, started - before, price_usd).await);
    }
    other.set_time(0).await;
    other.order("setnetworkactive", json!([true])).await;
    scene.judge(&payments);
    scene.price = Price::Near(PRICE_USD);
    scene.node.run(&[]).await;
    scene.are_in_step().await;
    scene.kill().await;
    scene.node.meet(&other).await;
    scene.learn().await;
    scene.restart().await;
    scene.check("a node that was off").await;
    scene.end();
}

/// Mines payments at a price on the other node, by its clock.
async fn mine_elsewhere(
    scene: &mut Scene,
    other: &Bitcoind,
    time: u64,
    price_usd: f64,
) -> Vec<Transaction> {
    let payments = scene.purse.payments(PAYMENTS / OLD_BLOCKS.len(), price_usd);
    other.set_time(time).await;
    other.send(&payments).await;
    other.generate(1).await;
    payments
}
