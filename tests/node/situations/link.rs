//! How ingest finds the node and hears it, whatever stands in `bitcoin.conf`.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use satscope_kit::clock::unix_ms;
use satscope_proto::v1::GetPriceRequest;
use serde_json::{Value, json};

use crate::{
    bitcoind::Bitcoind,
    coins::Purse,
    scene::PRICE_USD,
    support::{
        chain::Served,
        grpc::{list_mempool, prices},
        metrics,
        part::reserve_address,
        wait::until,
    },
};

/// Enough payments for a price.
const PAYMENTS: usize = 600;

async fn purse(node: &Bitcoind, coins: usize) -> Purse {
    Purse::fill(node, coins, 0, unix_ms() / 1000 - 4 * 3600).await
}

/// The flags with the node's host and login, and nothing else.
fn host_and_login(node: &Bitcoind) -> [String; 2] {
    [
        format!("--rpc-url={}", node.rpc.url()),
        format!("--rpc-cookie-file={}", node.cookie().display()),
    ]
}

async fn ingest(flags: &[String]) -> Served {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Served::ingest_that_asks(&flags).await
}

/// What operators read of the link to the node; `None` if all is well.
pub async fn trouble(ingest: &Served) -> Option<String> {
    let (_, text) = metrics::get(&format!("http://{}/readyz", ingest.metrics)).await;
    let said: Value = serde_json::from_str(&text).unwrap();
    let mut kinds = ["waiting_for", "impaired"].into_iter();
    kinds.find_map(|kind| Some(said[kind]["node"].as_str()?.to_owned()))
}

/// Waits until ingest has the node's mempool.
async fn agrees(ingest: &Served, node: &Bitcoind) {
    until("the node's mempool", async || {
        let ours = list_mempool(ingest.address).await;
        (ours == node.mempool().await).then_some(())
    })
    .await;
}

/// Waits until operators read of no trouble.
async fn is_well(ingest: &Served) {
    until("a link without trouble", async || {
        trouble(ingest).await.is_none().then_some(())
    })
    .await;
}

/// Waits until operators read this.
async fn says(ingest: &Served, words: &str) {
    until(&format!("word of {words:?}"), async || {
        let trouble = trouble(ingest).await?;
        trouble.contains(words).then_some(())
    })
    .await;
}

/// The topics that a package's node publishes, each with the number of its port; see `docs/operations.md`.
const PACKAGES: [(&str, &[(&str, usize)]); 5] = [
    (
        "Umbrel",
        &[
            ("rawblock", 0),
            ("rawtx", 1),
            ("hashblock", 2),
            ("sequence", 3),
            ("hashtx", 4),
        ],
    ),
    (
        "BTCPay Server",
        &[("rawblock", 0), ("rawtx", 1), ("hashblock", 2)],
    ),
    ("RaspiBolt", &[("rawblock", 0), ("rawtx", 1)]),
    ("nix-bitcoin", &[("rawblock", 0), ("rawtx", 1)]),
    (
        "Start9",
        &[
            ("rawblock", 0),
            ("hashblock", 0),
            ("rawtx", 1),
            ("hashtx", 1),
            ("sequence", 1),
        ],
    ),
];

