//! Recordings and block files, played.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bitcoin::hex::FromHex;
use bitcoin::{Block, Txid, consensus::deserialize};
use satscope_bitcoin::frame::Topic;
use satscope_bitcoin::recording::{LineContent, Reader};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::listener::Listener;
use crate::running::{call, finish, receive, replay, subscribe, until};

fn data(name: &str) -> Option<String> {
    let folder = std::env::var_os("SATSCOPE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.exists() {
        return Some(path.to_str().unwrap().to_owned());
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is missing",
        path.display()
    );
    eprintln!("SKIPPED: there is no {}", path.display());
    None
}

fn txids(mempool: &Value) -> HashSet<Txid> {
    let listed = mempool.as_array().unwrap().iter();
    listed
        .map(|txid| txid.as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_played_to_the_byte_and_hold_at_each_checkpoint() {
    for name in ["zmq/core29-regtest.jsonl.gz", "zmq/core29-reorg.jsonl.gz"] {
        let Some(path) = data(name) else { return };
        let shutdown = CancellationToken::new();
        let running = replay(&["--speed=max", "--stop-at", "every", &path], &shutdown)
            .await
            .unwrap();
        let socket = subscribe(&running);
        let mut frames = 0;
        let mut checkpoints = 0;
        for record in Reader::open(Path::new(&path)).unwrap() {
            match record.unwrap().event {
                LineContent::Frame(expected) => {
                    let got = loop {
                        let frame = receive(&socket);
                        if frame.topic != Topic::StandIn {
                            break frame;
                        }
                    };
                    assert_eq!(got, expected);
                    frames += 1;
                }
                LineContent::Checkpoint(at) => {
                    let reached = |status: &Value| {
                        status["state"] == "held" && status["checkpoint"] == at.name.as_str()
                    };
                    until(&running, reached).await;
                    let mempool = call(&running, "getrawmempool", json!([false, true]))
                        .await
                        .unwrap();
                    let expected: HashSet<Txid> = at.mempool.iter().copied().collect();
                    assert_eq!(txids(&mempool["txids"]), expected, "{}", at.name);
                    assert_eq!(
                        mempool["mempool_sequence"], at.mempool_sequence,
                        "{}",
                        at.name
                    );
                    let info = call(&running, "getblockchaininfo", json!([]))
                        .await
                        .unwrap();
                    assert_eq!(info["bestblockhash"], at.tip.to_string(), "{}", at.name);
                    assert_eq!(info["blocks"], at.height, "{}", at.name);
                    assert_eq!(info["chain"], "regtest");
                    checkpoints += 1;
                    let went_on = call(&running, "standincontinue", json!([])).await.unwrap();
                    assert_eq!(went_on, true);
                }
                LineContent::Note { .. } => {}
            }
        }
        println!("{name}: {frames} frames, {checkpoints} checkpoints");
        assert!(frames > 500 && checkpoints > 10);
        until(&running, |status| status["state"] == "ended").await;
        finish(running, shutdown).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recordings_blocks_are_the_nodes_own() {
    let Some(path) = data("zmq/core29-regtest.jsonl.gz") else {
        return;
    };
    let shutdown = CancellationToken::new();
    let running = replay(&["--speed=max", &path], &shutdown).await.unwrap();
    let socket = subscribe(&running);
    until(&running, |status| status["state"] == "ended").await;
    drop(socket);
    let mempool = call(&running, "getrawmempool", json!([true]))
        .await
        .unwrap();
    let mut compared = 0;
    for record in Reader::open(Path::new(&path)).unwrap() {
        let fields = match record.unwrap().event {
            LineContent::Note { fields, .. } => fields,
            LineContent::Checkpoint(at) if at.name == "end" => {
                assert_eq!(mempool.as_object().unwrap().len(), at.entries.len());
                for (txid, entry) in at.entries {
                    let answered = &mempool[txid.to_string()];
                    assert_eq!(answered["vsize"], entry.vsize);
                    let time = answered["time"].as_u64().unwrap();
                    assert!(time.abs_diff(entry.time) <= 1, "{time} {}", entry.time);
                }
                continue;
            }
            _ => continue,
        };
        for block in fields
            .get("blocks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let bytes = Vec::from_hex(block.as_str().unwrap()).unwrap();
            let hash = deserialize::<Block>(&bytes)
                .unwrap()
                .block_hash()
                .to_string();
            if let Ok(answered) = call(&running, "getblock", json!([hash, 0])).await {
                assert_eq!(answered, *block);
                compared += 1;
            }
        }
    }
    println!("{compared} of the last 12 blocks were connected in the recording");
    assert!(compared >= 5);
    finish(running, shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn block_files_play_their_transactions_and_then_the_block() {
    let names = ["788016-f941c6558cc9.blk", "788129-090f228fa697.blk"];
    let Some(late) = data(&format!("blocks/{}", names[1])) else {
        return;
    };
    let early = late.replace(names[1], names[0]);
    let shutdown = CancellationToken::new();
    let running = replay(&["--speed=1000", &late, &early], &shutdown)
        .await
        .unwrap();
    let began = Instant::now();
    let socket = subscribe(&running);
    let mut listener = Listener::default();
    while listener.blocks.len() < 2 || listener.blocks[1].1.is_none() {
        listener.take(receive(&socket));
    }
    // Ten minutes for each block, a thousand times as fast; the nineteen hours between them are skipped.
    let took = began.elapsed();
    assert!((1.2..30.0).contains(&took.as_secs_f64()), "{took:?}");
    for ((run, block), name) in listener.blocks.iter().zip(names) {
        let file = std::fs::read(late.replace(names[1], name)).unwrap();
        assert_eq!(bitcoin::consensus::serialize(block.as_ref().unwrap()), file);
        assert_eq!(block.as_ref().unwrap().txdata.len(), run.len());
    }
    assert!(listener.mempool.is_empty());
    assert_eq!(listener.transactions, 1639 + 3661);
    let labels = listener.labels.unwrap();
    assert!(!labels.simulated && labels.hidden_price_usd.is_none());
    assert_eq!(labels.time, 1_683_142_726.0);
    assert_eq!(
        call(&running, "getblockcount", json!([])).await.unwrap(),
        788_129
    );
    finish(running, shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ends_when_told_to_exit() {
    let folder = std::env::temp_dir().join(format!("satscope-exit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("short.jsonl");
    std::fs::write(
        &path,
        "{\"t\":1,\"zmq\":\"rawtx\",\"body\":\"00\",\"seq\":41}\n",
    )
    .unwrap();
    let flags = ["--exit", "--speed=max", path.to_str().unwrap()];
    let running = replay(&flags, &CancellationToken::new()).await.unwrap();
    let socket = subscribe(&running);
    let mut frame = receive(&socket);
    while frame.topic == Topic::StandIn {
        frame = receive(&socket);
    }
    assert_eq!((frame.body, frame.counter), (vec![0], 41));
    running.wait().await.unwrap();
}
