//! The stand-in over real sockets: what a subscriber receives and what the RPC answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bitcoin::hex::FromHex;
use bitcoin::{Block, Transaction, Txid, consensus::deserialize};
use clap::Parser;
use satscope_bitcoin::frame::{Frame, SequenceEvent, StandInLabels, Topic};
use satscope_bitcoin::recording::{Event, Reader};
use satscope_standin::{ReplaySettings, Running, SimulateSettings, start_replay, start_simulation};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const FREE_PORTS: [&str; 4] = [
    "program",
    "--standin-zmq-listen=tcp://127.0.0.1:*",
    "--standin-rpc-listen=127.0.0.1:0",
    "--standin-zmq-hwm=0",
];

#[derive(Parser)]
struct Simulate {
    #[command(flatten)]
    settings: SimulateSettings,
}

#[derive(Parser)]
struct Replay {
    #[command(flatten)]
    settings: ReplaySettings,
}

async fn simulation(flags: &[&str], shutdown: &CancellationToken) -> Running {
    let arguments = FREE_PORTS.iter().chain(flags);
    let settings = Simulate::parse_from(arguments).settings;
    start_simulation(&settings, shutdown.clone()).await.unwrap()
}

async fn replay(flags: &[&str], shutdown: &CancellationToken) -> anyhow::Result<Running> {
    let settings = Replay::parse_from(FREE_PORTS.iter().chain(flags)).settings;
    start_replay(&settings, shutdown.clone()).await
}

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

/// A subscriber with every topic, `rawtx` last.
fn subscribe(running: &Running) -> zmq::Socket {
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    socket.set_rcvhwm(0).unwrap();
    socket.set_rcvtimeo(20_000).unwrap();
    socket.connect(running.zmq_endpoint()).unwrap();
    for topic in ["satscope", "hashblock", "rawblock", "sequence", "rawtx"] {
        socket.set_subscribe(topic.as_bytes()).unwrap();
    }
    socket
}

fn receive(socket: &zmq::Socket) -> Frame {
    Frame::from_parts(socket.recv_multipart(0).unwrap()).unwrap()
}

