//! `satscope check` that finds the node by its folder.

use serde_json::Value;

use crate::{
    bitcoind::Bitcoind,
    support::{chain::FREE, part::satscope},
};

/// The exit code and the report of a check that is told the node's folder alone.
fn check(node: &Bitcoind) -> (Option<i32>, Value) {
    let ports = ["metrics", "ingest", "analyzer", "gateway"];
    let ports = ports.map(|part| format!("--{part}-listen={FREE}"));
    let output = satscope()
        .args(["check", "--format", "json", "--bitcoin-dir", node.folder()])
        .args(ports)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), report)
}

/// State and text of a finding.
fn said<'a>(report: &'a Value, name: &str) -> (&'a str, &'a str) {
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["name"] == name);
    let finding = finding.unwrap_or_else(|| panic!("no {name}: {report}"));
    (
        finding["state"].as_str().unwrap(),
        finding["said"].as_str().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_node_is_found_and_nothing_is_wrong() {
    let node = Bitcoind::start("check", &[]).await;
    node.generate(3).await;
    let (code, report) = check(&node);
    assert_eq!(code, Some(0), "{report:#}");
    let topics = format!("rawtx and sequence at tcp://{}", node.zmq);
    for (name, state, part) in [
        ("node_files", "ok", "chain regtest, read from bitcoin.conf"),
        ("node_files", "ok", node.folder()),
        ("login", "ok", node.cookie().to_str().unwrap()),
        ("rpc", "ok", "answers: Satoshi:"),
        ("rpc", "ok", &node.rpc.url()),
        ("synchronisation", "warning", "chain regtest, block 3 of 3"),
        ("mempool", "ok", "loaded, 0 transactions"),
        ("topics", "ok", &topics),
        ("queues", "ok", "rawtx 100000, sequence 100000"),
        ("methods", "ok", "all 9"),
        ("blocks", "ok", "keeps all"),
    ] {
        let (found, text) = said(&report, name);
        assert_eq!(found, state, "{name}: {report:#}");
        assert!(text.contains(part), "{name}: {text}; expected {part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_method_that_a_whitelist_lacks_is_the_first_thing_to_fix() {
    let lacks = "-rpcwhitelist=__cookie__:getblockchaininfo,getbestblockhash,getblockheader,getblock,\
                 getmempoolinfo,getrawmempool,getrawtransaction,getzmqnotifications,stop";
    let node = Bitcoind::start("check-whitelist", &[lacks]).await;
    let (code, report) = check(&node);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(report["first_to_fix"]["name"], "methods", "{report:#}");
    let what_to_do = report["first_to_fix"]["what_to_do"].as_str().unwrap();
    assert!(
        what_to_do.starts_with("add getmempoolentry to this user's rpcwhitelist"),
        "{what_to_do}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_default_marks_is_warned_of_and_a_stopped_one_is_wrong() {
    let mut node = Bitcoind::start(
        "check-marks",
        &["-zmqpubrawtxhwm=1000", "-zmqpubsequencehwm=1000"],
    )
    .await;
    let (code, report) = check(&node);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(said(&report, "queues").0, "warning", "{report:#}");
    node.stop().await;
    let (code, report) = check(&node);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(report["first_to_fix"]["name"], "login", "{report:#}");
}
