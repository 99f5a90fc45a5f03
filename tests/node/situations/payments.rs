//! Payments, chains of them, and blocks.

use bitcoin::Transaction;

use crate::{
    checks::Price,
    coins::{Coin, FEE_SATS},
    scene::{PRICE_USD, Scene},
};

/// Enough for a price.
const PAYMENTS: usize = 1500;
/// The longest chain of unconfirmed transactions that a node takes by default.
const CHAIN: usize = 25;
const CHAINS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn payments_and_chains_of_them_have_the_time_of_their_sending() {
    let mut scene = Scene::set("payments", &[], PAYMENTS + 1000).await;
    payments(&mut scene).await;
    chains(&mut scene).await;
    blocks(&mut scene).await;
    met_in_a_block(&mut scene).await;
    scene.end();
}

async fn payments(scene: &mut Scene) {
    scene.pay(PAYMENTS).await;
    scene.kill().await;
    scene.pay(100).await;
    scene.restart().await;
    scene.pay(50).await;
    scene.price = Price::Near(PRICE_USD);
    scene.check("payments").await;
}

/// A chain of payments, each from the change of the one before it.
fn chain(scene: &mut Scene) -> Vec<Transaction> {
    let mut coin = scene.purse.coin();
    let mut chain = Vec::with_capacity(CHAIN);
    for _ in 0..CHAIN {
        let value_sats = coin.value_sats / 50;
        let payment = crate::coins::spend(
            2,
            &[coin],
            vec![
                crate::coins::output(value_sats),
                crate::coins::output(coin.value_sats - value_sats - FEE_SATS),
            ],
        );
        coin = Coin::of(&payment, 1);
        chain.push(payment);
    }
    chain
}

async fn chains(scene: &mut Scene) {
    for number in 0..CHAINS {
        let chain = chain(scene);
        let (first, second) = chain.split_at(CHAIN / 2);
        scene.send(first).await;
        if number == CHAINS / 2 {
            scene.kill().await;
        }
        scene.send(second).await;
    }
    scene.restart().await;
    scene.check("chains of 25").await;
}

/// Blocks with the mempool's payments, two of them while the second ingest is dead.
async fn blocks(scene: &mut Scene) {
    scene.mine(1).await;
    scene.pay(20).await;
    scene.kill().await;
    scene.pay(20).await;
    scene.mine(2).await;
    scene.pay(20).await;
    scene.restart().await;
    scene.check("blocks").await;
}

/// Payments that the mempool never had.
async fn met_in_a_block(scene: &mut Scene) {
    let payments = scene.purse.payments(20, PRICE_USD);
    scene.mine_just(&payments).await;
    scene.kill().await;
    let payments = scene.purse.payments(20, PRICE_USD);
    scene.mine_just(&payments).await;
    scene.restart().await;
    scene.check("met in a block").await;
}
