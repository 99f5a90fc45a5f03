//! A node without ZMQ and with a mempool of 300,000: what polling it costs, and how late a payment is seen.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bitcoin::{Txid, hashes::Hash as _};
use satscope_kit::clock::unix_ms;
use satscope_proto::v1::event::Kind;
use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    coins::Purse,
    cost::Cost,
    mempool_dat,
    scene::PRICE_USD,
    support::{
        chain::Served,
        grpc::{next, stream_transactions},
        metrics::Scrape,
    },
};

const OLD: usize = 250_000;
/// Five a second for three hours.
const IN_WINDOW: usize = 54_000;
/// How long polling is measured.
const MEASURED: Duration = Duration::from_mins(2);
/// Between two payments, so that they come at any moment between two polls.
const BETWEEN: Duration = Duration::from_millis(2300);
/// How long the node may load, and ingest may read it for the first time.
const PATIENCE: Duration = Duration::from_mins(15);

/// Looks again and again, each second, as long as [`PATIENCE`] lets it.
async fn slowly(what: &str, mut probe: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !probe().await {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    began.elapsed()
}

/// A node that has loaded the mempool, and coins for more payments.
async fn full_node() -> (Bitcoind, Purse) {
    let now = unix_ms() / 1000;
    let mut node = Bitcoind::without_zmq("polling", &["-maxmempool=1000"]);
    node.run(&[]).await;
    let mut purse = Purse::fill(&node, 400, OLD + IN_WINDOW, now - 4 * 3600).await;
    node.stop().await;
    let made = purse.small_payments(OLD + IN_WINDOW, PRICE_USD);
    let entered = |number: usize| match number.checked_sub(OLD) {
        Some(recent) => now - 10_700 + recent as u64 / 5,
        None => now - 3 * 24 * 3600 + number as u64 / 10,
    };
    let entries: Vec<_> = made
        .into_iter()
        .enumerate()
        .map(|(number, payment)| (payment, entered(number)))
        .collect();
    mempool_dat::write(&node.path("regtest/mempool.dat"), &entries);
    node.run(&[]).await;
    slowly("the loaded mempool", async || {
        let info = node.rpc.ask("getmempoolinfo", json!([])).await;
        info.is_ok_and(|info| info["loaded"] == true)
    })
    .await;
    let info = node.rpc.call("getmempoolinfo", json!([])).await;
    assert!(
        info["size"].as_u64().unwrap() as usize >= OLD + IN_WINDOW,
        "{info}"
    );
    (node, purse)
}

/// Sends payments for [`MEASURED`]; each with the moment at which the node had it.
async fn send_payments(node: &Bitcoind, purse: &mut Purse) -> Vec<(Txid, Instant)> {
    let (began, mut sent) = (Instant::now(), Vec::new());
    while began.elapsed() < MEASURED {
        let payment = purse.payment(PRICE_USD);
        let txid = payment.compute_txid();
        node.send(&[payment]).await;
        sent.push((txid, Instant::now()));
        tokio::time::sleep(BETWEEN).await;
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes, and measures: docs/RELIABILITY.md has its figures"]
async fn what_polling_a_mempool_of_300_000_costs() {
    let (node, mut purse) = full_node().await;
    let asked = Instant::now();
    node.rpc.call("getrawmempool", json!([false, true])).await;
    println!("getrawmempool alone: {:.2?}", asked.elapsed());
    // A payment costs a node with such a mempool more than an answer: what is sent beside the polls is sent without them too.
    let unpolled = Cost::of(node.id());
    send_payments(&node, &mut purse).await;
    let unpolled_share = Cost::of(node.id()).share_since(&unpolled);
    let folder = format!("--bitcoin-dir={}", node.folder());
    let ingest = Served::ingest_that_asks(&[&folder]).await;
    let polls = async |outcome: &str| {
        let scrape = Scrape::of(ingest.metrics).await;
        scrape.sum("satscope_ingest_polls_total", outcome)
    };
    let first = slowly("the first poll", async || polls("succeeded").await > 0.0).await;
    println!("the first poll, which reads all: {first:.1?}");
    let mut stream = stream_transactions(ingest.address, None).await;
    let seen: Arc<Mutex<BTreeMap<Txid, Instant>>> = Arc::default();
    let noted = seen.clone();
    let watching = tokio::spawn(async move {
        while let Some(message) = next(&mut stream).await {
            let mut noted = noted.lock().unwrap();
            for event in message.events {
                if let Some(Kind::Accepted(accepted)) = event.kind {
                    let bytes: [u8; 32] = accepted.txid.try_into().unwrap();
                    let txid = Txid::from_byte_array(bytes);
                    noted.entry(txid).or_insert_with(Instant::now);
                }
            }
        }
    });
    let (before, polls_before) = (
        (Cost::of(node.id()), Cost::of(ingest.part.id())),
        polls("succeeded").await,
    );
    let began = Instant::now();
    let sent = send_payments(&node, &mut purse).await;
    let (node_cost, ingest_cost) = (Cost::of(node.id()), Cost::of(ingest.part.id()));
    let (made, took) = (polls("succeeded").await - polls_before, began.elapsed());
    println!(
        "{made} polls in {took:.0?}, one each {:.1} s; failed: {}",
        took.as_secs_f64() / made,
        polls("failed").await
    );
    println!(
        "node: {:.3} of a core, {unpolled_share:.3} when not polled; ingest: {:.3} of a core, {:.0} MB",
        node_cost.share_since(&before.0),
        ingest_cost.share_since(&before.1),
        ingest_cost.resident_bytes as f64 / 1e6,
    );
    slowly("all payments", async || {
        let seen = seen.lock().unwrap();
        sent.iter().all(|(txid, _)| seen.contains_key(txid))
    })
    .await;
    watching.abort();
    let seen = seen.lock().unwrap();
    let mut ages: Vec<Duration> = sent.iter().map(|(txid, at)| seen[txid] - *at).collect();
    ages.sort_unstable();
    println!(
        "{} payments seen after {:.1?} (median), {:.1?} at most",
        ages.len(),
        ages[ages.len() / 2],
        ages[ages.len() - 1]
    );
}
