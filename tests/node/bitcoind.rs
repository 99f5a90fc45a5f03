//! A bitcoind on regtest: its process, and the calls that the situations make.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use bitcoin::{BlockHash, Transaction, Txid, consensus::encode::serialize_hex};
use serde_json::{Value, json};

use crate::{
    coins::descriptor,
    rpc::Rpc,
    support::{
        part::{Folder, Part, bare, reserve_address},
        wait::until,
    },
};

/// The environment variable with the path of bitcoind.
const BINARY: &str = "BITCOIND";
/// Flags of every node: loopback only, no wallet, no other network, queues as the README advises.
const FLAGS: [&str; 11] = [
    "-regtest",
    "-server",
    "-printtoconsole",
    "-nodebuglogfile",
    "-listen",
    "-dnsseed=0",
    "-fixedseeds=0",
    "-listenonion=0",
    "-discover=0",
    "-zmqpubrawtxhwm=100000",
    "-zmqpubsequencehwm=100000",
];

/// A block, as far as the situations look at it.
#[derive(Clone, Debug)]
pub struct Block {
    /// Of its header, Unix seconds.
    pub time: u64,
    /// Without the coinbase.
    pub txids: Vec<Txid>,
    pub previous: Option<BlockHash>,
}

/// A node; its folder goes with it.
pub struct Bitcoind {
    part: Option<Part>,
    pub rpc: Rpc,
    pub zmq: SocketAddr,
    pub p2p: SocketAddr,
    flags: Vec<String>,
    folder: Folder,
}

impl Bitcoind {
    /// Starts a node with an empty folder, and waits until its RPC answers; `name` is unique in this test program.
    pub async fn start(name: &str, flags: &[&str]) -> Bitcoind {
        let mut node = Bitcoind::prepare(name, flags);
        node.run(&[]).await;
        node
    }

    /// A node that does not run yet, on ports that are known.
    pub fn prepare(name: &str, flags: &[&str]) -> Bitcoind {
        let mut node = Bitcoind::without_zmq(name, flags);
        let publishes = |topic| format!("-zmqpub{topic}=tcp://{}", node.zmq);
        let topics = ["rawtx", "sequence"].map(publishes);
        node.flags.extend(topics);
        node
    }

    /// The same without ZMQ, whose folder has a `bitcoin.conf` to find it by.
    pub fn without_zmq(name: &str, flags: &[&str]) -> Bitcoind {
        let folder = Folder::new(&format!("node-{name}"));
        let (rpc, zmq, p2p) = (reserve_address(), reserve_address(), reserve_address());
        let configuration = format!("regtest=1\n[regtest]\nrpcport={}\n", rpc.port());
        std::fs::write(Path::new(folder.path()).join("bitcoin.conf"), configuration).unwrap();
        let addresses = [
            format!("-datadir={}", folder.path()),
            format!("-bind={p2p}"),
        ];
        let given = FLAGS.iter().chain(flags).map(|flag| (*flag).to_owned());
        Bitcoind {
            part: None,
            rpc: Rpc::new(rpc, Path::new(folder.path()).join("regtest/.cookie")),
            zmq,
            p2p,
            flags: given.chain(addresses).collect(),
            folder,
        }
    }

    /// Starts it, with these flags beside its own, and waits until its RPC answers.
    pub async fn run(&mut self, flags: &[&str]) {
        self.launch(flags);
        until("the node's RPC", async || {
            self.rpc.ask("getblockchaininfo", json!([])).await.ok()
        })
        .await;
    }

    /// Starts it without waiting.
    pub fn launch(&mut self, flags: &[&str]) {
        let binary = std::env::var(BINARY).unwrap_or_else(|_| {
            panic!("{BINARY} is not set; expected the path that scripts/bitcoind prints")
        });
        let mut command = bare(&binary);
        command.args(&self.flags).args(flags);
        self.part = Some(Part::start(&mut command));
    }

    /// Stops it in order: it writes mempool.dat.
    pub async fn stop(&mut self) {
        self.rpc.call("stop", json!([])).await;
        if let Some(mut part) = self.part.take() {
            part.ended().await;
        }
    }

