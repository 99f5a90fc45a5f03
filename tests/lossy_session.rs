//! A real node's session over a bad line, and with ingest killed on the way: at each checkpoint the mempool is the node's
//! own all the same, because its RPC is asked for whatever was missed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    time::Duration,
};

use bitcoin::Txid;
use satscope_bitcoin::recording::{Checkpoint, LineContent, Reader};
use support::{
    chain::{Served, StandIn},
    data::data,
    grpc::list_mempool,
    lossy::{Line, Lossy, Random},
    part::Folder,
    wait::{PATIENCE, until},
};

const SESSIONS: [&str; 2] = ["zmq/core29-regtest.jsonl.gz", "zmq/core29-reorg.jsonl.gz"];
/// From a line that is bad now and then to one that carries little more than half.
const LINES: [Line; 3] = [
    Line {
        lost: 10,
        twice: 10,
        late: 10,
    },
    Line {
        lost: 50,
        twice: 50,
        late: 100,
    },
    Line {
        lost: 150,
        twice: 100,
        late: 150,
    },
];
/// The comparisons that find what no counter shows, each second.
const AUDIT: [&str; 2] = ["--compare-seconds=1", "--audit-seconds=1"];
/// Times that ingest is killed in a session.
const KILLS: u64 = 10;

/// The checkpoints by name.
fn checkpoints(recording: &Path) -> HashMap<String, Checkpoint> {
    let records = Reader::open(recording).unwrap();
    let checkpoints = records.filter_map(|record| match record.unwrap().event {
        LineContent::Checkpoint(checkpoint) => Some((checkpoint.name.clone(), checkpoint)),
        _ => None,
    });
    checkpoints.collect()
}

/// Waits for the next checkpoint after `last`; `None` at the end.
async fn next_checkpoint(node: &StandIn, last: &str) -> Option<String> {
    until("the next checkpoint, or the end", async || {
        let status = node.call("standinstatus").await;
        let is_new = status["state"] == "held" && status["checkpoint"] != *last;
        let name = || status["checkpoint"].as_str().unwrap().to_owned();
        (is_new || status["state"] == "ended").then(|| is_new.then(name))
    })
    .await
}

async fn expect_mempool(ingest: &Served, checkpoint: &Checkpoint, how: &str) {
    let expected: BTreeSet<Txid> = checkpoint.mempool.iter().copied().collect();
    let mut listed = BTreeSet::new();
    let equal = async {
        while listed != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
            listed = list_mempool(ingest.address).await;
        }
    };
    let reached = tokio::time::timeout(PATIENCE / 2, equal).await;
    assert!(
        reached.is_ok(),
        "{how}, checkpoint {:?}: {} transactions, expected {}; missing {:?}, too many {:?}",
        checkpoint.name,
        listed.len(),
        expected.len(),
        expected.difference(&listed).collect::<Vec<_>>(),
        listed.difference(&expected).collect::<Vec<_>>(),
    );
}

async fn start(node: &StandIn, zmq: &str, more: &[&str]) -> Served {
    let rpc = node.rpc_url();
    let flags = [&["--node-is-standin", &rpc][..], &AUDIT, more].concat();
    Served::ingest(zmq, &flags).await
}

/// Plays a recording over a bad line; how many checkpoints were right.
async fn play_over(recording: &Path, line: Line, seed: u64) -> usize {
    let how = format!("{} over {line:?}, seed {seed}", recording.display());
    let checkpoints = checkpoints(recording);
    let node = StandIn::replay(recording, &["--speed=max", "--stop-at=every"]).await;
    let lossy = Lossy::before(&node.zmq, seed, line);
    let ingest = start(&node, &lossy.endpoint, &[]).await;
    let (mut passed, mut last) = (0, String::new());
    while let Some(name) = next_checkpoint(&node, &last).await {
        expect_mempool(&ingest, &checkpoints[&name], &how).await;
        passed += 1;
        last = name;
        assert_eq!(node.call("standincontinue").await, true);
    }
    println!("{how}: {passed} checkpoints, {:?}", lossy.end());
    passed
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_line_that_loses_doubles_and_delays_the_mempool_is_cores_own_at_each_checkpoint() {
    for name in SESSIONS {
        let Some(recording) = data(name) else {
            return;
        };
        let expected = checkpoints(&recording).len();
        for (line, seed) in LINES.into_iter().zip(1..) {
            assert_eq!(play_over(&recording, line, seed).await, expected, "{name}");
        }
    }
}

/// Plays a recording while ingest is killed at random moments, on the way and at checkpoints, and started again at once
/// on the same journal.
async fn play_with_kills(recording: PathBuf, seed: u64) -> usize {
    let how = format!("{} with kills, seed {seed}", recording.display());
    let checkpoints = checkpoints(&recording);
    // The recording's pace, sped up so that there is a way on which to be killed.
    let node = StandIn::replay(&recording, &["--speed=4", "--stop-at=every"]).await;
    let folder = Folder::new(&format!("kills-{seed}"));
    let state = format!("--state-dir={}", folder.path());
    let mut random = Random::new(seed);
    let mut ingest = start(&node, &node.zmq, &[&state]).await;
    let (mut passed, mut kills, mut last) = (0, 0, String::new());
    loop {
        if kills < KILLS {
            tokio::time::sleep(Duration::from_millis(random.below(1500))).await;
            ingest.part.kill().await;
            kills += 1;
            ingest = start(&node, &node.zmq, &[&state]).await;
        }
        let status = node.call("standinstatus").await;
        if status["state"] == "ended" {
            println!("{how}: {passed} checkpoints, {kills} kills");
            return passed;
        }
        if status["state"] == "held" && status["checkpoint"] != *last {
            last = status["checkpoint"].as_str().unwrap().to_owned();
            expect_mempool(&ingest, &checkpoints[&last], &how).await;
            passed += 1;
            assert_eq!(node.call("standincontinue").await, true);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_ingest_comes_back_to_cores_own_mempool() {
    for name in SESSIONS {
        let Some(recording) = data(name) else {
            return;
        };
        let expected = checkpoints(&recording).len();
        let plays = (1..=2).map(|seed| play_with_kills(recording.clone(), seed));
        let passed = futures_util::future::join_all(plays).await;
        assert!(
            passed.iter().all(|passed| *passed == expected),
            "{name}: {passed:?}"
        );
    }
}
