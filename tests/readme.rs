//! The README's own commands, taken from its text: what stands in its `sh` fences works.
//!
//! They run as written, but for two things: `cargo run --release --` is the binary that cargo has just built, and the
//! ports are other ones, so that they are free.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use support::{
    chain::FREE,
    metrics::get,
    part::{Part, bare, is_installed},
    wait::until,
};

const README: &str = include_str!("../README.md");
const DEMO: &str = "cargo run --release -- demo";
const REAL_NODE: &str = "satscope run";

/// What is in the commands that no test here runs, and why they are left out.
const NOT_RUN: [(&str, &str); 2] = [
    ("scripts/test", "it is what runs these tests"),
    ("docker compose", "the containers have a check of their own"),
];

/// Queries of a running demo, and what their answers hold.
const QUERIES: [(&str, &str); 19] = [
    ("curl -s http://localhost:8000/api/v1/price", r#""price":"#),
    (
        "curl -s -H 'Accept: text/plain' http://localhost:8000/api/v1/price",
        ".",
    ),
    (
        "curl -sN --max-time 3 http://localhost:8000/api/v1/stream",
        r#"data: {"type":"mempool_update","#,
    ),
    (
        "curl -s 'http://localhost:8000/api/v1/history?format=csv'",
        "timestamp,price,confidence,low,high,stale\r\n",
    ),
    ("curl -s http://localhost:8000/api/v1/prices", r#","USD":"#),
    (
        "curl -s http://localhost:8000/api/rates",
        r#""currencyPair":"BTC_USD""#,
    ),
    (
        "curl -s http://localhost:8000/api/v1/exchange-rates",
        r#"{"rates":[]}"#,
    ),
    ("curl -s http://localhost:8000/price.svg", "<title>"),
    (
        "curl -s http://localhost:8000/api/v1/openapi.yaml",
        "openapi: 3.1.0",
    ),
    (
        "curl -s http://localhost:8000/api/v1/points",
        r#""points":"#,
    ),
    (
        "curl -s 'http://localhost:8000/api/v1/history?range=3h&step=10s'",
        r#""estimates":[{"timestamp":"#,
    ),
    (
        "curl -s http://localhost:8000/api/v1/evidence",
        r#""ladder":"#,
    ),
    (
        "curl -s http://localhost:9101/metrics",
        "# HELP satscope_price_usd ",
    ),
    (
        "grpcurl -plaintext localhost:50051 list",
        "satscope.v1.IngestService",
    ),
    (
        "grpcurl -plaintext localhost:50052 satscope.v1.PriceService/GetPrice",
        r#""priceUsd":"#,
    ),
    (
        "grpcurl -plaintext -max-time 3 localhost:50052 satscope.v1.PriceService/PriceUpdates",
        r#""priceUsd":"#,
    ),
    (
        "grpcurl -plaintext localhost:50052 grpc.health.v1.Health/Check",
        "SERVING",
    ),
    (
        "grpcurl -plaintext localhost:50053 satscope.v1.HistoryService/GetCoverage",
        "HISTORIAN_STATE_",
    ),
    ("satscope health", ""),
];

/// The settings that move the demo's ports out of the way.
const PORTS: [(&str, &str); 7] = [
    ("SATSCOPE_GATEWAY_LISTEN", FREE),
    ("SATSCOPE_INGEST_LISTEN", FREE),
    ("SATSCOPE_ANALYZER_LISTEN", FREE),
    ("SATSCOPE_HISTORIAN_LISTEN", FREE),
    ("SATSCOPE_METRICS_LISTEN", FREE),
    ("SATSCOPE_STANDIN_ZMQ_LISTEN", "tcp://127.0.0.1:*"),
    ("SATSCOPE_STANDIN_RPC_LISTEN", FREE),
];

/// The lines of all `sh` fences.
fn commands() -> Vec<&'static str> {
    let mut fence = None;
    let mut commands = Vec::new();
    for line in README.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (None, Some("sh")) => commands.push(line.trim()),
            (None, _) => {}
        }
    }
    commands.retain(|line| !line.is_empty() && !line.starts_with('#'));
    commands
}

fn is_query(command: &str) -> bool {
    QUERIES.iter().any(|(query, _)| *query == command)
}

/// A shell with `satscope` on its path.
fn shell(command: &str) -> Command {
    let command = command.replace("cargo run --release --", "satscope");
    let binary = Path::new(env!("CARGO_BIN_EXE_satscope"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [binary.parent().unwrap().to_owned()];
    let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path)));
    let mut shell = bare("sh");
    shell.args(["-c", &command]).env("PATH", path.unwrap());
    shell
}