    /// Sends SIGKILL.
    pub async fn kill(&mut self) {
        if let Some(mut part) = self.part.take() {
            part.kill().await;
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.part.as_ref().expect("a running node").id()
    }

    /// Its data folder.
    pub fn folder(&self) -> &str {
        self.folder.path()
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    /// The file with the RPC's cookie.
    pub fn cookie(&self) -> PathBuf {
        self.path("regtest/.cookie")
    }

    /// Sets the node's clock, Unix seconds; 0 for the system's.
    pub async fn set_time(&self, time: u64) {
        self.rpc.call("setmocktime", json!([time])).await;
    }

    /// Mines this number of blocks with the mempool's transactions; their hashes.
    pub async fn generate(&self, blocks: u32) -> Vec<BlockHash> {
        let hashes = self
            .rpc
            .call("generatetodescriptor", json!([blocks, descriptor()]))
            .await;
        serde_json::from_value(hashes).unwrap()
    }

    /// Mines one block with just these transactions, whether the mempool has them or not.
    pub async fn generate_with(&self, transactions: &[Transaction]) -> BlockHash {
        let raw: Vec<String> = transactions.iter().map(serialize_hex).collect();
        let answer = self
            .rpc
            .call("generateblock", json!([descriptor(), raw]))
            .await;
        serde_json::from_value(answer["hash"].clone()).unwrap()
    }

    /// Hands transactions in, each for itself.
    pub async fn send(&self, transactions: &[Transaction]) {
        let calls = transactions
            .iter()
            .map(|transaction| json!([serialize_hex(transaction), 0]));
        self.rpc
            .call_each("sendrawtransaction", calls.collect())
            .await;
    }

    /// Hands a package in; all of it must be taken.
    pub async fn submit_package(&self, package: &[Transaction]) {
        let raw: Vec<String> = package.iter().map(serialize_hex).collect();
        let answer = self.rpc.call("submitpackage", json!([raw, 0])).await;
        assert_eq!(answer["package_msg"], "success", "{answer}");
    }

    /// The txids in the mempool.
    pub async fn mempool(&self) -> BTreeSet<Txid> {
        let txids = self.rpc.call("getrawmempool", json!([])).await;
        serde_json::from_value(txids).unwrap()
    }

    /// When these transactions of the mempool entered it, Unix seconds.
    pub async fn entry_times(&self, txids: &[Txid]) -> Vec<u64> {
        let calls = txids.iter().map(|txid| json!([txid]));
        let entries = self.rpc.call_each("getmempoolentry", calls.collect()).await;
        entries
            .iter()
            .map(|entry| entry["time"].as_u64().unwrap())
            .collect()
    }

    /// The newest block.
    pub async fn tip(&self) -> BlockHash {
        let hash = self.rpc.call("getbestblockhash", json!([])).await;
        serde_json::from_value(hash).unwrap()
    }

    /// The number of blocks after the first one.
    pub async fn height(&self) -> u64 {
        self.rpc
            .call("getblockcount", json!([]))
            .await
            .as_u64()
            .unwrap()
    }

    /// A block by its hash.
    pub async fn block(&self, hash: BlockHash) -> Block {
        let block = self.rpc.call("getblock", json!([hash, 1])).await;
        let txids: Vec<Txid> = serde_json::from_value(block["tx"].clone()).unwrap();
        Block {
            time: block["time"].as_u64().unwrap(),
            txids: txids[1..].to_vec(),
            previous: serde_json::from_value(block["previousblockhash"].clone()).unwrap(),
        }
    }

    /// Connects it to another node.
    pub async fn connect(&self, other: &Bitcoind) {
        let peer = json!([other.p2p.to_string(), "onetry"]);
        self.rpc.call("addnode", peer).await;
    }

    /// Connects it to another node, and waits until both have the same newest block.
    pub async fn meet(&self, other: &Bitcoind) {
        self.connect(other).await;
        self.has_tip(other.tip().await).await;
    }

    /// Waits until its newest block is this one.
    pub async fn has_tip(&self, hash: BlockHash) {
        until("the other node's newest block", async || {
            (self.tip().await == hash).then_some(())
        })
        .await;
    }

    /// A call without an answer that matters.
    pub async fn order(&self, method: &str, params: Value) {
        self.rpc.call(method, params).await;
    }
}
