//! Topics on endpoints of their own, which have no common order.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;

use bitcoin::consensus::serialize;
use satscope_bitcoin::frame::SequenceEvent;
use support::{
    chain::Served,
    grpc::list_mempool,
    publisher::{Publisher, payment},
    wait::until,
};

#[tokio::test(flavor = "multi_thread")]
async fn rawtx_and_sequence_may_come_from_different_endpoints_in_any_order() {
    let (mut transactions, mut sequence) = (Publisher::bind(), Publisher::bind());
    let flag = format!("--zmq-sequence-endpoint={}", sequence.endpoint);
    let ingest = Served::ingest(&transactions.endpoint, &[&flag]).await;
    transactions.wait_for("rawtx");
    sequence.wait_for("sequence");

    let payments: Vec<_> = (0..40).map(payment).collect();
    let txids: BTreeSet<_> = payments
        .iter()
        .map(|payment| payment.compute_txid())
        .collect();
    for (number, txid) in txids.iter().enumerate() {
        sequence.sequence(&SequenceEvent::Added(*txid, number as u64 + 1).encode());
    }
    for payment in &payments {
        transactions.rawtx(&serialize(payment));
    }
    until("all of them in the mempool", async || {
        (list_mempool(ingest.address).await == txids).then_some(())
    })
    .await;

    let gone = *txids.first().unwrap();
    sequence.sequence(&SequenceEvent::Removed(gone, 41).encode());
    until("one of them gone", async || {
        let left = list_mempool(ingest.address).await;
        (left.len() == 39 && !left.contains(&gone)).then_some(())
    })
    .await;
}
