//! `satscope check` beside nodes that are well and nodes that are not: the exit code, the first thing to fix, and no secret.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod block_files;
mod scripted_node;
#[path = "../support/mod.rs"]
mod support;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use scripted_node::{scripted, well};
use serde_json::{Value, json};
use support::{
    chain::{FREE_PORTS, StandIn},
    part::{Folder, Part, reserve_address, satscope},
};

/// The longest that a check may take: two questions of 10 s after each other, a handshake of 3 s, and a busy machine.
const LONGEST: Duration = Duration::from_mins(1);

/// What two checks wrote, one as text and one as JSON.
struct Checked {
    code: Option<i32>,
    screen: String,
    report: Value,
    /// All that came out of both, standard error too.
    all: String,
}

impl Checked {
    /// Runs both checks with these flags, and holds them to the same verdict.
    fn run(flags: &[&str]) -> Checked {
        Checked::run_with(flags, &[])
    }

    fn run_with(flags: &[&str], variables: &[(&str, &str)]) -> Checked {
        let run = |format: &str| {
            let began = Instant::now();
            let output = satscope()
                .arg("check")
                .args(["--format", format])
                .args(flags)
                .envs(variables.iter().copied())
                .output()
                .unwrap();
            assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
            let [out, err] =
                [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            (output.status.code(), out, err)
        };
        let (code, screen, err) = run("text");
        let (other, report, other_err) = run("json");
        let all = [screen.as_str(), &err, &report, &other_err].concat();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(code, other, "{all}");
        assert_eq!(report["ok"], code == Some(0), "{all}");
        assert_eq!(report["first_to_fix"].is_null(), code == Some(0), "{all}");
        assert!(!screen.contains('\u{1b}'), "colour without a terminal");
        Checked {
            code,
            screen,
            report,
            all,
        }
    }

    /// The finding of that name.
    fn finding(&self, name: &str) -> &Value {
        let findings = self.report["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["name"] == name);
        found.unwrap_or_else(|| panic!("no finding {name}: {}", self.all))
    }

    /// State and text of the finding of that name.
    fn said(&self, name: &str) -> (&str, &str) {
        let finding = self.finding(name);
        (
            finding["state"].as_str().unwrap(),
            finding["said"].as_str().unwrap(),
        )
    }

    /// Name and text of what is to be fixed first, which the screen's end repeats.
    fn first_to_fix(&self) -> (&str, &str) {
        assert_eq!(self.code, Some(1), "{}", self.all);
        let first = &self.report["first_to_fix"];
        let name = first["name"].as_str().unwrap();
        let what_to_do = first["what_to_do"].as_str().unwrap();
        let words = self.screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.ends_with(&format!("First, {name}: {what_to_do}")),
            "{}",
            self.screen
        );
        (name, what_to_do)
    }
}

fn with_ports<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    [flags, &FREE_PORTS[..]].concat()
}

