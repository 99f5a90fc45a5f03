//! A history that a node proves, and that another operator, whose node has pruned the blocks, takes in and continues.

use std::{fs, process::Output};

use satscope_kit::clock::unix_ms;
use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    coins::Purse,
    historian::Historian,
    scene::PRICE_USD,
    support::{
        grpc::block_prices,
        part::{Folder, satscope},
        wait::until,
    },
};

/// Height of the last block: one period is final, and the blocks that a node keeps reach back into it.
const BLOCKS: u64 = 2100;
/// Payments in a block, so that 18 blocks have as many as a price needs.
const PAYMENTS: usize = 8;
/// Blocks with payments.
const PAID_BLOCKS: usize = 50;

/// A node whose first period has blocks with a price.
async fn node() -> Bitcoind {
    let node = Bitcoind::start("history-packs", &["-prune=1", "-fastprune"]).await;
    let began = unix_ms() / 1000 - 3600 * 30;
    let mut purse = Purse::fill(&node, PAYMENTS * PAID_BLOCKS, 0, began).await;
    node.set_time(began + 3600 * 6).await;
    for _ in 0..PAID_BLOCKS {
        let payments = purse.payments(PAYMENTS, PRICE_USD);
        node.generate_with(&payments).await;
    }
    node.set_time(0).await;
    let rest = BLOCKS - node.height().await;
    node.generate(rest as u32).await;
    node
}

/// `satscope history` with what names the node.
fn history(historian: &Historian, arguments: &[&str]) -> Output {
    let mut command = satscope();
    command.arg("history").args(arguments);
    command.args(historian.node_flags());
    command.output().unwrap()
}

/// The standard output of a command that ends with `code`.
fn said(historian: &Historian, arguments: &[&str], code: i32) -> String {
    let output = history(historian, arguments);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {told}{error}"
    );
    told
}

fn hash_of(packed: &str) -> String {
    let hash = packed.lines().find_map(|line| line.strip_prefix("hash: "));
    hash.expect("a hash").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_proved_by_a_node_and_continued_on_a_pruned_one() {
    let node = node().await;
    let mut first = Historian::start("packs-first", &node).await;
    first.follows(&node).await;
    let whole = first.periods();
    assert_eq!(whole[0].1, "final");
    let address = first.served.as_ref().unwrap().address;
    let prices = block_prices(address).await.len();
    assert!(prices > 20, "{prices} blocks with a price");
    let folder = Folder::new("packs");
    let pack = format!("{}/pack", folder.path());
    let hash = hash_of(&said(&first, &["pack", &pack], 0));
    let own = said(&first, &["verify", "--periods=all"], 0);
    assert!(own.contains("the same to the byte"), "{own}");

    // A node that has pruned the blocks of the period proves nothing of it.
    node.order("pruneblockchain", json!([BLOCKS - 300])).await;
    let unproved = said(&first, &["verify", &pack, "--periods=all"], 3);
    assert!(unproved.contains("0 of 1"), "{unproved}");

    // A history of the pruned node's own has no final period; with the pack it is the first one's, and goes on as that does.
    let mut late = Historian::start("packs-late", &node).await;
    late.follows(&node).await;
    assert!(late.periods().iter().all(|(_, state, ..)| state != "final"));
    let busy = history(&late, &["import", &pack, "--expect", &hash]);
    assert!(String::from_utf8_lossy(&busy.stderr).contains("stop the historian"));
    late.kill().await;
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let spoilt = format!("{}/spoilt", folder.path());
    fs::write(&spoilt, bytes).unwrap();
    said(&late, &["import", &spoilt, "--expect", &hash], 1);
    assert!(late.periods().iter().all(|(_, state, ..)| state != "final"));
    said(&late, &["import", &pack, "--expect", &hash], 0);
    late.restart().await;
    node.generate(3).await;
    late.follows(&node).await;
    first.follows(&node).await;
    assert_eq!(late.periods(), first.periods());
    let coverage = until("the pack's blocks", async || {
        let coverage = late.coverage().await;
        (coverage.final_height == Some(2015)).then_some(coverage)
    })
    .await;
    assert_eq!(coverage.unverified_blocks, 0);
    first.kill().await;
}
