//! The parts of the chain, each its own process on ports of its own.

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};

use super::{part::Part, wait::until};

/// Any free port.
pub const FREE: &str = "127.0.0.1:0";

/// The flags that put each port of a whole in one process on any free one.
pub const FREE_PORTS: [&str; 10] = [
    "--metrics-listen",
    FREE,
    "--ingest-listen",
    FREE,
    "--analyzer-listen",
    FREE,
    "--gateway-listen",
    FREE,
    "--historian-listen",
    FREE,
];

/// A stand-in node.
pub struct StandIn {
    pub part: Part,
    pub zmq: String,
    pub rpc: SocketAddr,
}

impl StandIn {
    /// `satscope replay`.
    pub async fn replay(path: &Path, flags: &[&str]) -> StandIn {
        let arguments = [&["replay", path.to_str().unwrap()][..], flags].concat();
        StandIn::start(&arguments).await
    }

    /// `satscope simulate`, at ten times real time with half an hour of history, so that it starts soon and says much.
    pub async fn simulate(flags: &[&str]) -> StandIn {
        let arguments = [&["simulate", "--history=1800", "--speed=10"][..], flags].concat();
        StandIn::start(&arguments).await
    }

    /// `satscope simulate`, at a thousand times real time: hours pass in seconds.
    pub async fn hasty() -> StandIn {
        StandIn::start(&["simulate", "--history=60", "--speed=1000", "--rate=20"]).await
    }

    /// As these arguments say.
    pub async fn start(arguments: &[&str]) -> StandIn {
        let listen = [
            "--standin-zmq-listen=tcp://127.0.0.1:*",
            "--standin-rpc-listen=127.0.0.1:0",
            "--standin-rpc-no-auth",
        ];
        let mut part = Part::satscope(&[arguments, &listen].concat());
        let line = part.line("stand-in node is up zmq=").await;
        let (zmq, rpc) = line.split_once(" rpc=").unwrap();
        StandIn {
            part,
            zmq: zmq.to_owned(),
            rpc: rpc.parse().unwrap(),
        }
    }

    /// The flag that tells ingest of its RPC.
    pub fn rpc_url(&self) -> String {
        format!("--rpc-url=http://{}", self.rpc)
    }

    /// The result of an RPC call without parameters.
    pub async fn call(&self, method: &str) -> Value {
        let request = json!({"method": method, "params": [], "id": 1});
        let sent = reqwest::Client::new()
            .post(format!("http://{}", self.rpc))
            .body(request.to_string())
            .send();
        let text = sent.await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["error"], Value::Null, "{method}");
        answer["result"].clone()
    }

    /// Waits until it is in this state; gives its whole status.
    pub async fn reaches(&self, state: &str) -> Value {
        until(&format!("the stand-in's state {state:?}"), async || {
            let status = self.call("standinstatus").await;
            (status["state"] == state).then_some(status)
        })
        .await
    }
}

/// A part that serves.
pub struct Served {
    pub part: Part,
    /// Where those downstream connect.
    pub address: SocketAddr,
    /// The operator's port.
    pub metrics: SocketAddr,
}

impl Served {
    /// `satscope ingest` on this node.
    pub async fn ingest(zmq: &str, flags: &[&str]) -> Served {
        let arguments = [&["ingest", "--zmq-endpoint", zmq][..], flags].concat();
        Served::start(&arguments, "ingest_listen").await
    }

    /// `satscope ingest` that is not told where the node publishes.
    pub async fn ingest_that_asks(flags: &[&str]) -> Served {
        Served::start(&[&["ingest"][..], flags].concat(), "ingest_listen").await
    }

    /// `satscope ingest` on a stand-in node, with its RPC.
    pub async fn ingest_with_rpc(node: &StandIn) -> Served {
        Served::ingest(&node.zmq, &["--node-is-standin", &node.rpc_url()]).await
    }

    /// `satscope analyzer`.
    pub async fn analyzer(ingest: SocketAddr) -> Served {
        let url = format!("http://{ingest}");
        Served::analyzer_with(&["--ingest-url", &url]).await
    }

    /// The same with these flags.
    pub async fn analyzer_with(flags: &[&str]) -> Served {
        let arguments = [&["analyzer"][..], flags].concat();
        Served::start(&arguments, "analyzer_listen").await
    }

    /// `satscope historian` with these flags.
    pub async fn historian_with(flags: &[&str]) -> Served {
        let arguments = [&["historian"][..], flags].concat();
        Served::start(&arguments, "historian_listen").await
    }

    /// `satscope gateway`.
    pub async fn gateway(analyzer: SocketAddr) -> Served {
        let url = format!("http://{analyzer}");
        Served::gateway_with(&["--analyzer-url", &url]).await
    }

    /// The same with these flags.
    pub async fn gateway_with(flags: &[&str]) -> Served {
        let arguments = [&["gateway"][..], flags].concat();
        Served::start(&arguments, "gateway_listen").await
    }

    /// Starts a part on free ports, and waits until it listens; `setting` is the one of its own port.
    async fn start(arguments: &[&str], setting: &str) -> Served {
        let flag = format!("--{}", setting.replace('_', "-"));
        let ports = ["--metrics-listen", FREE, &flag, FREE];
        let mut part = Part::satscope(&[arguments, &ports].concat());
        Served {
            metrics: part.listening("metrics_listen").await,
            address: part.listening(setting).await,
            part,
        }
    }
}

/// Node, ingest, analyzer and gateway.
pub struct Chain {
    pub gateway: Served,
    pub analyzer: Served,
    pub ingest: Served,
    pub node: StandIn,
}

impl Chain {
    /// Three parts on a node that stands already, without its RPC.
    pub async fn on_replay(path: &Path, flags: &[&str]) -> Chain {
        let node = StandIn::replay(path, flags).await;
        let ingest = Served::ingest(&node.zmq, &["--node-is-standin"]).await;
        Chain::over(node, ingest).await
    }

    /// The whole chain on a simulated node, with its RPC.
    pub async fn on_simulation(flags: &[&str]) -> Chain {
        let node = StandIn::simulate(flags).await;
        let ingest = Served::ingest_with_rpc(&node).await;
        Chain::over(node, ingest).await
    }

    async fn over(node: StandIn, ingest: Served) -> Chain {
        let analyzer = Served::analyzer(ingest.address).await;
        let gateway = Served::gateway(analyzer.address).await;
        Chain {
            gateway,
            analyzer,
            ingest,
            node,
        }
    }
}

impl Drop for Chain {
    /// All at once, so that none waits for another's drain.
    fn drop(&mut self) {
        for served in [&mut self.gateway, &mut self.analyzer, &mut self.ingest] {
            served.part.ask_to_end();
        }
        self.node.part.ask_to_end();
    }
}
