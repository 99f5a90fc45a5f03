//! What the historian reads from a stand-in node: a price for each block, near the hidden one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use satscope_proto::v1::{BlockState, HistorianState};
use support::{
    chain::{Served, StandIn},
    grpc::{block_prices, coverage},
    part::{Folder, reserve_address},
    wait::until,
};

/// The price that the stand-in's payments are made at, US cents for one bitcoin; it stays where it is.
const PRICE_CENTS: f64 = 9_735_000.0;
/// Blocks with a price that are enough.
const ENOUGH: u64 = 24;

/// A historian on a stand-in.
async fn historian(node: &StandIn, folder: &Folder) -> Served {
    let analyzer = format!("--analyzer-url=http://{}", reserve_address());
    let flags = [
        "--node-is-standin",
        "--state-dir",
        folder.path(),
        &node.rpc_url(),
        &analyzer,
    ];
    Served::historian_with(&flags).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_block_of_a_stand_in_gets_a_price_near_the_hidden_one() {
    let node = StandIn::start(&[
        "simulate",
        "--history=10800",
        "--speed=600",
        "--rate=7",
        "--volatility=0",
        "--seed=7",
    ])
    .await;
    let folder = Folder::new("history");
    let mut served = historian(&node, &folder).await;
    let has_enough = async |address| {
        until("blocks with a price", async || {
            let coverage = coverage(address).await;
            let is_up = coverage.state() == HistorianState::Following;
            (is_up && coverage.blocks >= ENOUGH).then_some(coverage)
        })
        .await
    };
    let first = has_enough(served.address).await;
    assert!(first.simulated);
    served.part.kill().await;
    let mut served = historian(&node, &folder).await;
    let again = has_enough(served.address).await;
    assert!(again.blocks >= first.blocks, "{again:?}");
    let prices = block_prices(served.address).await;
    for price in &prices {
        let off = price.price_cents as f64 / PRICE_CENTS - 1.0;
        assert!(
            off.abs() < 0.01 || price.confidence_thousandths < 500,
            "{price:?}"
        );
    }
    assert!(
        prices
            .iter()
            .any(|price| price.state() == BlockState::Settled)
    );
    assert!(prices.is_sorted_by_key(|price| (price.time, price.height)));
    served.part.ask_to_end();
}
