//! A ZMQ link that dies while the node is being read.

use std::time::{Duration, Instant};

use satscope_proto::v1::HopState;

use crate::{
    ear::Ear,
    support::{
        chain::{Served, StandIn},
        proxy::{Mode, Proxy},
    },
};

/// The promise is a second; a busy machine may take longer, and the node's answer never comes.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_dies_while_the_node_is_being_read_is_reported_before_the_answer_comes() {
    let node = StandIn::simulate(&[]).await;
    let zmq = node.zmq.strip_prefix("tcp://").unwrap().parse().unwrap();
    let (to_zmq, to_rpc) = (Proxy::before(zmq).await, Proxy::before(node.rpc).await);
    let zmq = format!("tcp://{}", to_zmq.address);
    let rpc = format!("--rpc-url=http://{}", to_rpc.address);
    let mut ingest = Served::ingest(&zmq, &["--node-is-standin", &rpc]).await;
    ingest.part.line("in step with the node").await;
    let mut ear = Ear::of(ingest.address).await;
    ear.until_node("a node in step", |node| node.state() == HopState::Connected)
        .await;
    to_rpc.set(Mode::Freeze);
    to_zmq.cut();
    ear.until_node("a reading", |node| {
        node.state() == HopState::Resyncing && node.detail.contains("reading the node's mempool")
    })
    .await;
    let began = Instant::now();
    to_zmq.set(Mode::Refuse);
    let node = ear
        .until_node("word of the dead link", |node| {
            node.state() != HopState::Resyncing
        })
        .await;
    let took = began.elapsed();
    println!("reported after {took:.1?}: {}", node.detail);
    assert_eq!(node.state(), HopState::Disconnected, "{}", node.detail);
    assert!(took < SOON, "{took:.1?}");
}
