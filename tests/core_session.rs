//! What a real Bitcoin Core 29 sent, played to ingest: its picture of the mempool is the node's own at each checkpoint.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use bitcoin::Txid;
use satscope_bitcoin::recording::{Checkpoint, LineContent, Reader};
use satscope_proto::v1::HopState;
use support::{
    chain::{Served, StandIn},
    data::{data, fixture},
    grpc::{list_mempool, next, status, stream_transactions},
    wait::until,
};

const SESSION: &str = "zmq/core29-regtest.jsonl.gz";
const REORGS: &str = "zmq/core29-reorg.jsonl.gz";
/// Distinct transactions of the session, coinbases left out.
const RECEIVED: u64 = 292;

/// Whether ingest may ask the stand-in's RPC.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rpc {
    With,
    Without,
}

/// The checkpoints by name, and whether the node was restarted before them.
fn checkpoints(recording: &Path) -> HashMap<String, (Checkpoint, bool)> {
    let mut restarted = false;
    let mut checkpoints = HashMap::new();
    for record in Reader::open(recording).unwrap() {
        match record.unwrap().event {
            LineContent::Checkpoint(checkpoint) => {
                checkpoints.insert(checkpoint.name.clone(), (checkpoint, restarted));
            }
            LineContent::Note { text, .. } => restarted |= text == "node stopped",
            LineContent::Frame(_) => {}
        }
    }
    checkpoints
}

/// Plays a recording to ingest, halting at each checkpoint; ingest at the end, and how many checkpoints it has passed.
async fn play(recording: &Path, rpc: Rpc) -> (StandIn, Served, usize) {
    let checkpoints = checkpoints(recording);
    let node = StandIn::replay(recording, &["--speed=max", "--stop-at=every"]).await;
    let ingest = match rpc {
        Rpc::With => Served::ingest_with_rpc(&node).await,
        Rpc::Without => Served::ingest(&node.zmq, &["--node-is-standin"]).await,
    };
    let mut held = 0;
    let mut last = String::new();
    loop {
        let status = until("the next checkpoint, or the end", async || {
            let status = node.call("standinstatus").await;
            let is_new = status["state"] == "held" && status["checkpoint"] != *last;
            (is_new || status["state"] == "ended").then_some(status)
        })
        .await;
        if status["state"] == "ended" {
            if rpc == Rpc::With {
                expect_in_step(&ingest).await;
            }
            return (node, ingest, held);
        }
        last = status["checkpoint"].as_str().unwrap().to_owned();
        let (checkpoint, restarted) = &checkpoints[&last];
        // What a restarted node holds is not told by its messages: only its RPC knows.
        if !restarted || rpc == Rpc::With {
            expect_mempool(&ingest, checkpoint).await;
            held += 1;
        }
        assert_eq!(node.call("standincontinue").await, true);
    }
}

/// With RPC, the link to the node ends up well: nothing that was asked for has failed.
async fn expect_in_step(ingest: &Served) {
    let mut stream = stream_transactions(ingest.address, None).await;
    until("a link to the node in good order", async || {
        let message = next(&mut stream).await.expect("a stream without end");
        let newest = message.events.iter().filter_map(status).next_back()?;
        (newest.hops[0].state() == HopState::Connected).then_some(())
    })
    .await;
}

async fn expect_mempool(ingest: &Served, checkpoint: &Checkpoint) {
    let expected: BTreeSet<Txid> = checkpoint.mempool.iter().copied().collect();
    let mut listed = BTreeSet::new();
    let what = format!("the mempool of checkpoint {:?}", checkpoint.name);
    let reached = tokio::time::timeout(
        support::wait::PATIENCE / 4,
        until(&what, async || {
            listed = list_mempool(ingest.address).await;
            (listed == expected).then_some(())
        }),
    )
    .await;
    assert!(
        reached.is_ok(),
        "{what}: {} transactions, expected {}; missing {:?}, too many {:?}",
        listed.len(),
        expected.len(),
        expected.difference(&listed).collect::<Vec<_>>(),
        listed.difference(&expected).collect::<Vec<_>>(),
    );
}

/// Reads the stream until its status counts all that was received, and never more.
async fn expect_received(ingest: &Served) {
    let mut stream = stream_transactions(ingest.address, None).await;
    until("all transactions in the stream's counters", async || {
        let message = next(&mut stream).await.expect("a stream without end");
        let newest = message.events.iter().filter_map(status).next_back()?;
        let received = newest.counters.expect("counters").received;
        assert!(received <= RECEIVED, "{received} received");
        (received == RECEIVED).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rpc_the_mempool_is_cores_own_at_each_checkpoint_before_its_restart() {
    let Some(recording) = data(SESSION) else {
        return;
    };
    let (_node, ingest, held) = play(&recording, Rpc::Without).await;
    assert_eq!(held, 9, "checkpoints before the restart");
    expect_received(&ingest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_rpc_the_mempool_is_cores_own_at_each_checkpoint_of_the_session() {
    let Some(recording) = data(SESSION) else {
        return;
    };
    let (_node, ingest, held) = play(&recording, Rpc::With).await;
    assert_eq!(held, 11, "checkpoints");
    expect_received(&ingest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn re_orgs_leave_the_mempool_that_core_has() {
    let Some(recording) = data(REORGS) else {
        return;
    };
    for rpc in [Rpc::Without, Rpc::With] {
        let (_node, _ingest, held) = play(&recording, rpc).await;
        assert_eq!(held, 16, "checkpoints, {rpc:?} RPC");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_that_every_clone_has_leaves_its_mempools_too() {
    let recording = fixture("recording.jsonl.gz");
    let all = checkpoints(&recording).len();
    for rpc in [Rpc::Without, Rpc::With] {
        let (_node, _ingest, held) = play(&recording, rpc).await;
        assert!(
            held == all && all >= 5,
            "{held} of {all} checkpoints, {rpc:?} RPC"
        );
    }
}
