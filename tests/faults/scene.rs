//! A node, a chain on it that nothing happens to, and chains that are plagued, with a proxy on each of their links.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use satscope_proto::v1::{GetPriceRequest, Hop, HopState};
use serde_json::Value;

use crate::{
    compare::{Blind, Difference},
    support::{
        chain::{Served, StandIn},
        grpc::{list_window, prices},
        metrics::get,
        part::Folder,
        proxy::Proxy,
        wait::{PATIENCE, until},
    },
};

/// Busy, with a block every eight seconds of real time, and replacements, conflicts and re-orgs among them.
const TRAFFIC: [&str; 5] = [
    "--rate=12",
    "--block-interval=80",
    "--replace-share=0.05",
    "--conflict-share=0.3",
    "--reorg-share=0.15",
];

/// The node, and the chain that nothing happens to.
pub struct Scene {
    pub node: StandIn,
    analyzer: Served,
    _ingest: Served,
}

impl Scene {
    /// The node holds until [`Scene::begin`], so that all chains begin with the same.
    pub async fn set() -> Scene {
        let node = StandIn::simulate(&TRAFFIC).await;
        assert_eq!(node.call("standinhold").await, true);
        node.reaches("held").await;
        let ingest = Served::ingest_with_rpc(&node).await;
        let analyzer = Served::analyzer(ingest.address).await;
        Scene {
            node,
            analyzer,
            _ingest: ingest,
        }
    }

    /// Waits until all have the window that the node has, and lets it go on.
    pub async fn begin(&self, plagued: &[Plagued]) {
        until("the first chain to have the node's window", async || {
            let mut client = prices(self.analyzer.address).await;
            let answer = client.get_price(GetPriceRequest {}).await.unwrap();
            let update = answer.into_inner().update?;
            let is_well = |hop: &Hop| hop.state() == HopState::Connected;
            (update.estimate.is_some() && update.hops.iter().all(is_well)).then_some(())
        })
        .await;
        join_all(plagued.iter().map(|chain| chain.recovers(0))).await;
        self.compare(plagued).await;
        assert_eq!(self.node.call("standincontinue").await, true);
    }

    /// Stops the node and compares each chain with the first. Each has as long as it may take to come back.
    pub async fn end(&self, plagued: &[Plagued]) {
        assert_eq!(self.node.call("standinhold").await, true);
        self.node.reaches("held").await;
        self.compare(plagued).await;
    }

    async fn compare(&self, plagued: &[Plagued]) {
        let outcomes = join_all(plagued.iter().map(|chain| self.difference(chain))).await;
        for (chain, (transactions, difference)) in plagued.iter().zip(&outcomes) {
            println!("{}: {transactions} transactions, {difference}", chain.name);
        }
        for (chain, (_, difference)) in plagued.iter().zip(&outcomes) {
            assert!(difference.is_none(), "{}: {difference}", chain.name);
        }
    }