/// Each start of the node has another cookie and other ports.
#[tokio::test(flavor = "multi_thread")]
async fn the_ports_of_each_package_are_found_with_host_and_login_alone() {
    let mut node = Bitcoind::without_zmq("packages", &[]);
    node.run(&[]).await;
    let mut purse = purse(&node, 20).await;
    let ingest = ingest(&host_and_login(&node)).await;
    says(&ingest, "polling").await;
    for (package, topics) in PACKAGES {
        println!("{package}: {topics:?}");
        let ports = [(); 5].map(|()| reserve_address().port());
        let line = |(topic, port): &(&str, usize)| {
            format!("-zmqpub{topic}=tcp://0.0.0.0:{}", ports[*port])
        };
        let lines: Vec<String> = topics.iter().map(line).collect();
        node.stop().await;
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        node.run(&lines).await;
        let is_whole = topics.iter().any(|(topic, _)| *topic == "sequence");
        match is_whole {
            true => is_well(&ingest).await,
            false => says(&ingest, "polling: the node does not publish sequence: add").await,
        }
        node.send(&purse.payments(2, PRICE_USD)).await;
        agrees(&ingest, &node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_zmq_is_found_by_its_folder_and_has_a_price_all_the_same() {
    let mut node = Bitcoind::without_zmq("polled", &[]);
    node.run(&[]).await;
    let mut purse = purse(&node, PAYMENTS + 100).await;
    let ingest = ingest(&[format!("--bitcoin-dir={}", node.folder())]).await;
    let analyzer = Served::analyzer(ingest.address).await;
    says(
        &ingest,
        "add zmqpubrawtx=tcp://127.0.0.1:28332 and zmqpubsequence=",
    )
    .await;
    node.send(&purse.payments(PAYMENTS, PRICE_USD)).await;
    agrees(&ingest, &node).await;
    let mut client = prices(analyzer.address).await;
    until("a fresh price of what was polled", async || {
        let answer = client.get_price(GetPriceRequest {}).await.ok()?;
        let estimate = answer.into_inner().update?.estimate?;
        let is_near = (estimate.price_usd / PRICE_USD - 1.0).abs() < 0.02;
        (is_near && !estimate.stale).then_some(())
    })
    .await;
    // What is mined, and what leaves, is seen by the next poll.
    node.generate(1).await;
    agrees(&ingest, &node).await;
    let lines = ["rawtx", "sequence"].map(|topic| format!("-zmqpub{topic}=tcp://{}", node.zmq));
    node.stop().await;
    node.run(&[&lines[0], &lines[1]]).await;
    is_well(&ingest).await;
    node.send(&purse.payments(20, PRICE_USD)).await;
    agrees(&ingest, &node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_missing_at_the_endpoint_that_was_set_is_named() {
    let mut node = Bitcoind::without_zmq("half", &[]);
    let elsewhere = reserve_address();
    let rawtx = format!("-zmqpubrawtx=tcp://{}", node.zmq);
    node.run(&[&rawtx, &format!("-zmqpubsequence=tcp://{elsewhere}")])
        .await;
    let mut purse = purse(&node, 20).await;
    let endpoint = format!("--zmq-endpoint=tcp://{}", node.zmq);
    let flags = [&host_and_login(&node)[..], &[endpoint]].concat();
    let ingest = ingest(&flags).await;
    let place = format!("the node publishes sequence at tcp://{elsewhere}");
    says(&ingest, &place).await;
    node.send(&purse.payments(2, PRICE_USD)).await;
    agrees(&ingest, &node).await;
    says(&ingest, "polling").await;
    node.stop().await;
    node.run(&[&rawtx]).await;
    says(&ingest, "add zmqpubsequence=tcp://").await;
    node.send(&purse.payments(2, PRICE_USD)).await;
    agrees(&ingest, &node).await;
    node.stop().await;
    node.run(&[&rawtx, &format!("-zmqpubsequence=tcp://{}", node.zmq)])
        .await;
    is_well(&ingest).await;
    node.send(&purse.payments(2, PRICE_USD)).await;
    agrees(&ingest, &node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_on_ipv6_is_heard() {
    let flags = [
        "-rpcbind=127.0.0.1",
        "-rpcbind=[::1]",
        "-rpcallowip=127.0.0.1",
        "-rpcallowip=::1",
    ];
    let mut node = Bitcoind::without_zmq("ipv6", &flags);
    let lines =
        ["rawtx", "sequence"].map(|topic| format!("-zmqpub{topic}=tcp://[::]:{}", node.zmq.port()));
    node.run(&[&lines[0], &lines[1]]).await;
    let mut purse = purse(&node, 20).await;
    let port = node.rpc.url().rsplit(':').next().unwrap().to_owned();
    let flags = [
        format!("--rpc-url=http://[::1]:{port}"),
        format!("--rpc-cookie-file={}", node.cookie().display()),
    ];
    let mut ingest = ingest(&flags).await;
    let endpoint = ingest.part.line("connected to the node at ").await;
    assert_eq!(endpoint, format!("tcp://[::1]:{}", node.zmq.port()));
    is_well(&ingest).await;
    node.send(&purse.payments(2, PRICE_USD)).await;
    agrees(&ingest, &node).await;
}

/// A node whose queue has room for four requests answers some of six clients with 503.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_work_queue_is_full_is_read_all_the_same() {
    let node = Bitcoind::start("workqueue", &["-rpcworkqueue=4", "-rpcthreads=1"]).await;
    let mut purse = purse(&node, 600).await;
    node.send(&purse.payments(500, PRICE_USD)).await;
    let refused = Arc::new(AtomicU32::new(0));
    let others: Vec<_> = (0..6)
        .map(|_| {
            let (rpc, refused) = (node.rpc.clone(), refused.clone());
            tokio::spawn(async move {
                loop {
                    let asked = rpc.ask("getrawmempool", json!([true])).await;
                    refused.fetch_add(u32::from(asked.is_err()), Ordering::Relaxed);
                }
            })
        })
        .collect();
    let ingest = ingest(&host_and_login(&node)).await;
    is_well(&ingest).await;
    others.iter().for_each(|other| other.abort());
    assert!(refused.load(Ordering::Relaxed) > 0, "nothing was refused");
    until("an empty queue", async || {
        node.rpc.ask("getblockcount", json!([])).await.ok()
    })
    .await;
    node.send(&purse.payments(20, PRICE_USD)).await;
    agrees(&ingest, &node).await;
}

/// A node with the smallest queue, one thread and its REST interface on, which Satscope does not use.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_the_smallest_queue_and_rest_is_read() {
    let flags = ["-rpcworkqueue=1", "-rpcthreads=1", "-rest"];
    let mut node = Bitcoind::start("smallest-queue", &flags).await;
    let mut purse = purse(&node, 300).await;
    node.send(&purse.payments(200, PRICE_USD)).await;
    let ingest = ingest(&host_and_login(&node)).await;
    is_well(&ingest).await;
    agrees(&ingest, &node).await;
    let cookie = std::fs::read_to_string(node.cookie()).unwrap();
    node.stop().await;
    node.run(&[]).await;
    let new = std::fs::read_to_string(node.cookie()).unwrap();
    assert_ne!(cookie, new, "the node has another cookie");
    is_well(&ingest).await;
    node.send(&purse.payments(2, PRICE_USD)).await;
    agrees(&ingest, &node).await;
}
