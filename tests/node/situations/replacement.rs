//! Replacement by single transactions and by packages, TRUC packages with ephemeral anchors, and conflicts.

use bitcoin::{ScriptBuf, Transaction, Witness};

use crate::{
    coins::{Coin, FEE_SATS, output, paying, spend},
    scene::{PRICE_USD, Scene},
};

/// Fee of a replacement, in satoshi.
const HIGHER_FEE_SATS: u64 = 20 * FEE_SATS;
/// Fee of a parent that would not replace anything by itself, in satoshi.
const LOWER_FEE_SATS: u64 = FEE_SATS - 100;
/// A witness program that anyone may spend without a witness. Source: Bitcoin Core, `CScript::IsPayToAnchor`.
const PAY_TO_ANCHOR: &str = "51024e73";
/// The version of topologically restricted transactions. Source: BIP 431.
const TRUC: i32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn replaced_and_conflicting_payments_leave_and_the_others_stay() {
    let mut scene = Scene::set("replacement", &[], 500).await;
    singly(&mut scene).await;
    by_packages(&mut scene).await;
    truc(&mut scene).await;
    conflicts(&mut scene).await;
    scene.end();
}

/// Another payment of the same coin, with another fee.
fn instead(scene: &mut Scene, payment: &Transaction, fee_sats: u64) -> Transaction {
    let spent = payment.input[0].previous_output;
    let outputs = payment.output.iter().map(|output| output.value.to_sat());
    let coin = Coin {
        outpoint: spent,
        value_sats: outputs.sum::<u64>() + FEE_SATS,
    };
    scene.purse.payment_from(coin, PRICE_USD, fee_sats)
}

async fn singly(scene: &mut Scene) {
    let payments = scene.pay(40).await;
    let better: Vec<_> = payments[..30]
        .iter()
        .map(|payment| instead(scene, payment, HIGHER_FEE_SATS))
        .collect();
    scene.send(&better[..15]).await;
    scene.kill().await;
    scene.send(&better[15..]).await;
    scene.restart().await;
    scene.check("single replacement").await;
}

/// A parent that is too cheap by itself, and the child that pays for it.
fn better_package(scene: &mut Scene, payment: &Transaction) -> Vec<Transaction> {
    let parent = instead(scene, payment, LOWER_FEE_SATS);
    let change = Coin::of(&parent, 1);
    let child = scene.purse.payment_from(change, PRICE_USD, HIGHER_FEE_SATS);
    vec![parent, child]
}

async fn by_packages(scene: &mut Scene) {
    let payments = scene.pay(10).await;
    for (number, payment) in payments.iter().enumerate() {
        if number == 5 {
            scene.kill().await;
        }
        let package = better_package(scene, payment);
        scene.send_package(&package).await;
    }
    scene.restart().await;
    scene.check("package replacement").await;
}

/// A parent without a fee and with an anchor of value 0, and a child that spends the anchor and pays.
fn truc_package(scene: &mut Scene) -> Vec<Transaction> {
    let coin = scene.purse.coin();
    let value_sats = scene.purse.amount_sats(PRICE_USD);
    let anchor = ScriptBuf::from_hex(PAY_TO_ANCHOR).unwrap();
    let change_sats = coin.value_sats - value_sats;
    let parent = spend(
        TRUC,
        &[coin],
        vec![output(value_sats), output(change_sats), paying(0, &anchor)],
    );
    let child = truc_child(scene, &parent, HIGHER_FEE_SATS);
    vec![parent, child]
}

fn truc_child(scene: &mut Scene, parent: &Transaction, fee_sats: u64) -> Transaction {
    let coin = scene.purse.coin();
    let mut child = spend(
        TRUC,
        &[coin, Coin::of(parent, 2)],
        vec![output(coin.value_sats - fee_sats)],
    );
    child.input[1].witness = Witness::new();
    child
}

async fn truc(scene: &mut Scene) {
    for number in 0..10 {
        if number == 5 {
            scene.kill().await;
        }
        let package = truc_package(scene);
        scene.send_package(&package).await;
        if number % 2 == 0 {
            // A child with a higher fee takes the first one's place.
            let sibling = truc_child(scene, &package[0], 2 * HIGHER_FEE_SATS);
            scene.send(&[sibling]).await;
        }
    }
    scene.restart().await;
    scene.check("TRUC packages with ephemeral anchors").await;
    scene.mine(1).await;
    scene.check("TRUC packages, mined").await;
}

/// Blocks whose transactions spend the same coins as payments of the mempool.
async fn conflicts(scene: &mut Scene) {
    let payments = scene.pay(30).await;
    let others: Vec<_> = payments[..20]
        .iter()
        .map(|payment| instead(scene, payment, HIGHER_FEE_SATS))
        .collect();
    scene.mine_just(&others[..10]).await;
    scene.kill().await;
    scene.mine_just(&others[10..]).await;
    scene.restart().await;
    scene.check("conflicts with a block").await;
}
