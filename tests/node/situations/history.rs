//! The history of a node: filled, followed, and the same whatever happens meanwhile.

use std::time::Duration;

use bitcoin::BlockHash;
use satscope_kit::clock::unix_ms;
use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    coins::Purse,
    historian::Historian,
    scene::PRICE_USD,
    support::{metrics::Scrape, wait::until},
};

/// Height of the last block of the chain that most of these are about.
const BLOCKS: u64 = 3000;
/// Payments in a block, of the blocks that have some.
const PAYMENTS: usize = 4;

/// A node with a chain of [`BLOCKS`], a day and a half long, whose newest blocks have payments.
async fn node(name: &str, flags: &[&str]) -> Bitcoind {
    node_with(name, flags, BLOCKS).await
}

/// The same with a chain of this many blocks, at least 600.
pub async fn node_with(name: &str, flags: &[&str], blocks: u64) -> Bitcoind {
    let node = Bitcoind::start(name, flags).await;
    let began = unix_ms() / 1000 - 3600 * 30;
    let mut purse = Purse::fill(&node, 400, 0, began).await;
    let with_payments = 400 / PAYMENTS as u64;
    let empty = (blocks - with_payments - node.height().await) as u32;
    node.set_time(began + 3600 * 6).await;
    node.generate(empty).await;
    for _ in 0..with_payments {
        let payments = purse.payments(PAYMENTS, PRICE_USD);
        node.generate_with(&payments).await;
    }
    node.set_time(0).await;
    node.generate(1).await;
    node
}

async fn hash_at(node: &Bitcoind, height: u64) -> BlockHash {
    let hash = node.rpc.call("getblockhash", json!([height])).await;
    serde_json::from_value(hash).unwrap()
}

/// Leaves the last blocks for one more than them.
pub async fn reorganize(node: &Bitcoind, left: u64) {
    let tip = hash_at(node, node.height().await).await;
    let tip = node.rpc.call("getblockheader", json!([tip])).await;
    let first = hash_at(node, node.height().await + 1 - left).await;
    node.order("invalidateblock", json!([first])).await;
    // Blocks of the same parent and time would be the same ones, which the node refuses. Blocks that are mined at once lie minutes
    // ahead of the clock, because each is later than the median of those before it.
    let later = tip["time"].as_u64().unwrap().max(unix_ms() / 1000) + 600;
    node.set_time(later).await;
    node.generate(left as u32 + 1).await;
    node.set_time(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_the_same_over_rpc_over_rest_and_after_fifty_kills() {
    let mut node = node("history", &["-rest=1"]).await;
    let over_rest = Historian::start("rest", &node).await;
    let coverage = over_rest.follows(&node).await;
    let tip = node.height().await;
    assert_eq!(
        (coverage.read_blocks, coverage.wanted_blocks),
        (tip + 1, tip + 1)
    );
    let log = over_rest.served.as_ref().unwrap().part.log().join("\n");
    assert!(
        log.contains("blocks are read over the node's REST"),
        "{log}"
    );
    let expected = over_rest.periods();
    let states: Vec<&str> = expected
        .iter()
        .map(|(_, state, ..)| state.as_str())
        .collect();
    assert_eq!(states, ["final", "open"]);
    assert_eq!((expected[0].2, expected[1].2), (2016, tip + 1 - 2016));
    let mut killed = Historian::start("killed", &node).await;
    for round in 0..50 {
        tokio::time::sleep(Duration::from_millis(11 * round)).await;
        killed.kill().await;
        killed.restart().await;
    }
    killed.follows(&node).await;
    assert_eq!(killed.periods(), expected, "after fifty kills");
    // Without REST, and the node gone in the middle.
    node.stop().await;
    node.run(&["-rest=0"]).await;
    let over_rpc = Historian::start("rpc", &node).await;
    until("some blocks", async || {
        (over_rpc.coverage().await.read_blocks > 100).then_some(())
    })
    .await;
    node.kill().await;
    node.run(&["-rest=0"]).await;
    over_rpc.follows(&node).await;
    assert_eq!(over_rpc.periods(), expected, "over RPC");
    // The first one goes on without REST.
    node.generate(3).await;
    over_rest.follows(&node).await;
    killed.follows(&node).await;
    assert_eq!(killed.periods(), over_rest.periods());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_at_a_periods_edge_is_as_if_it_had_never_been() {
    let node = Bitcoind::start("history-edge", &[]).await;
    node.generate(2015 + 17).await;
    let historian = Historian::start("edge", &node).await;
    historian.follows(&node).await;
    assert_eq!(historian.periods()[0].1, "open");
    node.generate(1).await;
    historian.follows(&node).await;
    assert_eq!(historian.periods()[0].1, "final");
    for left in [1, 5, 19, 40] {
        reorganize(&node, left).await;
        historian.follows(&node).await;
        let fresh = Historian::start(&format!("edge-{left}"), &node).await;
        fresh.follows(&node).await;
        assert_eq!(historian.periods(), fresh.periods(), "{left} blocks left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_node_gives_the_newest_blocks_and_no_part_of_an_old_period() {
    let node = node("history-pruned", &["-prune=1", "-fastprune"]).await;
    let before = Historian::start("before-pruning", &node).await;
    before.follows(&node).await;
    let whole = before.periods();
    node.order("pruneblockchain", json!([BLOCKS - 300])).await;
    let info = node.rpc.call("getblockchaininfo", json!([])).await;
    let lowest = info["pruneheight"].as_u64().unwrap();
    assert!(lowest > 2016, "{lowest}");
    // One that had all goes on with what it kept.
    node.generate(5).await;
    before.follows(&node).await;
    assert_eq!(before.periods()[0], whole[0]);
    assert_eq!(before.periods()[1].2, whole[1].2 + 5);
    // One that comes late has the blocks that rest on 144 others.
    let late = Historian::start("late", &node).await;
    late.follows(&node).await;
    let periods = late.periods();
    let tip = node.height().await;
    assert_eq!(
        (periods.len(), periods[0].0, periods[0].2),
        (1, 1, tip + 1 - lowest - 144)
    );
    let scrape = Scrape::of(late.served.as_ref().unwrap().metrics).await;
    assert_eq!(scrape.sum("satscope_historian_unreadable_periods", ""), 1.0);
}