/// The URL of an RPC, as a flag.
fn rpc_flag(rpc: SocketAddr) -> String {
    format!("--rpc-url=http://{rpc}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_well_leaves_nothing_to_fix() {
    let node = StandIn::simulate(&[]).await;
    let checked = Checked::run(&with_ports(&[&node.rpc_url()]));
    assert_eq!(checked.code, Some(0), "{}", checked.all);
    let findings = checked.report["findings"].as_array().unwrap();
    let names: Vec<&str> = findings
        .iter()
        .map(|finding| finding["name"].as_str().unwrap())
        .collect();
    let expected = [
        "node_files",
        "login",
        "rpc",
        "synchronisation",
        "mempool",
        "topics",
        "queues",
        "methods",
        "blocks",
        "journal",
        "ports",
    ];
    assert_eq!(names, expected);
    assert!(
        findings.iter().all(|finding| finding["state"] == "ok"),
        "{}",
        checked.all
    );
    assert!(
        checked.said("topics").1.contains(&node.zmq),
        "{}",
        checked.all
    );
    assert!(checked.screen.ends_with("All is as it should be.\n"));
    assert!(checked.screen.lines().count() <= 30, "{}", checked.screen);
}

#[test]
fn without_a_node_the_first_thing_is_to_start_one() {
    let url = rpc_flag(reserve_address());
    let checked = Checked::run(&with_ports(&[&url]));
    let (name, what_to_do) = checked.first_to_fix();
    assert_eq!(name, "rpc");
    assert!(what_to_do.starts_with("start the node"), "{what_to_do}");
    assert_eq!(checked.said("mempool"), ("unknown", "see rpc"));
    // A machine that never had one.
    let home = Folder::new("check-home");
    let checked = Checked::run_with(&FREE_PORTS, &[("HOME", home.path())]);
    let (name, what_to_do) = checked.first_to_fix();
    assert_eq!(name, "node_files", "{}", checked.all);
    assert!(what_to_do.contains("bitcoin_dir"), "{what_to_do}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_the_first_thing_to_fix_and_is_shown_nowhere() {
    let folder = Folder::new("check-password");
    let file = |name: &str, text: &str| {
        let path = Path::new(folder.path()).join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (file("right", "of-the-node"), file("wrong", "hush-hush"));
    let mut node = Part::satscope(&[
        "simulate",
        "--history=60",
        "--standin-zmq-listen=tcp://127.0.0.1:*",
        "--standin-rpc-listen=127.0.0.1:0",
        "--standin-rpc-user=alice",
        "--standin-rpc-password-file",
        &right,
    ]);
    let line = node.line("stand-in node is up zmq=").await;
    let rpc = line.split_once(" rpc=").unwrap().1;
    let url = format!("--rpc-url=http://{rpc}");
    let in_url = format!("--rpc-url=http://alice:hush-hush@{rpc}");
    let by_user = [url.as_str(), "--rpc-user=alice"];
    let by_file = [&by_user[..], &["--rpc-password-file", &wrong]].concat();
    for (flags, variables) in [
        (by_file, vec![]),
        (
            by_user.to_vec(),
            vec![("SATSCOPE_RPC_PASSWORD", "hush-hush")],
        ),
        (vec![in_url.as_str()], vec![]),
        (vec![url.as_str()], vec![]),
    ] {
        let checked = Checked::run_with(&with_ports(&flags), &variables);
        assert_eq!(checked.first_to_fix().0, "login", "{}", checked.all);
        assert_eq!(checked.said("rpc").0, "unknown", "{}", checked.all);
        for secret in ["hush", "of-the-node"] {
            assert!(!checked.all.contains(secret), "{}", checked.all);
        }
    }
    let right = [&by_user[..], &["--rpc-password-file", &right]].concat();
    let checked = Checked::run(&with_ports(&right));
    assert_eq!(checked.code, Some(0), "{}", checked.all);
    assert!(!checked.all.contains("of-the-node"), "{}", checked.all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_with_its_setting() {
    let node = StandIn::simulate(&[]).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let mut flags = with_ports(&[]);
    let gateway = flags.iter().position(|flag| *flag == "--gateway-listen");
    flags[gateway.unwrap() + 1] = &taken;
    let url = node.rpc_url();
    flags.push(&url);
    let checked = Checked::run(&flags);
    let (name, what_to_do) = checked.first_to_fix();
    assert_eq!(name, "ports");
    assert!(what_to_do.contains("gateway_listen"), "{what_to_do}");
    assert!(!what_to_do.contains("ingest_listen"), "{what_to_do}");
    assert!(checked.said("ports").1.contains(&taken), "{}", checked.all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_publishes_one_topic_is_polled_and_its_operator_is_told_the_exact_line() {
    let node = StandIn::simulate(&[]).await;
    let rpc = scripted(
        |method, zmq| match method {
            "getzmqnotifications" => Some((
                200,
                json!([{"type": "pubrawtx", "address": zmq, "hwm": 1000}]),
            )),
            _ => well(method, zmq),
        },
        &node.zmq,
    );
    let checked = Checked::run(&with_ports(&[&rpc_flag(rpc)]));
    assert_eq!(checked.code, Some(0), "{}", checked.all);
    let topics = checked.finding("topics");
    assert_eq!(topics["state"], "warning");
    let said = topics["said"].as_str().unwrap();
    assert!(said.contains("works by polling"), "{said}");
    let what_to_do = topics["what_to_do"].as_str().unwrap();
    let line = format!("add zmqpubsequence={} to bitcoin.conf", node.zmq);
    assert!(what_to_do.starts_with(&line), "{what_to_do}");
    let queues = checked.finding("queues");
    assert_eq!(queues["state"], "warning");
    let lines = queues["what_to_do"].as_str().unwrap();
    let expected = "add zmqpubrawtxhwm=100000 and zmqpubsequencehwm=100000 to bitcoin.conf";
    assert!(lines.starts_with(expected), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_a_whitelist_lacks_are_named_together() {
    let node = StandIn::simulate(&[]).await;
    let rpc = scripted(
        |method, zmq| match method {
            "getblock" | "getmempoolentry" => Some((403, Value::Null)),
            _ => well(method, zmq),
        },
        &node.zmq,
    );
    let checked = Checked::run(&with_ports(&[&rpc_flag(rpc)]));
    let (name, what_to_do) = checked.first_to_fix();
    assert_eq!(name, "methods");
    assert!(
        what_to_do.starts_with("add getblock,getmempoolentry to this user's rpcwhitelist"),
        "{what_to_do}"
    );
}

#[test]
fn a_node_that_says_nothing_is_given_its_limit_and_no_longer() {
    let rpc = scripted(|_, _| None, "");
    let zmq = format!("--zmq-endpoint=tcp://{}", reserve_address());
    let checked = Checked::run(&with_ports(&[&rpc_flag(rpc), &zmq]));
    assert_eq!(checked.first_to_fix().0, "rpc");
    let said = checked.said("rpc").1;
    assert!(
        said.ends_with("getblockchaininfo: no answer within 10s"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_the_node_cannot_command_a_terminal() {
    let node = StandIn::simulate(&[]).await;
    let rpc = scripted(
        |method, zmq| match method {
            "getnetworkinfo" => Some((
                200,
                json!({"version": 1, "subversion": "/\u{1b}]0;x\u{7}\n\u{202e}Sat/"}),
            )),
            _ => well(method, zmq),
        },
        &node.zmq,
    );
    let checked = Checked::run(&with_ports(&[&rpc_flag(rpc)]));
    let said = checked.said("rpc").1;
    assert!(said.contains("]0;x Sat"), "{said:?}");
    for letter in ['\u{1b}', '\u{7}', '\u{202e}'] {
        assert!(!checked.all.contains(letter), "{:?}", checked.all);
    }
}

#[test]
fn nothing_is_created_and_a_folder_that_is_closed_is_wrong() {
    let folder = Folder::new("check-state");
    let state = Path::new(folder.path()).join("not/there");
    let url = rpc_flag(reserve_address());
    let flags = with_ports(&[&url, "--state-dir", state.to_str().unwrap()]);
    let checked = Checked::run(&flags);
    let (verdict, said) = checked.said("journal");
    assert!(
        verdict == "ok" && said.contains("MB free"),
        "{}",
        checked.all
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let file = Path::new(folder.path()).join("file");
    std::fs::write(&file, "").unwrap();
    let flags = with_ports(&[&url, "--state-dir", file.to_str().unwrap()]);
    let checked = Checked::run(&flags);
    assert_eq!(checked.said("journal").0, "wrong", "{}", checked.all);
}
