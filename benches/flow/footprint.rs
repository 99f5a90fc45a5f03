//! The program's size on disk, and each part's memory: while it waits for the part before it, and with a full
//! window.

use std::{process::Command, time::Duration};

use satscope_proto::v1::GetPriceRequest;

use crate::{
    cost::Cost,
    support::{
        chain::{Served, StandIn},
        grpc::prices,
        part::{Folder, satscope},
        wait::until,
    },
};

/// A node with three hours of five transactions a second, and 300,000 that wait in the mempool.
const NODE: [&str; 5] = [
    "simulate",
    "--history=10800",
    "--rate=5",
    "--speed=1",
    "--backlog=300000",
];
/// The time from a part's start, or from the first price, until its memory is read.
const SETTLED: Duration = Duration::from_secs(10);

/// Prints the program's size and the parts' memory.
pub async fn run() {
    let program = satscope().get_program().to_owned();
    let stripped = Folder::new("stripped");
    let file = format!("{}/satscope", stripped.path());
    let is_done = Command::new("strip")
        .arg(&program)
        .args(["-o", &file])
        .status();
    assert!(is_done.unwrap().success());
    let bytes = std::fs::metadata(&file).unwrap().len();
    println!("The program: {:.1} MB, stripped", bytes as f64 / 1e6);
    let ingest = Served::ingest("tcp://127.0.0.1:9", &[]).await;
    let analyzer = Served::analyzer(ingest.address).await;
    let gateway = Served::gateway(analyzer.address).await;
    tokio::time::sleep(SETTLED).await;
    print("waiting for a node", [&ingest, &analyzer, &gateway]);
    drop((ingest, analyzer, gateway));
    let node = StandIn::start(&NODE).await;
    let state = Folder::new("footprint");
    let folder = format!("--state-dir={}", state.path());
    let flags = ["--node-is-standin", &node.rpc_url(), &folder];
    let ingest = Served::ingest(&node.zmq, &flags).await;
    let analyzer = Served::analyzer(ingest.address).await;
    let gateway = Served::gateway(analyzer.address).await;
    let mut client = prices(analyzer.address).await;
    until("a price", async || {
        let answer = client.get_price(GetPriceRequest {}).await.ok()?;
        answer.into_inner().update?.estimate
    })
    .await;
    tokio::time::sleep(SETTLED).await;
    print(
        "a full window, 300,000 in the mempool",
        [&ingest, &analyzer, &gateway],
    );
}

fn print(when: &str, parts: [&Served; 3]) {
    let [ingest, analyzer, gateway] =
        parts.map(|served| Cost::of(served.part.id()).resident_bytes as f64 / 1e6);
    println!("{when}: ingest {ingest:.0} MB, analyzer {analyzer:.0} MB, gateway {gateway:.0} MB");
}
