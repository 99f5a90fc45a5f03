//! Nodes with other settings: one that relays no transactions, and one that keeps few blocks.

use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    checks::Price,
    coins::Purse,
    scene::{PRICE_USD, Scene},
};
use satscope_kit::clock::unix_ms;

/// Enough for a price.
const PAYMENTS: usize = 1500;
/// More blocks than a pruned node keeps in any case.
const BLOCKS: u32 = 400;

/// A node with `-blocksonly` hears of payments by blocks alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_blocks_only_has_a_price_from_blocks() {
    let mut scene = Scene::set("blocksonly", &["-blocksonly"], PAYMENTS + 200).await;
    let other = Bitcoind::start("blocksonly-other", &[]).await;
    other.meet(&scene.node).await;
    scene.price = Price::Near(PRICE_USD);
    mine_elsewhere(&mut scene, &other, PAYMENTS).await;
    scene.check("-blocksonly").await;
    scene.kill().await;
    mine_elsewhere(&mut scene, &other, 100).await;
    scene.restart().await;
    scene.check("-blocksonly, ingest dead").await;
    scene.end();
}

async fn mine_elsewhere(scene: &mut Scene, other: &Bitcoind, count: usize) {
    let payments = scene.purse.payments(count, PRICE_USD);
    scene.judge(&payments);
    other.send(&payments).await;
    assert!(
        scene.node.mempool().await.is_empty(),
        "the node takes transactions"
    );
    let from = unix_ms();
    let hashes = other.generate(1).await;
    scene.node.has_tip(hashes[0]).await;
    scene.mined(&hashes, &(from..=unix_ms())).await;
}

/// A node with `-prune` does not have the blocks of before.
#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_node_gives_what_it_has() {
    let node = Bitcoind::start("prune", &["-prune=1", "-fastprune"]).await;
    let made = unix_ms() / 1000 - 5 * 3600;
    let purse = Purse::fill(&node, 300, 0, made).await;
    node.set_time(made + 600).await;
    node.generate(BLOCKS).await;
    node.set_time(0).await;
    let pruned = node.rpc.call("pruneblockchain", json!([BLOCKS / 2])).await;
    assert!(pruned.as_u64().unwrap() > 0, "{pruned}: nothing was pruned");
    let mut scene = Scene::on("prune", node, purse);
    scene.watch().await;
    scene.are_in_step().await;
    scene.pay(50).await;
    scene.mine(1).await;
    scene.kill().await;
    let hash = scene.mine(1).await[0];
    scene.pay(20).await;
    scene.node.order("invalidateblock", json!([hash])).await;
    scene.restart().await;
    scene.check("-prune").await;
    scene.node.stop().await;
    scene.node.run(&[]).await;
    scene.are_in_step().await;
    scene.mine(1).await;
    scene.check("-prune, node stopped and started").await;
    scene.end();
}
