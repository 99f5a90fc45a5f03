//! Ingest beside an RPC that is heavy, busy, or behind a proxy that answers in its place.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use bitcoin::{Transaction, Txid};
use satscope_kit::clock::unix_ms;
use serde_json::{Value, json};
use support::{
    chain::Served,
    grpc::list_mempool,
    metrics::{Scrape, get},
    part::Folder,
    publisher::{Publisher, payment, with_witness},
    rpc_node::{Other, Otherwise, RpcNode, tip},
    wait::until,
};

/// A node with this mempool, whose RPC answers as told, and an ingest that is in step with it.
async fn in_step(
    mempool: impl Iterator<Item = Transaction>,
    otherwise: Otherwise,
) -> (Publisher, RpcNode, Served) {
    let publisher = Publisher::bind();
    let node = RpcNode::start(&publisher.endpoint, otherwise);
    let txids: BTreeSet<Txid> = mempool.map(|transaction| node.enter(transaction)).collect();
    let ingest = Served::ingest_that_asks(&[&node.flag()]).await;
    until("the node's mempool", async || {
        (list_mempool(ingest.address).await == txids).then_some(())
    })
    .await;
    (publisher, node, ingest)
}

/// The sum of ingest's resyncs with this outcome.
async fn resyncs(ingest: &Served, outcome: &str) -> f64 {
    let scrape = Scrape::of(ingest.metrics).await;
    let label = format!("outcome=\"{outcome}\"");
    scrape.sum("satscope_ingest_resyncs_total", &label)
}

/// What operators read of the node; `None` if all is well.
async fn trouble(ingest: &Served) -> Option<String> {
    let (_, text) = get(&format!("http://{}/readyz", ingest.metrics)).await;
    let said: Value = serde_json::from_str(&text).unwrap();
    let mut kinds = ["waiting_for", "impaired"].into_iter();
    kinds.find_map(|kind| Some(said[kind]["node"].as_str()?.to_owned()))
}

