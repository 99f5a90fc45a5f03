//! From the start of the process to the first price, on a node that has three hours of full blocks.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    chain::{FREE_PORTS, StandIn},
    part::Part,
};

/// A node with three hours of blocks: about 18, of about 2,800 transactions each.
const NODE: [&str; 5] = [
    "simulate",
    "--history=10800",
    "--rate=4.7",
    "--speed=1",
    "--seed=8",
];
const ROUNDS: usize = 5;

/// Prints the time from the start to the first price, and the time that the node alone takes for its answers.
pub async fn run() {
    let node = StandIn::start(&NODE).await;
    let (blocks, transactions, asking) = ask_bare(&node).await;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        took.push(first_price(&node).await);
    }
    took.sort_unstable();
    println!(
        "From start to first price: {:.2?} (median of {ROUNDS}; {:.2?} to {:.2?}) with {transactions} transactions in {blocks} blocks and the mempool; the node alone needs {asking:.2?} for its answers",
        took[ROUNDS / 2],
        took[0],
        took[ROUNDS - 1],
    );
}

/// The time from the start of `satscope run` to its first price.
async fn first_price(node: &StandIn) -> Duration {
    let began = Instant::now();
    let url = node.rpc_url();
    let run = [
        "run",
        "--zmq-endpoint",
        &node.zmq,
        "--node-is-standin",
        &url,
    ];
    let mut part = Part::satscope(&[&run[..], &FREE_PORTS].concat());
    let gateway = part.listening("gateway_listen").await;
    let url = format!("http://{gateway}/api/v1/price");
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(&url).send().await.unwrap();
        if answer.status() == 200 {
            let text = answer.text().await.unwrap();
            let price: Value = serde_json::from_str(&text).unwrap();
            if price["hops"][0]["state"] == "connected" {
                assert!(price["stats"]["active_in_window"].as_u64().unwrap() > 10_000);
                return began.elapsed();
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The node's blocks of three hours and its mempool, asked for one after the other; how many there are, and how long that takes.
async fn ask_bare(node: &StandIn) -> (usize, usize, Duration) {
    let client = reqwest::Client::new();
    let url = format!("http://{}", node.rpc);
    let call = async |method: &str, params: Value| -> Value {
        let request = json!({"method": method, "params": params, "id": 1});
        let answer = client
            .post(&url)
            .body(request.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer["result"].clone()
    };
    let mut hash = call("getblockchaininfo", json!([])).await["bestblockhash"].clone();
    let newest = call("getblockheader", json!([hash])).await["time"]
        .as_u64()
        .unwrap();
    let began = Instant::now();
    let (mut blocks, mut transactions) = (0, 0);
    loop {
        let header = call("getblockheader", json!([hash])).await;
        if header["time"]
            .as_u64()
            .is_none_or(|time| time + 10_800 < newest)
        {
            break;
        }
        let block = call("getblock", json!([hash, 0])).await;
        assert!(block.as_str().unwrap().len() > 160);
        transactions += header["nTx"].as_u64().unwrap() as usize;
        blocks += 1;
        hash = header["previousblockhash"].clone();
    }
    let mempool = call("getrawmempool", json!([])).await;
    let txids: Vec<Value> = mempool.as_array().unwrap().clone();
    for batch in txids.chunks(100) {
        for method in ["getmempoolentry", "getrawtransaction"] {
            let calls: Vec<Value> = batch
                .iter()
                .map(|txid| json!({"method": method, "params": [txid], "id": 1}))
                .collect();
            let answer = client
                .post(&url)
                .body(json!(calls).to_string())
                .send()
                .await
                .unwrap();
            answer.text().await.unwrap();
        }
    }
    (blocks, transactions + txids.len(), began.elapsed())
}
