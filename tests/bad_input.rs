//! What no node should send, between good transactions: each counted under its reason, nothing else lost.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;

use bitcoin::{Txid, consensus::serialize};
use serde_json::Value;
use support::{
    chain::Served,
    grpc::list_mempool,
    metrics::Scrape,
    publisher::{Publisher, payment, with_witness},
    wait::until,
};

const MALFORMED: &str = "satscope_ingest_malformed_total";
const RECEIVED: &str = "satscope_ingest_transactions_total";
/// The longest body that a transaction can have.
const LARGEST: usize = 4_000_000;

/// An ingest that has subscribed to a publisher of ours.
async fn ingest(flags: &[&str]) -> (Publisher, Served) {
    let publisher = Publisher::bind();
    let ingest = Served::ingest(&publisher.endpoint, flags).await;
    publisher.wait_for_subscriber();
    (publisher, ingest)
}

async fn expect_mempool(ingest: &Served, expected: &BTreeSet<Txid>) {
    until("every good transaction in the mempool", async || {
        (list_mempool(ingest.address).await == *expected).then_some(())
    })
    .await;
}

/// Odd messages with the reason that each is counted under.
fn odd_messages() -> Vec<(Vec<Vec<u8>>, &'static str)> {
    let good = serialize(&payment(999_999));
    let whole = |topic: &[u8], body: &[u8]| vec![topic.to_vec(), body.to_vec(), vec![0; 4]];
    let mut odd = vec![
        (vec![b"rawtx".to_vec()], "frame_parts"),
        (vec![b"rawtx".to_vec(), good.clone()], "frame_parts"),
        (
            vec![b"rawtx".to_vec(), good.clone(), vec![0; 4], vec![]],
            "frame_parts",
        ),
        (whole(b"rawtxt", &good), "frame_topic"),
        (whole(b"sequences", &good), "frame_topic"),
        (
            vec![b"rawtx".to_vec(), good.clone(), vec![0; 3]],
            "frame_counter",
        ),
        (
            vec![b"rawtx".to_vec(), good.clone(), vec![]],
            "frame_counter",
        ),
        (whole(b"rawtx", &vec![7; LARGEST + 1]), "frame_too_long"),
        (whole(b"rawtx", b""), "frame_body"),
        (whole(b"rawtx", &[&good[..], &[0]].concat()), "frame_body"),
        (whole(b"rawtx", &[0xff; 300]), "frame_body"),
        (whole(b"rawtx", &vec![0; LARGEST]), "frame_body"),
        (whole(b"sequence", b""), "frame_body"),
        (whole(b"sequence", &[b'A'; 40]), "frame_body"),
        (whole(b"sequence", &[b'X'; 41]), "frame_body"),
        (whole(b"sequence", &[b'C'; 41]), "frame_body"),
    ];
    for length in (1..good.len()).step_by(7) {
        odd.push((whole(b"rawtx", &good[..length]), "frame_body"));
    }
    odd
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_are_counted_by_reason_and_no_good_transaction_beside_them_is_lost() {
    let (mut publisher, mut ingest) = ingest(&[]).await;
    let odd = odd_messages();
    let mut good = BTreeSet::new();
    for (number, (parts, _)) in odd.iter().enumerate() {
        good.insert(publisher.enter(&payment(number as u32)));
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        publisher.send(&parts);
    }
    let huge = with_witness(1_000_000, vec![0x30; LARGEST - 1000]);
    good.insert(publisher.enter(&huge));
    good.insert(publisher.enter(&payment(1_000_001)));

    expect_mempool(&ingest, &good).await;
    let scrape = Scrape::of(ingest.metrics).await;
    assert_eq!(scrape.sum(RECEIVED, ""), good.len() as f64, "received");
    assert_eq!(
        scrape.sum(RECEIVED, r#"reason="witness""#),
        1.0,
        "the huge one is read, and filtered"
    );
    for reason in [
        "frame_parts",
        "frame_topic",
        "frame_counter",
        "frame_too_long",
        "frame_body",
    ] {
        let expected = odd.iter().filter(|(_, of)| *of == reason).count();
        let label = format!(r#"reason="{reason}""#);
        assert_eq!(scrape.sum(MALFORMED, &label), expected as f64, "{reason}");
    }
    assert_eq!(scrape.sum(MALFORMED, ""), odd.len() as f64, "all reasons");
    assert!(ingest.part.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn random_messages_never_stop_ingest() {
    let (mut publisher, mut ingest) = ingest(&[]).await;
    let mut good = BTreeSet::new();
    let mut unreadable = 0;
    for seed in 0..20 {
        for parts in satscope_standin::odd_frames(seed) {
            // Without RPC, blocks are heard too, for their headers.
            let is_subscribed = |topic: &Vec<u8>| {
                let topics: [&[u8]; 3] = [b"rawtx", b"sequence", b"rawblock"];
                topics.iter().any(|known| topic.starts_with(known))
            };
            // Each set holds one that can be read, a transaction of almost 4 MB; no `A` says that it entered.
            let is_huge = parts
                .get(1)
                .is_some_and(|body| (3_900_000..LARGEST).contains(&body.len()));
            unreadable += u32::from(!is_huge && is_subscribed(&parts[0]));
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            publisher.send(&parts);
            good.insert(publisher.enter(&payment(good.len() as u32)));
        }
    }
    expect_mempool(&ingest, &good).await;
    let scrape = Scrape::of(ingest.metrics).await;
    assert_eq!(scrape.sum(MALFORMED, ""), f64::from(unreadable));
    assert_eq!(scrape.sum(RECEIVED, ""), good.len() as f64);
    assert!(ingest.part.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_logged_at_most_once_a_second() {
    let (mut publisher, mut ingest) = ingest(&["--log-format=json"]).await;
    let mut sent = 0;
    let warnings = until("four lines for each reason", async || {
        for _ in 0..50 {
            publisher.rawtx(b"no transaction");
            publisher.send(&[b"rawtx"]);
        }
        sent += 50;
        let lines = ingest.part.log();
        let warnings = ["frame_body", "frame_parts"].map(|reason| warnings(&lines, reason));
        warnings
            .iter()
            .all(|lines| lines.len() >= 4)
            .then_some(warnings)
    })
    .await;
    for lines in warnings {
        for pair in lines.windows(2) {
            let apart = pair[1].at_seconds - pair[0].at_seconds;
            // The limiter looks at the clock a moment before the line is stamped.
            assert!(apart > 0.99, "two lines {apart} s apart");
        }
        let told: u64 = lines.iter().map(|line| 1 + line.held_back).sum();
        assert!(told > 100 && told <= sent, "{told} of {sent} are told of");
    }
    assert!(ingest.part.is_running());
}

/// A line that says what was left out.
struct Warning {
    /// Of its day, by UTC.
    at_seconds: f64,
    held_back: u64,
}

fn warnings(lines: &[String], reason: &str) -> Vec<Warning> {
    let objects = lines.iter().map(|line| {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    });
    objects
        .filter(|line| line["reason"] == reason)
        .map(|line| {
            let stamp = line["timestamp"].as_str().unwrap();
            let time = stamp.split_once('T').unwrap().1.trim_end_matches('Z');
            let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
            Warning {
                at_seconds: parts[0] * 3600.0 + parts[1] * 60.0 + parts[2],
                held_back: line["held_back"].as_u64().unwrap(),
            }
        })
        .collect()
}
