//! The node itself stops, or is killed, and comes back.

use serde_json::json;

use crate::{
    checks::Price,
    scene::{PRICE_USD, Scene},
    support::wait::until,
};

/// Enough for a price.
const PAYMENTS: usize = 1500;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_changes_no_stamp() {
    let mut scene = Scene::set("restart", &[], PAYMENTS + 500).await;
    scene.pay(PAYMENTS).await;
    scene.price = Price::Near(PRICE_USD);
    stopped(&mut scene).await;
    killed(&mut scene).await;
    scene.end();
}

/// Waits until the node has read mempool.dat.
async fn is_loaded(scene: &Scene) {
    until("the loaded mempool", async || {
        let info = scene.node.rpc.call("getmempoolinfo", json!([])).await;
        (info["loaded"] == true).then_some(())
    })
    .await;
}

async fn comes_back(scene: &mut Scene) {
    scene.node.run(&[]).await;
    is_loaded(scene).await;
    scene.are_in_step().await;
}

async fn stopped(scene: &mut Scene) {
    scene.mine_just(&[]).await;
    scene.node.stop().await;
    comes_back(scene).await;
    scene.pay(20).await;
    scene.check("node stopped and started").await;
    scene.kill().await;
    scene.pay(20).await;
    scene.node.stop().await;
    comes_back(scene).await;
    scene.restart().await;
    scene.check("node stopped and started, ingest dead").await;
}

/// SIGKILL costs the node what its disk lacks: the mempool since mempool.dat was written, and a block.
async fn killed(scene: &mut Scene) {
    scene.node.order("savemempool", json!([])).await;
    // Writes the chain's state to the disk.
    scene.node.order("gettxoutsetinfo", json!([])).await;
    scene.pay(40).await;
    scene.mine(1).await;
    scene.pay(20).await;
    scene.kill().await;
    scene.node.kill().await;
    comes_back(scene).await;
    scene.pay(20).await;
    scene.restart().await;
    scene.check("node killed and started").await;
}