/// The same for a process that stays: the shell makes room for it, so that it gets the signals.
fn shell_that_stays(command: &str) -> Command {
    let mut shell = shell(&format!("exec {command}"));
    shell.envs(PORTS);
    shell
}

async fn wait_for_price(gateway: SocketAddr) {
    let url = format!("http://{gateway}/api/v1/price");
    until("a price", async || (get(&url).await.0 == 200).then_some(())).await;
}

fn run_query(command: &str, ports: &[(&str, SocketAddr)]) -> Output {
    let mut moved = command.to_owned();
    for (written, address) in ports {
        moved = moved.replace(&format!("localhost:{written}"), &address.to_string());
    }
    let metrics = ports.last().expect("the operator's port").1;
    shell(&moved)
        .env("SATSCOPE_METRICS_LISTEN", metrics.to_string())
        .output()
        .unwrap()
}

/// A stream that was told to end after a while has ended well when it has ended by that.
fn has_ended_well(command: &str, output: &Output) -> bool {
    let errors = String::from_utf8_lossy(&output.stderr);
    // curl's own code for that is 28.
    let is_timed_out = errors.contains("DeadlineExceeded") || output.status.code() == Some(28);
    output.status.success() || command.contains("-max-time") && is_timed_out
}

#[test]
fn every_command_of_the_readme_is_tested_or_left_out_for_a_reason() {
    let commands = commands();
    assert!(commands.contains(&DEMO), "{commands:?}");
    for command in commands {
        let known = command == DEMO
            || command.starts_with(REAL_NODE)
            || is_query(command)
            || NOT_RUN.iter().any(|(part, _)| command.contains(part));
        assert!(known, "no test knows {command:?}");
    }
    for (part, reason) in NOT_RUN {
        println!("not run: {part}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_starts_and_answers_every_query_of_the_readme() {
    let mut demo = Part::start(&mut shell_that_stays(DEMO));
    let ports = [
        ("8000", demo.listening("gateway_listen").await),
        ("50051", demo.listening("ingest_listen").await),
        ("50052", demo.listening("analyzer_listen").await),
        ("50053", demo.listening("historian_listen").await),
        ("9101", demo.listening("metrics_listen").await),
    ];
    wait_for_price(ports[0].1).await;
    let has_grpcurl = is_installed("grpcurl");
    assert!(
        has_grpcurl || std::env::var_os("CI").is_none(),
        "grpcurl is missing, and CI is set"
    );
    for command in commands().into_iter().filter(|command| is_query(command)) {
        if command.starts_with("grpcurl") && !has_grpcurl {
            println!("SKIPPED: grpcurl is not installed: {command}");
            continue;
        }
        let output = run_query(command, &ports);
        assert!(has_ended_well(command, &output), "{command}: {output:?}");
        let answer = String::from_utf8(output.stdout).unwrap();
        let (_, expected) = QUERIES.iter().find(|(query, _)| *query == command).unwrap();
        assert!(
            answer.contains(expected),
            "{command}: no {expected} in {answer}"
        );
        if command.contains("text/plain") {
            assert!(
                answer.trim().parse::<f64>().is_ok_and(|price| price > 0.0),
                "{answer}"
            );
        }
    }
}

/// A home folder with a node's files in it, for the test's time.
struct Home(PathBuf);

impl Home {
    fn new() -> Home {
        let name = format!("home-{}", std::process::id());
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(home.join(".bitcoin")).unwrap();
        Home(home)
    }

    fn cookie(&self) -> String {
        self.0.join(".bitcoin/.cookie").display().to_string()
    }

    fn configure(&self, rpc_port: &str) {
        let configuration = format!("server=1\nrpcport={rpc_port}\n");
        fs::write(self.0.join(".bitcoin/bitcoin.conf"), configuration).unwrap();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_for_a_real_node_reads_a_price_from_one() {
    let home = Home::new();
    let cookie = home.cookie();
    let mut node = Part::satscope(&[
        "simulate",
        "--history=1800",
        "--standin-zmq-listen=tcp://127.0.0.1:*",
        "--standin-rpc-listen",
        FREE,
        "--standin-rpc-cookie-file",
        &cookie,
    ]);
    let up = node.line("stand-in node is up zmq=").await;
    let (_, rpc_port) = up.rsplit_once(':').unwrap();
    home.configure(rpc_port);
    let all = commands();
    let written = all.iter().find(|command| command.starts_with(REAL_NODE));
    let command = written.expect("a command for a real node");
    let mut run = Part::start(shell_that_stays(command).env("HOME", &home.0));
    wait_for_price(run.listening("gateway_listen").await).await;
}
