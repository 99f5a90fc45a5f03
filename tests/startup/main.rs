//! How the program starts and ends: taken ports, wrong settings, parts that come in any order, SIGTERM, and the commands
//! that tell of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod endings;
mod settings;

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use support::{
    chain::{Chain, FREE, FREE_PORTS, Served},
    metrics::get,
    part::{Part, reserve_address, satscope},
    socket::Socket,
    wait::until,
};

/// What SIGTERM may take; said in the help text.
const DRAIN: Duration = Duration::from_secs(4);

/// A file that is there for the test's time.
struct File(PathBuf);

impl File {
    fn write(name: &str, text: &str) -> File {
        let name = format!("{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).unwrap();
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// What a program leaves that has ended by itself.
struct Ended {
    code: Option<i32>,
    lines: Vec<String>,
}

impl Ended {
    /// The one line that a failed start leaves, log lines (which begin with a date) aside.
    fn one_line(&self) -> &str {
        let is_log = |line: &&String| line.starts_with(|first: char| first.is_ascii_digit());
        let mut others = self.lines.iter().filter(|line| !is_log(line));
        match (others.next(), others.next()) {
            (Some(line), None) => line,
            _ => panic!("expected one line, got {:#?}", self.lines),
        }
    }
}

/// Runs the program to its end.
async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let variables = environment.iter().copied();
    run_command(satscope().args(arguments).envs(variables)).await
}

async fn run_command(command: &mut Command) -> Ended {
    let mut part = Part::start(command);
    let status = part.ended().await;
    Ended {
        code: status.code(),
        lines: part.log(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_ends_the_start_with_1_and_one_line_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let endpoint = format!("tcp://{taken}");
    let node = [
        "--standin-zmq-listen=tcp://127.0.0.1:*",
        "--standin-rpc-listen",
        FREE,
        "--history=0",
    ];
    for (command, setting) in [
        ("ingest", "ingest_listen"),
        ("ingest", "metrics_listen"),
        ("analyzer", "analyzer_listen"),
        ("analyzer", "metrics_listen"),
        ("gateway", "gateway_listen"),
        ("gateway", "metrics_listen"),
        ("historian", "historian_listen"),
        ("historian", "metrics_listen"),
        ("simulate", "standin_zmq_listen"),
        ("simulate", "standin_rpc_listen"),
        ("run", "gateway_listen"),
        ("demo", "analyzer_listen"),
        ("demo", "standin_zmq_listen"),
    ] {
        let flag = format!("--{}", setting.replace('_', "-"));
        let value = if setting == "standin_zmq_listen" {
            &endpoint
        } else {
            &taken
        };
        let ports: &[&str] = match command {
            "simulate" => &node,
            "ingest" => &["--ingest-listen", FREE, "--metrics-listen", FREE],
            "analyzer" => &["--analyzer-listen", FREE, "--metrics-listen", FREE],
            "gateway" => &["--gateway-listen", FREE, "--metrics-listen", FREE],
            "historian" => &["--historian-listen", FREE, "--metrics-listen", FREE],
            _ => &FREE_PORTS,
        };
        let mut arguments: Vec<&str> = vec![command];
        arguments.extend(if command == "demo" { &node[..] } else { &[] });
        arguments.extend(ports);
        let own = arguments
            .iter()
            .position(|argument| argument.starts_with(&flag));
        if let Some(at) = own {
            let parted = arguments[at] == flag;
            arguments.drain(at..=at + usize::from(parted));
        }
        arguments.extend([flag.as_str(), value]);
        let ended = run(&arguments, &[]).await;
        let line = ended.one_line();
        assert_eq!(ended.code, Some(1), "{arguments:?}: {line}");
        assert!(
            line.contains(setting) && line.contains(&taken),
            "{arguments:?}: {line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_started_backwards_wait_for_each_other_until_there_is_a_price() {
    let [ingest, analyzer, zmq, rpc] = [(); 4].map(|()| reserve_address().to_string());
    let [ingest_url, analyzer_url, rpc_url] =
        [&ingest, &analyzer, &rpc].map(|address| format!("http://{address}"));
    let zmq = format!("tcp://{zmq}");
    let mut gateway = Part::satscope(&[
        "gateway",
        "--analyzer-url",
        &analyzer_url,
        "--gateway-listen",
        FREE,
        "--metrics-listen",
        FREE,
    ]);
    let address = gateway.listening("gateway_listen").await;
    let mut socket = Socket::connect(address).await;
    let first = socket.next().await;
    assert_eq!(first["type"], "status", "no price is made up: {first}");
    let price = format!("http://{address}/api/v1/price");
    assert_eq!(get(&price).await.0, 503);
    assert_eq!(get(&format!("http://{address}/readyz")).await.0, 200);
    gateway.line("analyzer at ").await;

    let mut analyzer = Part::satscope(&[
        "analyzer",
        "--ingest-url",
        &ingest_url,
        "--analyzer-listen",
        &analyzer,
        "--metrics-listen",
        FREE,
    ]);
    analyzer.line("ingest at ").await;
    let mut ingest = Part::satscope(&[
        "ingest",
        "--zmq-endpoint",
        &zmq,
        "--rpc-url",
        &rpc_url,
        "--node-is-standin",
        "--ingest-listen",
        &ingest,
        "--metrics-listen",
        FREE,
    ]);
    ingest.listening("ingest_listen").await;
    let hop = |name: &str, state: &str| {
        let (name, state) = (name.to_owned(), state.to_owned());
        move |message: &serde_json::Value| {
            let hops = message["data"]["hops"].as_array().unwrap();
            hops.iter()
                .any(|hop| hop["name"] == name && hop["state"] == state)
        }
    };
    socket
        .read_until("the analyzer's link", hop("analyzer", "connected"))
        .await;

    let mut node = Part::satscope(&[
        "simulate",
        "--history=1800",
        "--speed=10",
        "--standin-zmq-listen",
        &zmq,
        "--standin-rpc-listen",
        &rpc,
        "--standin-rpc-no-auth",
    ]);
    node.line("stand-in node is up").await;
    let update = socket
        .read_until("a price", |message| message["type"] == "mempool_update")
        .await;
    assert!(
        hop("node", "connected")(&update) || hop("node", "resyncing")(&update),
        "{update}"
    );
    assert_eq!(get(&price).await.0, 200);
    assert_eq!(get(&format!("http://{address}/readyz")).await.0, 200);
    for part in [&mut gateway, &mut analyzer, &mut ingest, &mut node] {
        assert!(part.is_running(), "nothing gave up meanwhile");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_with_its_exit_code_whether_a_part_can_serve() {
    let chain = Chain::on_simulation(&[]).await;
    let ask = async |metrics: SocketAddr| {
        run(&["health", "--metrics-listen", &metrics.to_string()], &[]).await
    };
    for served in [&chain.ingest, &chain.analyzer, &chain.gateway] {
        until("a part that can serve", async || {
            (ask(served.metrics).await.code == Some(0)).then_some(())
        })
        .await;
    }
    let nobody = ask(reserve_address()).await;
    assert_eq!(nobody.code, Some(1));
    let line = nobody.one_line();
    assert!(line.contains("no answer"), "{line}");

    let lonely = Served::analyzer(reserve_address()).await;
    let waiting = ask(lonely.metrics).await;
    assert_eq!(waiting.code, Some(0), "it can serve");
}
