//! How fast the historian reads blocks, beside what `getblock` alone gives in the same run. Prints both; run by hand:
//! `BITCOIND=... cargo test --release --test node history_pace -- --ignored --nocapture`.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bitcoin::{
    BlockHash, ScriptBuf, Transaction, Witness,
    opcodes::{OP_TRUE, all::OP_DROP},
    script::Builder,
};
use satscope_kit::clock::unix_ms;
use serde_json::{Value, json};

use crate::{
    bitcoind::Bitcoind,
    coins::{Coin, output, paying, spend},
    historian::Historian,
    support::{metrics::Scrape, wait::until},
};

/// Large blocks, and the transactions of each, of some 250 bytes.
const LARGE: usize = 300;
const TRANSACTIONS: usize = 4300;
/// The bytes of a signature and a public key, which a payment's witness has on main.
const SIGNED: [u8; 107] = [7; 107];
/// Blocks until a coinbase may be spent.
const MATURITY: u32 = 100;
/// The least share of the pace of `getblock` that the historian must have.
const LEAST_SHARE: f64 = 0.6;

/// A script that takes any item of a witness for a signature.
fn signed() -> ScriptBuf {
    Builder::new()
        .push_opcode(OP_DROP)
        .push_opcode(OP_TRUE)
        .into_script()
}

/// A block's payments: each spends the change of the one before.
fn payments(coinbase: Coin, seed: u64) -> Vec<Transaction> {
    let signed = signed();
    let change_script = ScriptBuf::new_p2wsh(&signed.wscript_hash());
    let mut coin = coinbase;
    let mut payments = Vec::with_capacity(TRANSACTIONS);
    for number in 0..TRANSACTIONS as u64 {
        let paid = 1000 + (seed * 7919 + number * 104_729) % 900;
        let change = paying(coin.value_sats - paid - 10, &change_script);
        let mut payment = spend(2, &[coin], vec![output(paid), change]);
        if number > 0 {
            payment.input[0].witness = Witness::from_slice(&[&SIGNED[..], signed.as_bytes()]);
        }
        coin = Coin::of(&payment, 1);
        payments.push(payment);
    }
    payments
}

async fn coinbase(node: &Bitcoind, hash: BlockHash) -> Coin {
    let block = node.rpc.call("getblock", json!([hash, 2])).await;
    let txid = serde_json::from_value(block["tx"][0]["txid"].clone()).unwrap();
    let value = block["tx"][0]["vout"][0]["value"].as_f64().unwrap();
    Coin {
        outpoint: bitcoin::OutPoint::new(txid, 0),
        value_sats: (value * 1e8).round() as u64,
    }
}

/// The large blocks, oldest first.
async fn fill(node: &Bitcoind) -> Vec<BlockHash> {
    node.set_time(unix_ms() / 1000 - 3600 * 12).await;
    let small = node.generate(MATURITY + LARGE as u32).await;
    let mut large = Vec::new();
    for (number, hash) in small[..LARGE].iter().enumerate() {
        let coin = coinbase(node, *hash).await;
        // The halvings of regtest leave too little in later coinbases for as many payments.
        if coin.value_sats < 20_000_000 {
            break;
        }
        large.push(node.generate_with(&payments(coin, number as u64)).await);
    }
    node.set_time(0).await;
    node.generate(1).await;
    large
}

/// Blocks a second by `getblock` with verbosity 0, one after the other on one connection; and the bytes of a block.
async fn plain(node: &Bitcoind, blocks: &[BlockHash]) -> (f64, usize) {
    let cookie = std::fs::read_to_string(Path::new(&node.cookie())).unwrap();
    let (user, password) = cookie.split_once(':').unwrap();
    let client = reqwest::Client::new();
    let (began, mut bytes) = (Instant::now(), 0);
    for hash in blocks {
        let call = json!({"id": 0, "method": "getblock", "params": [hash, 0]});
        let request = client.post(node.rpc.url()).basic_auth(user, Some(password));
        let answer = request.body(call.to_string()).send().await.unwrap();
        bytes += answer.bytes().await.unwrap().len();
    }
    let pace = blocks.len() as f64 / began.elapsed().as_secs_f64();
    (pace, bytes / blocks.len() / 2)
}

/// Blocks a second by the historian, from its first large block to its last.
async fn historians(name: &str, node: &Bitcoind, small: f64, all: f64) -> (f64, f64) {
    let historian = Historian::start(name, node).await;
    let metrics = historian.served.as_ref().unwrap().metrics;
    let read = async |least: f64| {
        until("blocks", async || {
            let scrape = Scrape::of(metrics).await;
            let read = scrape.sum("satscope_historian_blocks_read_total", "");
            (read >= least).then(|| (Instant::now(), read))
        })
        .await
    };
    let (began, first) = read(small).await;
    let (ended, last) = read(all).await;
    let took = ended.duration_since(began).max(Duration::from_millis(1));
    let rss = Scrape::of(metrics)
        .await
        .sum("process_resident_memory_bytes", "");
    ((last - first) / took.as_secs_f64(), rss)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes, and needs an idle machine"]
async fn blocks_are_read_at_no_less_than_three_fifths_of_the_pace_of_getblock() {
    let mut node = Bitcoind::start("pace", &["-rest=0"]).await;
    let large = fill(&node).await;
    let all = node.height().await as f64 + 1.0;
    let small = all - large.len() as f64;
    let mut shares = Vec::new();
    for (interface, flag) in [("RPC", "-rest=0"), ("REST", "-rest=1")] {
        node.stop().await;
        node.run(&[flag]).await;
        // Once, so that both read from the machine's cache.
        plain(&node, &large).await;
        let (plain, bytes) = plain(&node, &large).await;
        let (pace, rss) = historians(&format!("pace-{interface}"), &node, small, all).await;
        shares.push(pace / plain);
        println!(
            "{} blocks of {bytes} bytes: getblock {plain:.1} a second, the historian over {interface} {pace:.1} a second ({:.0} %), \
             {:.0} MB",
            large.len(),
            100.0 * pace / plain,
            rss / 1e6
        );
    }
    let info: Value = node.rpc.call("getblockchaininfo", json!([])).await;
    println!("height {}", info["blocks"]);
    assert!(
        shares.iter().all(|share| *share >= LEAST_SHARE),
        "{shares:?}"
    );
}