/// The most memory that a process has had, in bytes.
fn most_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = most.unwrap().trim().strip_suffix(" kB").unwrap();
    kibibytes.trim().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_of_the_largest_standard_transactions_are_fetched_in_batches_by_weight() {
    const COUNT: u32 = 400;
    const WITNESS_BYTES: usize = 395_000;
    /// What an answer may have: twice the bytes of a batch as digits, and one transaction more.
    const ANSWER_BYTES: usize = 40_000_000;
    const MEMORY_BYTES: u64 = 300_000_000;
    let began = Instant::now();
    let heavy = (0..COUNT).map(|number| with_witness(number, vec![0x30; WITNESS_BYTES]));
    let (_publisher, node, ingest) = in_step(heavy, |_, _| None).await;
    let memory = most_memory(ingest.part.id());
    println!(
        "{COUNT} of {WITNESS_BYTES} bytes: in step after {:.1?}, the longest answer {} bytes, at most {memory} bytes of memory",
        began.elapsed(),
        node.longest_answer()
    );
    assert!(node.longest_answer() < ANSWER_BYTES);
    assert!(memory < MEMORY_BYTES, "{memory}");
    assert_eq!(resyncs(&ingest, "failed").await, 0.0);
    assert_eq!(node.called("getrawtransaction"), COUNT as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_computer_that_lists_its_mempool_for_half_a_minute_is_waited_for() {
    let (_publisher, node, ingest) = in_step((0..3).map(payment), |method, before| {
        let is_first = method == "getrawmempool" && before == 0;
        is_first.then_some(Other::Late(Duration::from_secs(32)))
    })
    .await;
    assert_eq!(resyncs(&ingest, "failed").await, 0.0);
    assert_eq!(node.called("getrawmempool"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_now_and_then_is_asked_again_and_the_others_are_not() {
    const COUNT: u32 = 10_000;
    fn every(before: usize) -> bool {
        before % 1700 == 900
    }
    const FAULTS: [(&str, Otherwise); 4] = [
        ("503", |method, before| {
            (method.starts_with("get") && every(before))
                .then(|| Other::Http(503, "Work queue depth exceeded".to_owned()))
        }),
        ("-32603", |method, before| {
            (method == "getmempoolentry" && every(before))
                .then_some(Other::Error(-32603, "upstream is not available"))
        }),
        ("a page", |method, before| {
            (method == "getrawtransaction" && every(before))
                .then(|| Other::Http(200, "<html>One moment</html>".to_owned()))
        }),
        ("a cut", |method, before| {
            every(before)
                .then_some(Other::Cut)
                .filter(|_| method != "getblockheader")
        }),
    ];
    for (name, otherwise) in FAULTS {
        let (_publisher, node, ingest) = in_step((0..COUNT).map(payment), otherwise).await;
        let asked = node.called("getmempoolentry") + node.called("getrawtransaction");
        println!("{name}: {asked} calls for {COUNT} transactions");
        assert!(asked < 3 * COUNT as usize, "{name}: {asked}");
        assert_eq!(resyncs(&ingest, "failed").await, 0.0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_proxy_are_shown_to_operators_and_no_absence() {
    let publisher = Publisher::bind();
    let node = RpcNode::start(&publisher.endpoint, |method, _| {
        (method == "getblockheader").then(|| Other::Http(502, "<b>Bad\n gateway</b>".to_owned()))
    });
    node.enter(payment(1));
    let ingest = Served::ingest_that_asks(&[&node.flag()]).await;
    let words = "getblockheader: HTTP status 502: <b>Bad gateway</b>";
    until("the proxy's words", async || {
        trouble(&ingest).await?.contains(words).then_some(())
    })
    .await;
}

/// The one block, now within the window.
fn recent_header() -> Value {
    json!({"hash": tip(), "height": 900_000, "time": unix_ms() / 1000 - 600, "confirmations": 1})
}

/// `getblockchaininfo` of a node that has pruned what is below this height.
fn pruned_below(height: u32) -> Value {
    json!({
        "chain": "main", "blocks": 900_000, "headers": 900_000, "bestblockhash": tip(),
        "initialblockdownload": false, "verificationprogress": 1, "pruned": true, "pruneheight": height,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_code_1_is_an_absent_block_only_below_the_prune_height() {
    let below: Otherwise = |method, _| match method {
        "getblockchaininfo" => Some(Other::Result(pruned_below(900_001))),
        "getblockheader" => Some(Other::Result(recent_header())),
        "getblock" => Some(Other::Error(-1, "Block not available (pruned data)")),
        _ => None,
    };
    let (_publisher, node, ingest) = in_step((0..3).map(payment), below).await;
    until("a link without trouble", async || {
        trouble(&ingest).await.is_none().then_some(())
    })
    .await;
    assert_eq!(node.called("getblock"), 1);

    let publisher = Publisher::bind();
    let above: Otherwise = |method, _| match method {
        "getblockchaininfo" => Some(Other::Result(pruned_below(900_000))),
        "getblockheader" => Some(Other::Result(recent_header())),
        "getblock" => Some(Other::Error(-1, "Block not found on disk")),
        _ => None,
    };
    let node = RpcNode::start(&publisher.endpoint, above);
    let ingest = Served::ingest_that_asks(&[&node.flag()]).await;
    until("the node's words", async || {
        let words = "getblock: Block not found on disk (code -1)";
        trouble(&ingest).await?.contains(words).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_tried_ever_more_seldom_with_zmq_and_without() {
    let publisher = Publisher::bind();
    let endpoint = format!("--zmq-endpoint={}", publisher.endpoint);
    for flags in [vec![], vec![endpoint.as_str()]] {
        let node = RpcNode::start(&publisher.endpoint, |_, _| {
            Some(Other::Http(401, String::new()))
        });
        let folder = Folder::new("rpc-refused");
        let cookie = format!("{}/cookie", folder.path());
        std::fs::write(&cookie, "__cookie__:wrong").unwrap();
        let url = node.flag();
        let cookie = format!("--rpc-cookie-file={cookie}");
        let flags = [&flags[..], &[&url, &cookie]].concat();
        let ingest = Served::ingest_that_asks(&flags).await;
        let asked = || {
            let methods = ["getblockchaininfo", "getzmqnotifications"];
            methods
                .iter()
                .map(|method| node.called(method))
                .sum::<usize>()
        };
        let began = Instant::now();
        until("five refusals", async || (asked() >= 5).then_some(())).await;
        // At once, and after pauses of 1, 2 and 4 s.
        assert!(
            began.elapsed() > Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        let said = trouble(&ingest).await.unwrap();
        assert!(said.contains("refused the credentials"), "{said}");
    }
}
