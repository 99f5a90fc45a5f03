//! The days before a simulation's history, over real sockets: as Core answers for them by RPC and by REST.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use bitcoin::consensus::deserialize;
use bitcoin::hex::FromHex;
use bitcoin::{Block, BlockHash, Transaction};
use clap::Parser;
use satscope_standin::{Running, SimulateSettings, start_simulation};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const FLAGS: [&str; 6] = [
    "program",
    "--standin-zmq-listen=tcp://127.0.0.1:*",
    "--standin-rpc-listen=127.0.0.1:0",
    "--standin-rpc-no-auth",
    "--standin-rest",
    "--history=3600",
];
/// Height of the block that the live part begins with.
const LIVE: u32 = 930_000;

#[derive(Parser)]
struct Simulate {
    #[command(flatten)]
    settings: SimulateSettings,
}

fn settings(flags: &[&str]) -> SimulateSettings {
    Simulate::parse_from(FLAGS.iter().chain(flags)).settings
}

/// A stand-in that is ready, and what ends it.
struct Standin {
    running: Running,
    shutdown: CancellationToken,
}

impl Standin {
    /// One that may still be loading.
    async fn start(flags: &[&str]) -> Standin {
        let shutdown = CancellationToken::new();
        let running = start_simulation(&settings(flags), shutdown.clone())
            .await
            .unwrap();
        Standin { running, shutdown }
    }

