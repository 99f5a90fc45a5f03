//! Payments that leave the mempool without a block: pushed out of a full one, or expired.

use bitcoin::{ScriptBuf, Transaction, script::PushBytesBuf};

use crate::{
    coins::{FEE_SATS, output, paying, spend},
    scene::{PRICE_USD, Scene},
};
use satscope_kit::clock::unix_ms;

/// Bytes of data in a large transaction; the node relays up to 100,000 virtual bytes.
const LARGE: usize = 90_000;
/// Of these the mempool of 20 MB does not hold all.
const LARGE_ONES: usize = 240;
/// Fee of the first large one and what each later one pays more, in satoshi: a full mempool takes better ones only.
const LARGE_FEE_SATS: u64 = 5 * LARGE as u64;
const LARGE_STEP_SATS: u64 = LARGE as u64 / 4;
/// Longer than the two weeks after which a node lets go of what is not mined, seconds.
const EXPIRED_SECONDS: u64 = 15 * 24 * 3600;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_mempool_pushes_out_is_gone() {
    let mut scene = Scene::set("eviction", &["-maxmempool=20"], 400).await;
    scene.pay(60).await;
    let large: Vec<_> = (0..LARGE_ONES)
        .map(|number| large(&mut scene, number))
        .collect();
    for (number, part) in large.chunks(20).enumerate() {
        if number == LARGE_ONES / 40 {
            scene.kill().await;
        }
        scene.send(part).await;
    }
    let left = scene.node.mempool().await.len();
    assert!(left < LARGE_ONES, "{left} are left: nothing was pushed out");
    scene.restart().await;
    scene.check("a full mempool").await;
    scene.mine(3).await;
    scene.check("a full mempool, mined").await;
    scene.end();
}

fn large(scene: &mut Scene, number: usize) -> Transaction {
    let fee_sats = LARGE_FEE_SATS + number as u64 * LARGE_STEP_SATS;
    let coin = scene.purse.coin();
    let data = PushBytesBuf::try_from(vec![7; LARGE]).unwrap();
    let outputs = vec![
        output(coin.value_sats - fee_sats),
        paying(0, &ScriptBuf::new_op_return(data)),
    ];
    spend(2, &[coin], outputs)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_mined_for_two_weeks_is_gone() {
    let mut scene = Scene::set("expiry", &[], 300).await;
    scene.pay(60).await;
    scene.kill().await;
    scene
        .node
        .set_time(unix_ms() / 1000 + EXPIRED_SECONDS)
        .await;
    // The node looks for expired transactions when it takes one.
    let coin = scene.purse.coin();
    let payment = scene.purse.payment_from(coin, PRICE_USD, FEE_SATS);
    let from = unix_ms();
    scene.send(std::slice::from_ref(&payment)).await;
    assert_eq!(scene.node.mempool().await.len(), 1);
    scene.watchers[1].restart().await;
    scene.watchers[1].is_in_step().await;
    // Its entry time lies in the future: no stamp is later than the receipt.
    scene.sent(&[payment], &(from..=unix_ms()));
    scene.check("expiry").await;
    scene.node.set_time(0).await;
    scene.pay(20).await;
    scene.check("after expiry").await;
    scene.end();
}
