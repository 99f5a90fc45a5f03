//! Real blocks through the whole chain, a process a part: the price that a WebSocket client receives, held against the
//! exchange price at the block's time.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Instant;

use futures_util::StreamExt as _;
use serde_json::Value;
use support::{
    chain::Chain,
    data::{LabelledBlock, fixture, labelled_blocks},
    socket::Socket,
};

/// How far a price may be from the exchange's.
const TOLERANCE: f64 = 0.02;
/// All blocks from this year on are counted; the two years before it have too few payments in dollars.
const SINCE_YEAR: u32 = 2021;
/// Of the blocks since then, those whose price must be within the tolerance: as measured, and never fewer than 20.
const FLOOR_SINCE_YEAR: usize = 55;
/// The same of all blocks, as measured.
const FLOOR_OF_ALL: usize = 66;
/// Messages without a price that may follow a block, while the window is still on its way; after them there is none.
const LOOKS: usize = 6;
/// What one BTC costs in the blocks of `tests/fixtures/`, USD.
const MADE_AT_USD: f64 = 60_000.0;
/// Chains that run beside each other.
const AT_ONCE: usize = 2;

/// What became of one block.
struct Outcome {
    block: LabelledBlock,
    /// None where there was too little to read one from.
    price: Option<f64>,
    confidence: Option<f64>,
}

impl Outcome {
    fn error(&self) -> Option<f64> {
        Some(self.price? / self.block.reference_price_usd - 1.0)
    }

    fn is_within_tolerance(&self) -> bool {
        self.error().is_some_and(|error| error.abs() <= TOLERANCE)
    }

    fn print(&self) {
        let LabelledBlock {
            year,
            height,
            reference_price_usd: reference,
            ..
        } = self.block;
        let remark = if self.is_within_tolerance() {
            ""
        } else {
            "  FAR OFF"
        };
        match (self.price, self.error(), self.confidence) {
            (Some(price), Some(error), Some(confidence)) => println!(
                "{year} {height} {price:>10.2} for {reference:>10.2}, {:>+8.2} %, confidence {confidence:.2}{remark}",
                100.0 * error
            ),
            _ => println!("{year} {height}   no price for {reference:>10.2}{remark}"),
        }
    }
}

/// The first price after the block was connected, when all its transactions have been seen.
async fn price_after(block: LabelledBlock) -> Outcome {
    let chain = Chain::on_replay(&block.file, &["--speed=max"]).await;
    let mut socket = Socket::connect(chain.gateway.address).await;
    let is_after = |message: &Value| message["data"]["block"]["height"] == block.height;
    let mut message = socket.read_until("the block", is_after).await;
    for _ in 0..LOOKS {
        if message["type"] == "mempool_update" {
            break;
        }
        message = socket.next().await;
    }
    let number = |field: &str| message["data"][field].as_f64();
    Outcome {
        price: number("price"),
        confidence: number("confidence"),
        block,
    }
}

fn passing<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> (usize, usize) {
    outcomes.fold((0, 0), |(passed, all), outcome| {
        (passed + usize::from(outcome.is_within_tolerance()), all + 1)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_is_read_from_the_block_of_each_era_that_every_clone_has() {
    let blocks = [
        ("2015-legacy", 380_000, 2015),
        ("2018-wrapped", 520_000, 2018),
        ("2022-taproot", 720_000, 2022),
        ("2024-inscriptions", 840_000, 2024),
    ];
    for (name, height, year) in blocks {
        let block = LabelledBlock {
            file: fixture(&format!("blocks/{name}.blk")),
            height,
            year,
            reference_price_usd: MADE_AT_USD,
        };
        let outcome = price_after(block).await;
        outcome.print();
        assert!(outcome.is_within_tolerance(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_read_from_a_real_block_is_within_two_percent_of_the_exchanges() {
    let Some(blocks) = labelled_blocks() else {
        return;
    };
    let began = Instant::now();
    let mut outcomes: Vec<Outcome> = futures_util::stream::iter(blocks)
        .map(price_after)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    outcomes.sort_by_key(|outcome| outcome.block.height);
    outcomes.iter().for_each(Outcome::print);
    let (passed, all) = passing(outcomes.iter());
    let recent = outcomes
        .iter()
        .filter(|outcome| outcome.block.year >= SINCE_YEAR);
    let (recent_passed, recent_all) = passing(recent);
    println!(
        "within 2 %: {passed} of all {all} blocks, {recent_passed} of the {recent_all} since {SINCE_YEAR}; {:.1?}",
        began.elapsed()
    );
    assert!(
        recent_passed >= FLOOR_SINCE_YEAR,
        "{recent_passed} since {SINCE_YEAR}; expected {FLOOR_SINCE_YEAR}"
    );
    assert!(
        passed >= FLOOR_OF_ALL,
        "{passed} of all; expected {FLOOR_OF_ALL}"
    );
}
