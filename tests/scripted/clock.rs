//! What ingest forgets, by clocks that jump.

use crate::{
    ear::Ear,
    support::{
        chain::{FREE, Served},
        clock::SetClock,
        grpc::list_mempool,
        metrics::Scrape,
        part::{Folder, Part, satscope},
        publisher::{Publisher, payment},
        wait::until,
    },
};

const NOW_MS: u64 = 1_763_800_000_000;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const DAY_SECONDS: i64 = 86_400;

async fn received(ingest: &Served) -> f64 {
    let scrape = Scrape::of(ingest.metrics).await;
    scrape.sum("satscope_ingest_transactions_total", "")
}

/// A transaction that was forgotten is counted again when the node sends it again: so the count shows what ingest remembers.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_clock_went_ten_days_forward_and_back_what_left_is_forgotten_after_three_hours() {
    const LEFT: u32 = 50;
    let mut node = Publisher::bind();
    let ingest = Served::ingest(&node.endpoint, &["--node-is-standin"]).await;
    node.wait_for_subscriber();
    for time_ms in [NOW_MS, NOW_MS + 10 * DAY_MS, NOW_MS] {
        node.say_time(time_ms);
    }
    let enter_and_leave = |node: &mut Publisher| {
        for number in 0..LEFT {
            let txid = node.enter(&payment(number));
            node.leave(txid);
        }
    };
    enter_and_leave(&mut node);
    node.say_time(NOW_MS + 2 * HOUR_MS);
    enter_and_leave(&mut node);
    until("each once", async || {
        (received(&ingest).await == f64::from(LEFT)).then_some(())
    })
    .await;
    // They left again at two hours; the sweep comes within a minute after three more.
    node.say_time(NOW_MS + 5 * HOUR_MS + 2 * MINUTE_MS);
    enter_and_leave(&mut node);
    let last = node.enter(&payment(LEFT));
    until("the last transaction", async || {
        list_mempool(ingest.address)
            .await
            .contains(&last)
            .then_some(())
    })
    .await;
    until("each once more, and the last", async || {
        (received(&ingest).await >= f64::from(2 * LEFT + 1)).then_some(())
    })
    .await;
    assert_eq!(received(&ingest).await, f64::from(2 * LEFT + 1));
}

/// Ingest without RPC, by a clock that the test sets.
async fn start_alone(node: &Publisher, clock: &SetClock, state: &Folder) -> Served {
    let mut command = satscope();
    command
        .args(["ingest", "--zmq-endpoint", &node.endpoint])
        .args(["--state-dir", state.path()])
        .args(["--metrics-listen", FREE, "--ingest-listen", FREE]);
    clock.give(&mut command);
    let mut part = Part::start(&mut command);
    Served {
        metrics: part.listening("metrics_listen").await,
        address: part.listening("ingest_listen").await,
        part,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rpc_what_a_lost_block_mined_is_not_in_the_mempool_twenty_days_later() {
    const MINED: u32 = 3000;
    let mut node = Publisher::bind();
    let (clock, state) = (SetClock::ahead("lost-block", 0), Folder::new("lost-block"));
    let mut ingest = start_alone(&node, &clock, &state).await;
    node.wait_for_subscriber();
    let mined: Vec<_> = (0..MINED).map(payment).collect();
    for payment in &mined {
        node.enter(payment);
    }
    // The block that has them all is lost on its way.
    let coinbase = 1;
    node.lose(coinbase + MINED, 1);
    node.enter(&payment(MINED));
    let all = MINED as usize + 1;
    until("all in the mempool, and the gap noticed", async || {
        let scrape = Scrape::of(ingest.metrics).await;
        let gaps = scrape.sum("satscope_ingest_zmq_gaps_total", "");
        let mempool = list_mempool(ingest.address).await;
        (gaps == 2.0 && mempool.len() == all).then_some(())
    })
    .await;
    let mut ear = Ear::of(ingest.address).await;
    ear.until_node("word that the picture may be incomplete", |node| {
        node.state() == satscope_proto::v1::HopState::Degraded
    })
    .await;

    ingest.part.kill().await;
    clock.set(20 * DAY_SECONDS);
    let ingest = start_alone(&node, &clock, &state).await;
    until("an empty mempool", async || {
        list_mempool(ingest.address).await.is_empty().then_some(())
    })
    .await;
}
