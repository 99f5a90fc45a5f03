//! Blocks that are disconnected: one, several, in favour of a branch with conflicts, and old ones.

use bitcoin::{BlockHash, Transaction};
use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    checks::Price,
    coins::Purse,
    ledger::Expected,
    scene::{OLD_PRICE_USD, Scene},
};
use satscope_kit::clock::unix_ms;

/// Seconds before now of a block that is outside of the window, while its node is not in initial download.
const OLD_BLOCK_SECONDS: u64 = 4 * 3600;

#[tokio::test(flavor = "multi_thread")]
async fn disconnected_blocks_give_their_payments_back_with_their_stamps() {
    let mut scene = Scene::set("reorg", &[], 800).await;
    of_one_block(&mut scene).await;
    of_several_blocks(&mut scene).await;
    to_a_branch_with_conflicts(&mut scene).await;
    scene.end();
}

async fn invalidate(scene: &Scene, hash: BlockHash) {
    scene.node.order("invalidateblock", json!([hash])).await;
}

async fn of_one_block(scene: &mut Scene) {
    scene.pay(40).await;
    let hash = scene.mine(1).await[0];
    scene.pay(10).await;
    invalidate(scene, hash).await;
    scene.check("a block disconnected").await;
    scene.kill().await;
    let payments = scene.pay(10).await;
    scene.mine_just(&payments[..5]).await;
    scene.restart().await;
    scene.check("another block instead").await;
    scene.node.order("reconsiderblock", json!([hash])).await;
    scene.mine(1).await;
    scene.check("mined at last").await;
}

async fn of_several_blocks(scene: &mut Scene) {
    let mut hashes = Vec::new();
    for _ in 0..3 {
        scene.pay(15).await;
        hashes.extend(scene.mine(1).await);
    }
    scene.pay(10).await;
    scene.kill().await;
    invalidate(scene, hashes[0]).await;
    scene.restart().await;
    scene.check("three blocks disconnected").await;
    scene.mine_just(&[]).await;
    scene.mine(3).await;
    scene.check("a longer branch").await;
    let last = scene.mine(2).await;
    invalidate(scene, last[0]).await;
    // With a payment, because the same empty block would be the invalid one.
    let payments = scene.pay(1).await;
    scene.mine_just(&payments).await;
    scene.node.order("reconsiderblock", json!([last[0]])).await;
    scene.check("back to the first branch").await;
}

/// Another node's branch, four blocks long, spends the same coins as payments in three blocks here.
async fn to_a_branch_with_conflicts(scene: &mut Scene) {
    let other = Bitcoind::start("reorg-other", &[]).await;
    other.meet(&scene.node).await;
    other.order("setnetworkactive", json!([false])).await;
    let mut payments: Vec<Transaction> = Vec::new();
    for _ in 0..3 {
        payments.extend(scene.pay(10).await);
        scene.mine(1).await;
    }
    let conflicting: Vec<Transaction> = payments[..15]
        .iter()
        .map(|payment| {
            let mut other = payment.clone();
            other.output.truncate(1);
            other.output[0].value = payment.output[1].value;
            other
        })
        .collect();
    let mut branch = vec![other.generate_with(&conflicting[..10]).await];
    branch.push(other.generate_with(&conflicting[10..]).await);
    branch.extend(other.generate(2).await);
    scene.judge(&conflicting);
    let mut raw = Vec::new();
    for hash in &branch {
        raw.push(other.rpc.call("getblock", json!([hash, 0])).await);
    }
    scene.kill().await;
    let from = unix_ms();
    for block in raw {
        scene.node.order("submitblock", json!([block])).await;
    }
    let span = from..=unix_ms();
    assert_eq!(scene.node.tip().await, branch[3]);
    scene.mined(&branch, &span).await;
    scene.restart().await;
    scene.check("a branch with conflicts").await;
}

/// A disconnected block gives back payments that no watcher knew: they are as old as that block.
#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_block_from_before_the_window_brings_no_old_price() {
    let node = Bitcoind::start("reorg-old", &[]).await;
    let then = unix_ms() / 1000 - OLD_BLOCK_SECONDS;
    let mut purse = Purse::fill(&node, 1600, 0, then - 3600).await;
    let payments = purse.payments(1500, OLD_PRICE_USD);
    node.set_time(then).await;
    node.send(&payments).await;
    let mut scene = Scene::on("reorg-old", node, purse);
    scene.judge(&payments);
    let hash = scene.node.generate(1).await[0];
    let header = scene.node.block(hash).await;
    scene.node.set_time(0).await;
    scene.watch().await;
    scene.are_in_step().await;
    scene.price = Price::Absent;
    invalidate(&scene, hash).await;
    for watcher in &mut scene.watchers {
        for txid in &header.txids {
            watcher
                .ledger
                .note(*txid, Expected::in_missed_block(header.time));
        }
    }
    scene.check("an unknown block disconnected").await;
    scene.kill().await;
    scene.mine(1).await;
    scene.restart().await;
    scene
        .check("an unknown block disconnected, and mined again")
        .await;
    scene.end();
}
