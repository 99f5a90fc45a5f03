#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use bitcoin::hex::DisplayHex as _;
use satscope_bitcoin::rpc::Auth;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

/// A block of the shape of its year, as the stand-in makes it.
fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/blocks");
    std::fs::read(format!("{folder}/{name}.blk")).unwrap()
}

/// What comes in place of the usual answer.
#[derive(Clone, Debug)]
enum Other {
    /// A status and a body for the whole request.
    Http(u16, &'static str),
    /// An error of each call.
    Error(i64),
    /// Other bytes of the block.
    Bytes(Vec<u8>),
}

#[derive(Debug, Default)]
struct Script {
    blocks: Vec<Vec<u8>>,
    has_rest: bool,
    prune_height: u32,
    /// Taken one by one, by the method that they are for.
    others: Vec<(&'static str, Other)>,
    /// Methods of the requests, and the calls in each.
    asked: Vec<(String, usize)>,
}

impl Script {
    fn header(&self, height: usize) -> Header {
        let header: bitcoin::block::Header =
            bitcoin::consensus::deserialize(&self.blocks[height][..80]).unwrap();
        Header {
            height: height as u32,
            hash: header.block_hash(),
            previous: header.prev_blockhash,
            time: header.time.into(),
        }
    }

    fn block(&self, hash: &str) -> Option<&Vec<u8>> {
        let mut heights = 0..self.blocks.len();
        let height = heights.find(|height| self.header(*height).hash.to_string() == hash);
        height.map(|height| &self.blocks[height])
    }

    fn other(&mut self, method: &str) -> Option<Other> {
        let at = self.others.iter().position(|(of, _)| *of == method)?;
        Some(self.others.remove(at).1)
    }

    fn answer(&mut self, path: &str, body: &str) -> (u16, Vec<u8>) {
        if let Some(rest) = path.strip_prefix("/rest/") {
            self.asked.push((rest.chars().take(5).collect(), 1));
            return match (self.has_rest, rest.strip_prefix("block/")) {
                (false, _) => (404, Vec::new()),
                (true, None) => {
                    let best = self.header(0).hash;
                    (200, json!({"bestblockhash": best}).to_string().into_bytes())
                }
                (true, Some(block)) => match self.block(block.trim_end_matches(".bin")) {
                    Some(bytes) => (200, bytes.clone()),
                    None => (404, Vec::new()),
                },
            };
        }
        let request: Value = serde_json::from_str(body).unwrap();
        let calls = request.as_array().cloned();
        let calls = calls.unwrap_or_else(|| vec![request.clone()]);
        let method = calls[0]["method"].as_str().unwrap().to_owned();
        self.asked.push((method.clone(), calls.len()));
        let other = self.other(&method);
        if let Some(Other::Http(status, body)) = other {
            return (status, body.into());
        }
        let results = calls.iter().map(|call| {
            let result = match (&other, call["params"][0].as_str()) {
                (Some(Other::Error(code)), _) => Err(*code),
                (Some(Other::Bytes(bytes)), _) => Ok(json!(bytes.to_lower_hex_string())),
                (_, None) => Ok(json!({
                    "chain": "regtest", "blocks": 9, "bestblockhash": self.header(0).hash,
                    "pruneheight": self.prune_height,
                })),
                (_, Some(hash)) => match self.block(hash) {
                    Some(bytes) => Ok(json!(bytes.to_lower_hex_string())),
                    None => Err(-5),
                },
            };
            match result {
                Ok(result) => json!({"result": result, "error": null, "id": call["id"]}),
                Err(code) => json!({"error": {"code": code, "message": "no"}, "id": call["id"]}),
            }
        });
        let results: Vec<Value> = results.collect();
        let body = match request.is_array() {
            true => json!(results).to_string(),
            false => results[0].to_string(),
        };
        (200, body.into_bytes())
    }
}

/// A node that answers by a script.
async fn node(script: Script) -> (CoreNode, Arc<Mutex<Script>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = Arc::new(Mutex::new(script));
    let served = script.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, served.clone()));
        }
    });
    let rpc = Rpc::new(&url, &url, Auth::None).unwrap();
    (CoreNode::new(rpc, Cpu::new(1).unwrap(), 2), script)
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut read = Vec::new();
    while let Ok(more) = stream.read_buf(&mut read).await {
        if more == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().unwrap())
        });
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let path = head.split(' ').nth(1).unwrap();
        let (status, body) = script.lock().unwrap().answer(path, body);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = [head.into_bytes(), body].concat();
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        read.clear();
    }
}

fn years() -> Script {
    let names = [
        "2015-legacy",
        "2018-wrapped",
        "2022-taproot",
        "2024-inscriptions",
    ];
    Script {
        blocks: names.map(fixture).to_vec(),
        ..Script::default()
    }
}