    async fn ready(flags: &[&str]) -> Standin {
        let standin = Standin::start(flags).await;
        let began = Instant::now();
        loop {
            let status = standin.call("standinstatus", json!([])).await.unwrap();
            if status["state"] == "playing" {
                println!("{flags:?}: ready after {:?}", began.elapsed());
                return standin;
            }
            assert_eq!(status["state"], "down");
            assert!(began.elapsed() < Duration::from_mins(2), "{status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn post(&self, body: &Value) -> Value {
        let request = reqwest::Client::new().post(self.running.rpc_url());
        let response = request.body(body.to_string()).send().await.unwrap();
        response.json().await.unwrap()
    }

    /// The result of a call, or its error.
    async fn call(&self, method: &str, params: Value) -> Result<Value, Value> {
        let mut answer = self
            .post(&json!({"method": method, "params": params, "id": 1}))
            .await;
        match answer["error"].take() {
            Value::Null => Ok(answer["result"].take()),
            error => Err(error),
        }
    }

    async fn hash(&self, height: u32) -> String {
        let hash = self.call("getblockhash", json!([height])).await.unwrap();
        hash.as_str().unwrap().to_owned()
    }

    async fn block(&self, hash: &str) -> Vec<u8> {
        let hex = self.call("getblock", json!([hash, 0])).await.unwrap();
        Vec::from_hex(hex.as_str().unwrap()).unwrap()
    }

    async fn rest(&self, path: &str) -> (u16, Vec<u8>) {
        let url = format!("{}/rest/{path}", self.running.rpc_url());
        let response = reqwest::get(url).await.unwrap();
        let status = response.status().as_u16();
        (status, response.bytes().await.unwrap().to_vec())
    }

    async fn finish(self) {
        self.shutdown.cancel();
        self.running.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_says_that_it_loads_until_its_past_is_made() {
    let standin = Standin::start(&["--history-days=4000"]).await;
    let error = standin.call("getblockcount", json!([])).await.unwrap_err();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!(-28), &json!("Loading block index…"))
    );
    let (status, text) = standin.rest("chaininfo.json").await;
    let text = String::from_utf8(text).unwrap();
    assert!(
        status == 503 && text.contains("Loading block index"),
        "{text}"
    );
    // It ends though its past is not made.
    let began = Instant::now();
    standin.finish().await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_block_is_answered_for_as_core_does() {
    let standin = Standin::ready(&["--history-days=10"]).await;
    let first = LIVE - 1440;
    let info = standin.call("getblockchaininfo", json!([])).await.unwrap();
    assert_eq!(
        (&info["pruned"], &info["pruneheight"]),
        (&json!(true), &json!(first))
    );
    let tip = info["blocks"].as_u64().unwrap();
    let mut last: Option<(String, u64)> = None;
    for height in (first..first + 12).chain(LIVE - 15..LIVE + 2) {
        let hash = standin.hash(height).await;
        let header = standin.call("getblockheader", json!([hash])).await.unwrap();
        let block: Block = deserialize(&standin.block(&hash).await).unwrap();
        assert_eq!(header["height"], height);
        let confirmations = header["confirmations"].as_u64().unwrap();
        assert!(confirmations > tip - u64::from(height));
        assert_eq!(header["time"], block.header.time);
        assert!(header["mediantime"].as_u64().unwrap() <= u64::from(block.header.time));
        assert_eq!(header["nTx"], block.txdata.len());
        let raw = standin
            .call("getblockheader", json!([hash, false]))
            .await
            .unwrap();
        assert_eq!(
            raw,
            bitcoin::consensus::encode::serialize_hex(&block.header)
        );
        let told = standin.call("getblock", json!([hash])).await.unwrap();
        let txids: Vec<String> = block
            .txdata
            .iter()
            .map(|tx| tx.compute_txid().to_string())
            .collect();
        assert_eq!(told["tx"], json!(txids));
        assert_eq!(told["weight"], block.weight().to_wu());
        assert!(block.check_merkle_root() && block.check_witness_commitment());
        if let Some((previous, below)) = last.replace((hash.clone(), u64::from(height)))
            && below + 1 == u64::from(height)
        {
            assert_eq!(header["previousblockhash"], previous);
            let before = standin
                .call("getblockheader", json!([previous]))
                .await
                .unwrap();
            assert_eq!(before["nextblockhash"], hash);
            assert!(u64::from(block.header.time) > before["mediantime"].as_u64().unwrap());
        }
    }
    let transaction: Transaction = {
        let hash = standin.hash(first).await;
        let block: Block = deserialize(&standin.block(&hash).await).unwrap();
        let txid = block.txdata[3].compute_txid().to_string();
        let raw = standin
            .call("getrawtransaction", json!([txid, 0, hash]))
            .await
            .unwrap();
        deserialize(&Vec::from_hex(raw.as_str().unwrap()).unwrap()).unwrap()
    };
    assert!(!transaction.is_coinbase());
    let error = standin
        .call("getblockhash", json!([first - 1]))
        .await
        .unwrap_err();
    assert_eq!(error["code"], -1);
    standin.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_and_batches_give_the_same_bytes() {
    let standin = Standin::ready(&["--history-days=2", "--history-payments=30"]).await;
    let heights: Vec<u32> = (LIVE - 288..=LIVE).collect();
    let calls: Vec<Value> = heights
        .iter()
        .map(|height| json!({"method": "getblockhash", "params": [height], "id": height}))
        .collect();
    let hashes = standin.post(&json!(calls)).await;
    let hashes: Vec<String> = hashes
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["result"].as_str().unwrap().to_owned())
        .collect();
    let calls: Vec<Value> = hashes
        .iter()
        .map(|hash| json!({"method": "getblock", "params": [hash, 0], "id": hash}))
        .collect();
    let answers = standin.post(&json!(calls)).await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 289);
    for (hash, answer) in hashes.iter().zip(answers) {
        let bytes = Vec::from_hex(answer["result"].as_str().unwrap()).unwrap();
        assert_eq!(answer["id"], *hash);
        assert_eq!(
            standin.rest(&format!("block/{hash}.bin")).await,
            (200, bytes)
        );
    }
    // Over the seam, in both spellings.
    let (from, seam) = (&hashes[280], &hashes[280..]);
    let (status, headers) = standin.rest(&format!("headers/9/{from}.bin")).await;
    assert_eq!((status, headers.len()), (200, 720));
    let path = format!("headers/{from}.bin?count=9");
    assert_eq!(standin.rest(&path).await, (200, headers.clone()));
    for (header, hash) in headers.chunks(80).zip(seam) {
        let header: bitcoin::block::Header = deserialize(header).unwrap();
        assert_eq!(header.block_hash().to_string(), *hash);
    }
    let height = LIVE - 288;
    let expected: BlockHash = hashes[0].parse().unwrap();
    let (status, bytes) = standin
        .rest(&format!("blockhashbyheight/{height}.bin"))
        .await;
    assert_eq!(
        (status, bytes),
        (200, bitcoin::consensus::serialize(&expected))
    );
    let (_, json) = standin.rest("chaininfo.json").await;
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["pruneheight"], height);
    standin.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_refuses_as_core_does_and_is_off_unless_asked_for() {
    let standin = Standin::ready(&["--history-days=1"]).await;
    let unknown = "ab".repeat(32);
    let tip = standin.hash(LIVE - 1).await;
    for (path, status, part) in [
        ("block/xyz.bin".to_owned(), 400, "Invalid hash: xyz"),
        (format!("block/{unknown}.bin"), 404, "not found"),
        (format!("block/{unknown}"), 404, "output format not found"),
        (
            format!("headers/0/{tip}.bin"),
            400,
            "Header count is invalid",
        ),
        (
            format!("headers/{tip}.bin?count=2001"),
            400,
            "(1-2000): 2001",
        ),
        (format!("headers/{unknown}.bin"), 200, ""),
        (
            "blockhashbyheight/x.hex".to_owned(),
            400,
            "Invalid height: x",
        ),
        (
            "blockhashbyheight/9999999.hex".to_owned(),
            404,
            "out of range",
        ),
        ("nothing.json".to_owned(), 404, ""),
    ] {
        let (got, text) = standin.rest(&path).await;
        let text = String::from_utf8(text).unwrap();
        assert!(got == status && text.contains(part), "{path}: {got} {text}");
    }
    standin.finish().await;
    let shutdown = CancellationToken::new();
    let mut without = settings(&["--history-days=1"]);
    without.listen.standin_rest = false;
    let running = start_simulation(&without, shutdown.clone()).await.unwrap();
    let standin = Standin { running, shutdown };
    assert_eq!(standin.rest("chaininfo.json").await, (404, Vec::new()));
    standin.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_past_gives_headers_only() {
    let pruned = LIVE - 100;
    let standin =
        Standin::ready(&["--history-days=2", &format!("--history-pruned={pruned}")]).await;
    let info = standin.call("getblockchaininfo", json!([])).await.unwrap();
    assert_eq!(info["pruneheight"], pruned);
    let hash = standin.hash(pruned - 1).await;
    for verbosity in [0, 1] {
        let error = standin
            .call("getblock", json!([hash, verbosity]))
            .await
            .unwrap_err();
        let expected = json!({"code": -1, "message": "Block not available (pruned data)"});
        assert_eq!(error, expected);
    }
    let header = standin.call("getblockheader", json!([hash])).await.unwrap();
    assert_eq!(header["height"], pruned - 1);
    let (status, text) = standin.rest(&format!("block/{hash}.bin")).await;
    let text = String::from_utf8(text).unwrap();
    assert_eq!(
        (status, text),
        (404, format!("{hash} not available (pruned data)\r\n"))
    );
    let hash = standin.hash(pruned).await;
    assert!(standin.block(&hash).await.len() > 10_000);
    standin.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hidden_prices_are_written_down() {
    let name = format!("satscope-past-prices-{}.csv", std::process::id());
    let file = std::env::temp_dir().join(name);
    let flag = format!("--history-prices={}", file.display());
    let flags = ["--history-days=5", "--price=12000", flag.as_str()];
    let standin = Standin::ready(&flags).await;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("height,time,price_usd"));
    let prices = settings(&flags).past_prices();
    assert_eq!(prices.len(), 720);
    let mut rows = 0;
    for (line, price) in lines.zip(&prices) {
        let (height, rest) = line.split_once(',').unwrap();
        assert_eq!(height, price.height.to_string());
        let (_, usd) = rest.split_once(',').unwrap();
        assert_eq!(usd, format!("{:.4}", price.price_usd));
        rows += 1;
    }
    assert_eq!((rows, prices[719].height), (720, LIVE - 1));
    assert!((prices[719].price_usd / 12_000.0 - 1.0).abs() < 0.01);
    let hash = standin.hash(LIVE - 1).await;
    let header = standin.call("getblockheader", json!([hash])).await.unwrap();
    assert_eq!(
        text.lines().last().unwrap().split(',').nth(1).unwrap(),
        header["time"].to_string()
    );
    standin.finish().await;
    let nowhere = "--history-prices=/nowhere/prices.csv";
    let standin = Standin::start(&["--history-days=1", nowhere]).await;
    let error = standin.running.wait().await.unwrap_err();
    assert!(
        format!("{error:#}").contains("history_prices: /nowhere/prices.csv"),
        "{error:#}"
    );
}
