//! Ingest that records, and comes back from its recording where no RPC tells more.

use std::collections::BTreeSet;

use bitcoin::Txid;
use satscope_proto::v1::{HopState, event::Kind};

use crate::{
    folder::{Folder, recorded},
    support::{
        chain::{Served, StandIn},
        grpc::{list_mempool, next, status, stream_transactions},
        part::reserve_address,
        publisher::{Publisher, payment},
        wait::until,
    },
};

/// Ingest on this publisher, keeping a recording; no RPC.
async fn recording_ingest(publisher: &Publisher, folder: &Folder) -> Served {
    let flag = format!("--record={}", folder.path());
    let ingest = Served::ingest(&publisher.endpoint, &[&flag]).await;
    publisher.wait_for_subscriber();
    ingest
}

/// The window as a new subscriber gets it: txid and stamp of each transaction.
async fn window(ingest: &Served) -> BTreeSet<(Vec<u8>, u64)> {
    let mut stream = stream_transactions(ingest.address, None).await;
    let mut window = BTreeSet::new();
    loop {
        let message = next(&mut stream).await.expect("a stream without end");
        for event in message.events {
            match event.kind {
                Some(Kind::Accepted(accepted)) => {
                    window.insert((accepted.txid, accepted.first_seen_ms));
                }
                Some(Kind::CaughtUp(_)) => return window,
                _ => {}
            }
        }
    }
}

/// What the node's hop says once it is degraded.
async fn degraded(ingest: &Served, part: &str) {
    let mut stream = stream_transactions(ingest.address, None).await;
    until(&format!("{part:?} in the node's hop"), async || {
        let message = next(&mut stream).await.expect("a stream without end");
        let newest = message.events.iter().filter_map(status).next_back()?;
        let hop = newest.hops.first()?;
        (hop.state() == HopState::Degraded && hop.detail.contains(part)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_without_rpc_comes_back_from_its_recording_with_the_stamps_that_it_had() {
    let folder = Folder::new("ingest");
    let mut publisher = Publisher::bind();
    let mut ingest = recording_ingest(&publisher, &folder).await;
    let mut expected: BTreeSet<Txid> = (0..50)
        .map(|number| publisher.enter(&payment(number)))
        .collect();
    until("all of them in the mempool and on the disk", async || {
        let listed = list_mempool(ingest.address).await;
        (listed == expected && recorded(&folder.0).0.len() == 100).then_some(())
    })
    .await;
    // A node that cannot be asked is believed after ten seconds without a flood.
    let before = until("all of them in the window", async || {
        let window = window(&ingest).await;
        (window.len() == 50).then_some(window)
    })
    .await;
    ingest.part.kill().await;

    let ingest = recording_ingest(&publisher, &folder).await;
    until("the window that was there", async || {
        (window(&ingest).await == before).then_some(())
    })
    .await;
    assert_eq!(list_mempool(ingest.address).await, expected);
    expected.insert(publisher.enter(&payment(50)));
    until("the newest as well", async || {
        (list_mempool(ingest.address).await == expected).then_some(())
    })
    .await;
    degraded(&ingest, "from the recording; ").await;
    assert!(window(&ingest).await.is_superset(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stamps_of_a_recorded_stand_in_are_its_own_clocks() {
    let folder = Folder::new("stand-in");
    let flag = format!("--record={}", folder.path());
    let flags = ["--node-is-standin", flag.as_str()];
    let node = StandIn::simulate(&["--rate=20"]).await;
    let mut ingest = Served::ingest(&node.zmq, &flags).await;
    until("something to come back to", async || {
        (recorded(&folder.0).0.len() > 200).then_some(())
    })
    .await;
    let (status, _) = ingest.part.end().await;
    assert_eq!(status.code(), Some(0));
    let (frames, _) = recorded(&folder.0);
    drop(node);

    // A node that is not there: all that is known is the recording's.
    let gone = format!("tcp://{}", reserve_address());
    let ingest = Served::ingest(&gone, &flags).await;
    let filled = until("the recording in the window", async || {
        let window = window(&ingest).await;
        (!window.is_empty()).then_some(window)
    })
    .await;
    let accepted = frames
        .iter()
        .filter(|frame| frame.topic.name() == "sequence");
    assert!(filled.len() <= accepted.count());
    let stamps: BTreeSet<u64> = filled.iter().map(|(_, stamp)| *stamp).collect();
    assert!(
        stamps.len() > filled.len() / 2,
        "each has a stamp of its own"
    );
}