fn all(script: &Script) -> (Vec<Header>, Vec<BlockPayments>) {
    let headers: Vec<Header> = (0..4).map(|height| script.header(height)).collect();
    let found = headers.iter().zip(&script.blocks);
    let found = found.map(|(header, bytes)| payments(header.hash, bytes).unwrap());
    let found = found.collect();
    (headers, found)
}

async fn read_all(node: &CoreNode, headers: &[Header]) -> Result<Vec<BlockPayments>, NodeError> {
    let mut found = Vec::new();
    while found.len() < headers.len() {
        found.extend(node.payments(&headers[found.len()..]).await?);
    }
    Ok(found)
}

#[tokio::test]
async fn blocks_come_in_batches_over_rpc_and_one_by_one_over_rest() {
    let script = years();
    let (headers, expected) = all(&script);
    let (node, script) = self::node(script).await;
    assert_eq!(read_all(&node, &headers).await.unwrap(), expected);
    let asked = std::mem::take(&mut script.lock().unwrap().asked);
    let asked: Vec<(&str, usize)> = asked
        .iter()
        .map(|(what, count)| (&**what, *count))
        .collect();
    assert_eq!(
        asked,
        [
            ("chain", 1),
            ("getblock", 1),
            ("getblock", 2),
            ("getblock", 1)
        ]
    );
    let rest = Script {
        has_rest: true,
        ..years()
    };
    let (node, script) = self::node(rest).await;
    assert_eq!(read_all(&node, &headers).await.unwrap(), expected);
    assert!(
        script
            .lock()
            .unwrap()
            .asked
            .iter()
            .all(|(what, _)| what != "getblock")
    );
}

#[tokio::test]
async fn a_busy_node_and_another_block_are_asked_again() {
    let script = Script {
        others: vec![
            ("getblock", Other::Http(503, "Work queue depth exceeded")),
            ("getblock", Other::Error(-32603)),
            ("getblock", Other::Bytes(fixture("2018-wrapped"))),
            ("getblock", Other::Bytes(vec![0; 10])),
        ],
        ..years()
    };
    let (headers, expected) = all(&script);
    let (node, script) = self::node(script).await;
    assert_eq!(node.payments(&headers[..1]).await.unwrap(), expected[..1]);
    assert_eq!(script.lock().unwrap().asked.len(), 6);
}

#[tokio::test]
async fn a_block_that_stays_unreadable_counts_as_one_without_payments() {
    let half = fixture("2015-legacy")[..2000].to_vec();
    let others = (0..9).map(|_| ("getblock", Other::Bytes(half.clone())));
    let script = Script {
        others: others.collect(),
        ..years()
    };
    let (headers, _) = all(&script);
    let (node, _script) = self::node(script).await;
    let found = node.payments(&headers[..1]).await.unwrap();
    assert_eq!(found, [BlockPayments::default()]);
}

#[tokio::test]
async fn pruned_gone_and_refused_are_told_apart() {
    let script = Script {
        others: vec![
            ("getblock", Other::Error(-1)),
            ("getblock", Other::Error(-1)),
            ("getblock", Other::Error(-5)),
            ("getblock", Other::Http(403, "")),
        ],
        prune_height: 2,
        ..years()
    };
    let (headers, _) = all(&script);
    let (node, _script) = self::node(script).await;
    let pruned = node.payments(&headers[1..2]).await.unwrap_err();
    assert!(matches!(pruned, NodeError::Pruned(1)), "{pruned}");
    let fault = node.payments(&headers[3..]).await.unwrap_err();
    assert!(
        fault.is_fault(),
        "only what is below pruneheight is pruned: {fault}"
    );
    let gone = node.payments(&headers[3..]).await.unwrap_err();
    assert!(matches!(gone, NodeError::Changed(_)), "{gone}");
    let refused = node.payments(&headers[3..]).await.unwrap_err().to_string();
    assert!(refused.contains("getblock is not allowed"), "{refused}");
}

#[tokio::test]
async fn a_stand_in_that_knows_no_hash_of_a_block_says_so() {
    let script = Script {
        others: vec![
            ("getblockhash", Other::Error(-1)),
            ("getblockhash", Other::Error(-1)),
            ("getblockhash", Other::Error(-8)),
        ],
        ..years()
    };
    let (node, _script) = self::node(script).await;
    let gone = node.hash_at(7).await.unwrap_err();
    assert!(matches!(gone, NodeError::Gone(7)), "{gone}");
    let gone = node.headers(3..9).await.unwrap_err();
    assert!(matches!(gone, NodeError::Gone(3)), "{gone}");
    assert!(!gone.is_fault(), "it is not asked again at once");
    assert_eq!(node.hash_at(7).await.unwrap(), None);
}
