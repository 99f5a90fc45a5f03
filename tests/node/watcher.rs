//! Ingest and analyzer on the node, with a ledger of what they must say.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bitcoin::Txid;
use satscope_proto::v1::{
    GetHistoryRequest, GetPriceRequest, HistoryEntry, Hop, HopState, PriceUpdate,
};

use crate::{
    bitcoind::Bitcoind,
    ledger::{Expected, Ledger},
    support::{
        chain::Served,
        grpc::prices,
        part::Folder,
        proxy::Proxy,
        wait::{PATIENCE, until},
    },
};

const PAUSE: Duration = Duration::from_millis(200);

/// Ingest with a journal, and an analyzer that outlives it.
pub struct Watcher {
    pub name: &'static str,
    pub ledger: Ledger,
    pub analyzer: Served,
    ingest: Option<Served>,
    to_ingest: Proxy,
    flags: Vec<String>,
    zmq: String,
    state: Folder,
}

impl Watcher {
    /// On a node that need not run yet.
    pub async fn start(name: &'static str, scene: &str, node: &Bitcoind) -> Watcher {
        let state = Folder::new(&format!("state-{scene}-{name}"));
        let zmq = format!("tcp://{}", node.zmq);
        let flags = vec![
            format!("--rpc-url={}", node.rpc.url()),
            format!("--rpc-cookie-file={}", node.cookie().display()),
            format!("--state-dir={}", state.path()),
        ];
        let ingest = start_ingest(&zmq, &flags).await;
        let to_ingest = Proxy::before(ingest.address).await;
        Watcher {
            name,
            ledger: Ledger::default(),
            analyzer: Served::analyzer(to_ingest.address).await,
            ingest: Some(ingest),
            to_ingest,
            flags,
            zmq,
            state,
        }
    }

    /// Its ingest; `None` while that is dead.
    pub fn ingest(&self) -> Option<&Served> {
        self.ingest.as_ref()
    }

    /// Sends SIGKILL to its ingest.
    pub async fn kill(&mut self) {
        if let Some(mut ingest) = self.ingest.take() {
            ingest.part.kill().await;
        }
    }

    /// Starts ingest again, on the journal that the one before it left.
    pub async fn restart(&mut self) {
        let ingest = start_ingest(&self.zmq, &self.flags).await;
        self.to_ingest.retarget(ingest.address);
        self.ingest = Some(ingest);
    }

    /// The analyzer's newest update.
    pub async fn update(&self) -> Option<PriceUpdate> {
        let mut client = prices(self.analyzer.address).await;
        client
            .get_price(GetPriceRequest {})
            .await
            .ok()?
            .into_inner()
            .update
    }

    /// All estimates since its start.
    pub async fn history(&self) -> Vec<HistoryEntry> {
        let mut client = prices(self.analyzer.address).await;
        let request = GetHistoryRequest {
            after_ms: 0,
            step_ms: 0,
        };
        client
            .get_history(request)
            .await
            .unwrap()
            .into_inner()
            .entries
    }

    /// The hop of the node.
    pub async fn node_hop(&self) -> Option<Hop> {
        let update = self.update().await?;
        update.hops.into_iter().find(|hop| hop.name == "node")
    }

    /// Waits until the analyzer says that ingest is in step with the node. A node in initial download is asked once a
    /// minute, so that this may take two.
    pub async fn is_in_step(&self) {
        let what = format!("{}: in step with the node", self.name);
        let is_connected = async || {
            let hop = self.node_hop().await?;
            (hop.state() == HopState::Connected).then_some(())
        };
        let began = Instant::now();
        while is_connected().await.is_none() && began.elapsed() < PATIENCE {
            tokio::time::sleep(PAUSE).await;
        }
        until(&what, is_connected).await;
    }

    /// Bytes of its journal.
    pub fn journal_bytes(&self) -> u64 {
        bytes_below(Path::new(self.state.path()))
    }

    /// Notes these transactions of the mempool as known by their entry times only.
    pub async fn learn_mempool(&mut self, node: &Bitcoind) {
        let unknown: Vec<Txid> = node
            .mempool()
            .await
            .into_iter()
            .filter(|txid| !self.ledger.has(txid))
            .collect();
        let times = node.entry_times(&unknown).await;
        for (txid, time) in unknown.into_iter().zip(times) {
            self.ledger.note(txid, Expected::entered(time));
        }
    }
}

async fn start_ingest(zmq: &str, flags: &[String]) -> Served {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Served::ingest(zmq, &flags).await
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path: PathBuf| {
            if path.is_dir() {
                bytes_below(&path)
            } else {
                std::fs::metadata(&path).unwrap().len()
            }
        })
        .sum()
}
