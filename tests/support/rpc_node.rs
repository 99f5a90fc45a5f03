//! A node's RPC that answers as a test says: a mempool and one block, over HTTP, with faults in between.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bitcoin::{
    BlockHash, CompactTarget, Transaction, TxMerkleNode, Txid,
    block::{Header, Version},
    consensus::encode::serialize_hex,
    hashes::Hash as _,
};
use satscope_kit::clock::unix_ms;
use serde_json::{Value, json};

/// What a call gets in place of the usual answer, by its method and by how often that method has been called before; `None`
/// for the usual one.
pub type Otherwise = fn(method: &str, before: usize) -> Option<Other>;

/// What comes in place of the usual answer.
#[derive(Clone, Debug)]
pub enum Other {
    /// Another result of the one call.
    Result(Value),
    /// This HTTP status and body for the whole request.
    Http(u16, String),
    /// A JSON-RPC error of the one call.
    Error(i64, &'static str),
    /// The connection ends without an answer.
    Cut,
    /// The usual answer, so much later.
    Late(Duration),
}

/// The node.
#[derive(Clone)]
pub struct RpcNode {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    mempool: Mutex<BTreeMap<Txid, (String, Transaction)>>,
    called: Mutex<BTreeMap<String, usize>>,
    otherwise: Otherwise,
    /// The topics' endpoint.
    zmq: String,
    /// Bytes of the longest answer.
    longest: AtomicUsize,
    tip: BlockHash,
    entered: u64,
}

impl RpcNode {
    /// A node that publishes at `zmq`.
    pub fn start(zmq: &str, otherwise: Otherwise) -> RpcNode {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let node = RpcNode {
            address: listener.local_addr().unwrap(),
            state: Arc::new(State {
                mempool: Mutex::default(),
                called: Mutex::default(),
                otherwise,
                zmq: zmq.to_owned(),
                longest: AtomicUsize::new(0),
                tip: tip(),
                entered: unix_ms() / 1000 - 60,
            }),
        };
        let served = node.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let served = served.clone();
                std::thread::spawn(move || served.serve(stream.unwrap()));
            }
        });
        node
    }

    /// The flag that tells ingest of it.
    pub fn flag(&self) -> String {
        format!("--rpc-url=http://{}", self.address)
    }

    /// Puts a transaction into the mempool.
    pub fn enter(&self, transaction: Transaction) -> Txid {
        let txid = transaction.compute_txid();
        let hex = serialize_hex(&transaction);
        let mut mempool = self.state.mempool.lock().unwrap();
        mempool.insert(txid, (hex, transaction));
        txid
    }

    /// How often a method has been called.
    pub fn called(&self, method: &str) -> usize {
        let called = self.state.called.lock().unwrap();
        called.get(method).copied().unwrap_or(0)
    }

    /// Bytes of the longest answer so far.
    pub fn longest_answer(&self) -> usize {
        self.state.longest.load(Ordering::Relaxed)
    }

    /// Answers on one connection until the other side has had enough.
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let request = asked(&mut reader)?;
            let (status, body) = self.answer(&request)?;
            self.state.longest.fetch_max(body.len(), Ordering::Relaxed);
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(body.as_bytes()).ok()?;
        }
    }

    /// Status and body; `None` to cut the connection.
    fn answer(&self, request: &Value) -> Option<(u16, String)> {
        let calls = match request {
            Value::Array(calls) => calls.clone(),
            call => vec![call.clone()],
        };
        let mut answers = Vec::new();
        for call in &calls {
            let method = call["method"].as_str()?;
            let before = {
                let mut called = self.state.called.lock().unwrap();
                let count = called.entry(method.to_owned()).or_default();
                *count += 1;
                *count - 1
            };
            let answer = match (self.state.otherwise)(method, before) {
                Some(Other::Http(status, body)) => return Some((status, body)),
                Some(Other::Cut) => return None,
                Some(Other::Error(code, message)) => Err((code, message)),
                Some(Other::Result(result)) => Ok(result),
                Some(Other::Late(pause)) => {
                    std::thread::sleep(pause);
                    self.result(method, &call["params"])
                }
                None => self.result(method, &call["params"]),
            };
            answers.push(match answer {
                Ok(result) => {
                    json!({"result": result, "error": null, "id": call["id"]}).to_string()
                }
                Err((code, message)) => {
                    let error = json!({"code": code, "message": message});
                    json!({"result": null, "error": error, "id": call["id"]}).to_string()
                }
            });
        }
        Some((
            200,
            match request {
                Value::Array(_) => format!("[{}]", answers.join(",")),
                _ => answers.remove(0),
            },
        ))
    }

    fn result(&self, method: &str, params: &Value) -> Result<Value, (i64, &'static str)> {
        let mempool = self.state.mempool.lock().unwrap();
        let asked = || {
            let txid: Option<Txid> = params[0].as_str().and_then(|txid| txid.parse().ok());
            let found = txid.and_then(|txid| mempool.get(&txid));
            found.ok_or((-5, "Transaction not in mempool"))
        };
        let line = |topic: &str| json!({"type": topic, "address": self.state.zmq, "hwm": 100_000});
        Ok(match method {
            "getblockchaininfo" => json!({
                "chain": "main", "blocks": 900_000, "headers": 900_000,
                "bestblockhash": self.state.tip, "initialblockdownload": false,
                "verificationprogress": 1,
            }),
            "getmempoolinfo" => json!({"size": mempool.len(), "loaded": true}),
            "getbestblockhash" => json!(self.state.tip),
            // Older than the window: no block is asked for.
            "getblockheader" => json!({
                "hash": self.state.tip, "height": 900_000, "time": header().time,
                "confirmations": 1,
            }),
            "getrawmempool" => {
                let txids: Vec<&Txid> = mempool.keys().collect();
                json!({"txids": txids, "mempool_sequence": 1})
            }
            "getmempoolentry" => {
                let (_, transaction) = asked()?;
                let weight = transaction.weight().to_wu();
                json!({"time": self.state.entered, "weight": weight})
            }
            "getrawtransaction" => json!(asked()?.0),
            "getzmqnotifications" => json!([line("pubrawtx"), line("pubsequence")]),
            _ => return Err((-32601, "Method not found")),
        })
    }
}

/// The hash of the one block.
pub fn tip() -> BlockHash {
    header().block_hash()
}

/// The header of the one block, of the year 2023.
fn header() -> Header {
    Header {
        version: Version::TWO,
        prev_blockhash: BlockHash::all_zeros(),
        merkle_root: TxMerkleNode::all_zeros(),
        time: 1_700_000_000,
        bits: CompactTarget::from_consensus(0x1d00_ffff),
        nonce: 7,
    }
}

/// The JSON of the next request; `None` if the other side has ended the connection, or sends no JSON.
pub fn asked(reader: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