async fn post(running: &Running, body: String) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(running.rpc_url()).body(body);
    if let Some((user, password)) = running.rpc_login().and_then(|login| login.split_once(':')) {
        request = request.basic_auth(user, Some(password));
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The result of a call, or its error.
async fn call(running: &Running, method: &str, params: Value) -> Result<Value, Value> {
    let request = json!({"method": method, "params": params, "id": 1});
    let (_, mut answer) = post(running, request.to_string()).await;
    assert_eq!(answer["id"], 1);
    match answer["error"].take() {
        Value::Null => Ok(answer["result"].take()),
        error => Err(error),
    }
}

async fn until(running: &Running, condition: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let status = call(running, "standinstatus", json!([])).await.unwrap();
        if condition(&status) {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{status}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn finish(running: Running, shutdown: CancellationToken) {
    shutdown.cancel();
    running.wait().await.unwrap();
}

/// The mempool that the messages add up to; every counter is followed.
#[derive(Default)]
struct Listener {
    mempool: HashSet<Txid>,
    run: Vec<Txid>,
    counters: HashMap<&'static str, u32>,
    labels: Option<StandInLabels>,
    transactions: usize,
    blocks: Vec<(Vec<Txid>, Option<Block>)>,
}

impl Listener {
    fn take(&mut self, frame: Frame) {
        let counter = self
            .counters
            .entry(frame.topic.name())
            .or_insert(frame.counter);
        assert_eq!(*counter, frame.counter, "{}", frame.topic.name());
        *counter += 1;
        match frame.topic {
            Topic::RawTx => {
                let transaction: Transaction = deserialize(&frame.body).unwrap();
                self.run.push(transaction.compute_txid());
            }
            Topic::Sequence => self.sequence(SequenceEvent::decode(&frame.body).unwrap()),
            Topic::RawBlock => {
                let block: Block = deserialize(&frame.body).unwrap();
                self.blocks.last_mut().unwrap().1 = Some(block);
            }
            Topic::StandIn => self.labels(StandInLabels::decode(&frame.body).unwrap()),
            Topic::HashBlock => assert_eq!(frame.body.len(), 32),
        }
    }

    fn sequence(&mut self, event: SequenceEvent) {
        match event {
            SequenceEvent::Added(txid, _) => {
                assert!(self.run.iter().all(|of_run| *of_run == txid));
                self.mempool.insert(txid);
                self.transactions += 1;
            }
            SequenceEvent::Removed(txid, _) => {
                self.mempool.remove(&txid);
            }
            SequenceEvent::BlockConnected(_) => {
                for txid in &self.run {
                    self.mempool.remove(txid);
                }
                self.blocks.push((self.run.clone(), None));
            }
            SequenceEvent::BlockDisconnected(_) => {}
        }
        self.run.clear();
    }

    fn labels(&mut self, labels: StandInLabels) {
        if let Some(before) = self.labels.replace(labels) {
            assert!(
                labels.time >= before.time,
                "{} < {}",
                labels.time,
                before.time
            );
        }
    }
}

fn txids(mempool: &Value) -> HashSet<Txid> {
    let listed = mempool.as_array().unwrap().iter();
    listed
        .map(|txid| txid.as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_has_a_past_and_goes_on() {
    let shutdown = CancellationToken::new();
    let began = Instant::now();
    let running = simulation(&["--speed=200", "--block-interval=60"], &shutdown).await;
    println!("up with three hours of history after {:?}", began.elapsed());
    let info = call(&running, "getblockchaininfo", json!([]))
        .await
        .unwrap();
    assert_eq!(info["chain"], "main");
    assert!(info["blocks"].as_u64().unwrap() > 930_100, "{info}");
    let socket = subscribe(&running);
    let mut listener = Listener::default();
    while listener.blocks.len() < 3 || listener.blocks[2].1.is_none() {
        listener.take(receive(&socket));
    }
    let labels = listener.labels.unwrap();
    assert!(labels.simulated && labels.hidden_price_usd.unwrap() > 50_000.0);
    let (run, block) = &listener.blocks[2];
    let block = block.as_ref().unwrap();
    assert!(block.check_merkle_root() && block.check_witness_commitment());
    let of_block: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
    assert_eq!(*run, of_block);
    finish(running, shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_holds_while_its_clock_goes_on_and_then_continues() {
    let shutdown = CancellationToken::new();
    // Without a block, whose transactions would be numbered too.
    let flags = [
        "--rate=50",
        "--speed=20",
        "--history=100",
        "--block-interval=1000000",
    ];
    let running = simulation(&flags, &shutdown).await;
    let listing = async || {
        call(&running, "getrawmempool", json!([false, true]))
            .await
            .unwrap()
    };
    assert_eq!(
        call(&running, "standincontinue", json!([])).await.unwrap(),
        false
    );
    assert_eq!(
        call(&running, "standinhold", json!([])).await.unwrap(),
        true
    );
    let held = until(&running, |status| status["state"] == "held").await;
    let before = listing().await;
    let time = |status: &Value| status["time"].as_f64().unwrap();
    until(&running, |status| time(status) > time(&held) + 1.0).await;
    assert_eq!(listing().await, before, "nothing happens while it holds");
    assert_eq!(
        call(&running, "standincontinue", json!([])).await.unwrap(),
        true
    );
    let later = until(&running, |status| time(status) > time(&held) + 20.0).await;
    let number = |listing: &Value| listing["mempool_sequence"].as_u64().unwrap();
    // Fifty a second of its own time, and no flood of what the hold kept back.
    let more = (number(&listing().await) - number(&before)) as f64;
    let rate = more / (time(&later) - time(&held));
    assert!((10.0..150.0).contains(&rate), "{more}, {rate} a second");
    finish(running, shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_simulation_says_its_time_every_half_second() {
    let shutdown = CancellationToken::new();
    let running = simulation(&["--rate=0.01", "--history=100"], &shutdown).await;
    let socket = subscribe(&running);
    let mut last: Option<(Instant, f64)> = None;
    let mut labels = 0;
    while labels < 5 {
        let frame = receive(&socket);
        if frame.topic == Topic::StandIn {
            let time = StandInLabels::decode(&frame.body).unwrap().time;
            if let Some((before, time_before)) = last.replace((Instant::now(), time)) {
                let waited = before.elapsed().as_secs_f64();
                assert!(
                    (time - time_before - waited).abs() < 0.3,
                    "{time} {time_before} {waited}"
                );
            }
            labels += 1;
        }
    }
    finish(running, shutdown).await;
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
                Event::Frame(expected) => {
                    let got = loop {
                        let frame = receive(&socket);
                        if frame.topic != Topic::StandIn {
                            break frame;
                        }
                    };
                    assert_eq!(got, expected);
                    frames += 1;
                }
                Event::Checkpoint(at) => {
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
                Event::Note { .. } => {}
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
            Event::Note { fields, .. } => fields,
            Event::Checkpoint(at) if at.name == "end" => {
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
async fn bad_input_is_named() {
    let folder = std::env::temp_dir().join(format!("satscope-standin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let empty = folder.join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    for (path, part) in [
        (write("cut.blk", &[1; 90]), "cut.blk: byte "),
        (
            write("line.jsonl", b"{\"t\":1,\"note\":\"x\"}\nno\n"),
            "line.jsonl, line 2: ",
        ),
        (
            write("cut.jsonl.gz", &[0x1f, 0x8b, 8, 0, 0]),
            "cut.jsonl.gz, line 1: ",
        ),
        (write("other.txt", b""), "expected a .blk file"),
        (empty.to_str().unwrap().to_owned(), "no file in this folder"),
        ("/nowhere/x.jsonl".to_owned(), "/nowhere/x.jsonl"),
    ] {
        let error = replay(&[&path], &CancellationToken::new())
            .await
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains(part), "{error:#}");
    }
    let notes = write("notes.jsonl", b"{\"t\":1,\"note\":\"x\"}\n");
    let error = replay(&["--stop-at=here", &notes], &CancellationToken::new()).await;
    assert!(error.err().unwrap().to_string().contains("stop_at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_ports_and_settings_that_do_not_fit_are_named() {
    let shutdown = CancellationToken::new();
    let running = simulation(&["--history=10"], &shutdown).await;
    let rpc = running.rpc_url().replace("http://", "");
    for (flags, part) in [
        (
            vec!["--standin-rpc-listen", &rpc],
            format!("standin_rpc_listen: {rpc} is in use"),
        ),
        (
            vec!["--standin-zmq-listen", running.zmq_endpoint()],
            format!("standin_zmq_listen: {} is in use", running.zmq_endpoint()),
        ),
        (
            vec!["--standin-rpc-user=me"],
            "expected standin_rpc_password_file".to_owned(),
        ),
        (
            vec!["--standin-rpc-no-auth", "--standin-rpc-listen=0.0.0.0:0"],
            "standin_rpc_no_auth".to_owned(),
        ),
    ] {
        let defaults = [
            "program",
            "--standin-zmq-listen=tcp://127.0.0.1:*",
            "--standin-rpc-listen=127.0.0.1:0",
        ];
        let given = |default: &&str| {
            !flags.iter().any(|flag| {
                flag.starts_with("--") && default.starts_with(flag.split('=').next().unwrap())
            })
        };
        let arguments: Vec<&str> = defaults
            .into_iter()
            .filter(given)
            .chain(flags.clone())
            .collect();
        let settings = Simulate::parse_from(arguments).settings;
        let error = start_simulation(&settings, CancellationToken::new())
            .await
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains(&part), "{error:#}");
    }
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