    /// The size of the window, and what is different about it when it has become the same or patience ends.
    async fn difference(&self, chain: &Plagued) -> (usize, Difference) {
        let began = Instant::now();
        loop {
            let (reference, window) = (
                list_window(self.analyzer.address).await,
                list_window(chain.analyzer.address).await,
            );
            if let (Some(reference), Some(window)) = (reference, window) {
                let difference = Difference::between(&reference, &window, &chain.blind);
                if difference.is_none() || began.elapsed() > PATIENCE / 2 {
                    return (reference.transactions.len(), difference);
                }
            }
            assert!(began.elapsed() < PATIENCE, "{}: no window", chain.name);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The node's clock, Unix milliseconds.
    pub async fn now_ms(&self) -> u64 {
        let status = self.node.call("standinstatus").await;
        (status["time"].as_f64().unwrap() * 1000.0) as u64
    }
}

/// A chain with a proxy on each link.
pub struct Plagued {
    pub name: &'static str,
    pub gateway: Served,
    pub analyzer: Served,
    pub ingest: Served,
    pub to_zmq: Proxy,
    pub to_rpc: Proxy,
    pub to_ingest: Proxy,
    pub to_analyzer: Proxy,
    /// When its ingest could not see what came.
    pub blind: Vec<Blind>,
    has_rpc: bool,
    state: Folder,
}

impl Plagued {
    /// On the scene's node.
    pub async fn start(scene: &Scene, name: &'static str) -> Plagued {
        Plagued::start_with(scene, name, true).await
    }

    /// On the scene's node, whose RPC its ingest is not told of.
    pub async fn start_without_rpc(scene: &Scene, name: &'static str) -> Plagued {
        Plagued::start_with(scene, name, false).await
    }

    async fn start_with(scene: &Scene, name: &'static str, has_rpc: bool) -> Plagued {
        let zmq = scene.node.zmq.strip_prefix("tcp://").unwrap();
        let to_zmq = Proxy::before(zmq.parse().unwrap()).await;
        let to_rpc = Proxy::before(scene.node.rpc).await;
        let state = Folder::new(name);
        let ingest = start_ingest(&to_zmq, has_rpc.then_some(&to_rpc), &state).await;
        let to_ingest = Proxy::before(ingest.address).await;
        let analyzer = Served::analyzer(to_ingest.address).await;
        let to_analyzer = Proxy::before(analyzer.address).await;
        let gateway = Served::gateway(to_analyzer.address).await;
        Plagued {
            name,
            gateway,
            analyzer,
            ingest,
            to_zmq,
            to_rpc,
            to_ingest,
            to_analyzer,
            blind: Vec::new(),
            has_rpc,
            state,
        }
    }

    /// Starts ingest again, on the journal that the one before it left.
    pub async fn restart_ingest(&mut self) {
        let to_rpc = self.has_rpc.then_some(&self.to_rpc);
        self.ingest = start_ingest(&self.to_zmq, to_rpc, &self.state).await;
        self.to_ingest.retarget(self.ingest.address);
    }

    /// Starts the analyzer again.
    pub async fn restart_analyzer(&mut self) {
        self.analyzer = Served::analyzer(self.to_ingest.address).await;
        self.to_analyzer.retarget(self.analyzer.address);
    }

    /// Starts the gateway again.
    pub async fn restart_gateway(&mut self) {
        self.gateway = Served::gateway(self.to_analyzer.address).await;
    }

    /// Up to when its ingest has certainly taken in all that came, by the node's clock in Unix milliseconds: what it
    /// passes on, it has written down. What came later may be on its way yet.
    pub async fn has_seen_ms(&self) -> u64 {
        let mut client = prices(self.analyzer.address).await;
        let answer = client.get_price(GetPriceRequest {}).await.unwrap();
        answer.into_inner().update.unwrap().time_ms
    }

    /// Waits until the end of the chain says that a link is not well; how long that took.
    pub async fn notices(&self) -> Duration {
        let began = Instant::now();
        until(
            &format!("{}: a link that is not well", self.name),
            async || (!is_well(&price(self.gateway.address).await?)).then_some(()),
        )
        .await;
        began.elapsed()
    }

    /// Waits until the end of the chain says that all links are well and shows what came after the node's `now_ms`;
    /// how long that took.
    pub async fn recovers(&self, now_ms: u64) -> Duration {
        let began = Instant::now();
        until(&format!("{}: a whole chain again", self.name), async || {
            let price = price(self.gateway.address).await?;
            let time_ms = price["timestamp"].as_f64()? * 1000.0;
            (is_well(&price) && time_ms >= now_ms as f64).then_some(())
        })
        .await;
        began.elapsed()
    }
}

async fn start_ingest(to_zmq: &Proxy, to_rpc: Option<&Proxy>, state: &Folder) -> Served {
    let zmq = format!("tcp://{}", to_zmq.address);
    let rpc = to_rpc.map(|proxy| format!("--rpc-url=http://{}", proxy.address));
    let state = format!("--state-dir={}", state.path());
    let mut flags = vec!["--node-is-standin", &state];
    flags.extend(rpc.as_deref());
    Served::ingest(&zmq, &flags).await
}

/// The state of a link and what is said of it, at the end of the chain; nothing while there is no price.
pub async fn hop(chain: &Plagued, name: &str) -> Option<(String, String)> {
    let price = price(chain.gateway.address).await?;
    let hops = price["hops"].as_array().unwrap();
    let hop = hops.iter().find(|hop| hop["name"] == name)?;
    let word = |field: &str| hop[field].as_str().unwrap_or_default().to_owned();
    Some((word("state"), word("detail")))
}

/// What the gateway says; nothing while it has no price.
async fn price(gateway: SocketAddr) -> Option<Value> {
    let (status, text) = get(&format!("http://{gateway}/api/v1/price")).await;
    (status == 200).then(|| serde_json::from_str(&text).unwrap())
}

fn is_well(price: &Value) -> bool {
    let hops = price["hops"].as_array().unwrap();
    hops.iter().all(|hop| hop["state"] == "connected")
}
