//! Too much at once, and too slow a reader.

use std::{
    collections::BTreeSet,
    ops::Range,
    time::{Duration, Instant},
};

use bitcoin::Txid;
use satscope_proto::v1::{Position, event::Kind};
use tonic::Code;

use crate::support::{
    chain::{Served, StandIn},
    grpc::{list_mempool, list_window, next, stream_transactions},
    metrics::Scrape,
    publisher::{Publisher, payment},
    wait::{in_time, until},
};

/// Transactions of a burst.
const BURST: u32 = 50_000;

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_thousand_transactions_at_once_none_is_dropped() {
    let mut publisher = Publisher::bind();
    let ingest = Served::ingest(&publisher.endpoint, &[]).await;
    publisher.wait_for_subscriber();
    let metrics = ingest.metrics;
    let watching = tokio::spawn(async move {
        let mut most = 0.0;
        loop {
            let scrape = Scrape::of(metrics).await;
            most = scrape.sum("satscope_ingest_queue_messages", "").max(most);
            let counted = scrape.sum("satscope_ingest_transactions_total", "");
            if counted >= f64::from(BURST) {
                return (most, scrape);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let payments: Vec<_> = (0..BURST).map(payment).collect();
    let began = Instant::now();
    let sent: BTreeSet<Txid> = payments.iter().map(|one| publisher.enter(one)).collect();
    let took = began.elapsed();
    let (most, scrape) = in_time("all in the count", watching).await.unwrap();
    println!(
        "{BURST} sent in {took:.1?} and counted {:.1?} after the first; at most {most} messages seen waiting",
        began.elapsed()
    );
    until("all in the mempool", async || {
        (list_mempool(ingest.address).await == sent).then_some(())
    })
    .await;
    assert_eq!(
        scrape.sum("satscope_ingest_transactions_total", ""),
        f64::from(BURST)
    );
    assert_eq!(scrape.sum("satscope_ingest_zmq_gaps_total", ""), 0.0);
    assert_eq!(scrape.sum("satscope_ingest_malformed_total", ""), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_window_without_room_for_all_the_oldest_leave_and_are_counted() {
    // More than there is room for, before and after.
    const OLDER: u32 = 4000;
    const NEWER: u32 = 1000;
    let mut publisher = Publisher::bind();
    let flags = ["--window-bytes=100000", "--node-is-standin"];
    let ingest = Served::ingest(&publisher.endpoint, &flags).await;
    let analyzer = Served::analyzer(ingest.address).await;
    publisher.wait_for_subscriber();
    let mut send = |numbers: Range<u32>| -> BTreeSet<Txid> {
        publisher.say_time(1_700_000_000_000 + u64::from(numbers.start));
        let payments = numbers.map(payment);
        payments.map(|payment| publisher.enter(&payment)).collect()
    };
    let older = send(0..OLDER);
    until("the older ones in the mempool", async || {
        (list_mempool(ingest.address).await == older).then_some(())
    })
    .await;
    let newer = send(OLDER..OLDER + NEWER);
    let held = until("newer ones alone", async || {
        let window = list_window(analyzer.address).await?;
        let mut held = window.transactions.keys();
        held.all(|txid| newer.contains(txid))
            .then_some(window.transactions.len())
            .filter(|held| *held > 0)
    })
    .await;
    assert!(
        (100..NEWER as usize).contains(&held),
        "{held} in 100,000 bytes"
    );
    let whole = older.len() + newer.len();
    until("all in the mempool", async || {
        (list_mempool(ingest.address).await.len() == whole).then_some(())
    })
    .await;
    let let_go = Scrape::of(ingest.metrics)
        .await
        .sum("satscope_ingest_removed_total", r#"reason="window_full""#);
    let held = list_window(analyzer.address).await.unwrap();
    assert_eq!(let_go, (whole - held.transactions.len()) as f64);
    let log = ingest.part.log();
    assert!(
        log.iter()
            .any(|line| line.contains("larger than window_bytes allows")),
        "{log:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_is_too_slow_is_told_so_and_begins_again_from_the_window() {
    // A log that ages by the node's clock: what a reader may lag behind, 15 minutes, passes in moments.
    let node = StandIn::hasty().await;
    let ingest = Served::ingest_with_rpc(&node).await;
    let mut stream = stream_transactions(ingest.address, None).await;
    let began = next(&mut stream).await.unwrap();
    assert!(began.reset);
    let mut position: Option<Position> = None;
    let newest_ms = |scrape: &Scrape| scrape.sum("satscope_ingest_transactions_total", "");
    let before = newest_ms(&Scrape::of(ingest.metrics).await);
    until("far more than what may wait", async || {
        let now = newest_ms(&Scrape::of(ingest.metrics).await);
        (now > before + 60_000.0).then_some(())
    })
    .await;
    let status = loop {
        match in_time("a message or the end", stream.message()).await {
            Ok(Some(message)) => {
                assert!(!message.reset, "the window again without a word");
                position = message.events.last().and_then(|event| event.position);
            }
            Ok(None) => panic!("the stream ended without a status"),
            Err(status) => break status,
        }
    };
    println!("told: {status}");
    assert_eq!(status.code(), Code::OutOfRange, "{status}");

    let mut again = stream_transactions(ingest.address, position).await;
    let first = next(&mut again).await.unwrap();
    assert!(first.reset, "the whole window");
    let mut events = first.events;
    until("the end of the window", async || {
        let caught_up =
            |event: &satscope_proto::v1::Event| matches!(event.kind, Some(Kind::CaughtUp(_)));
        if events.iter().any(caught_up) {
            return Some(());
        }
        events = next(&mut again).await.unwrap().events;
        None
    })
    .await;
}
