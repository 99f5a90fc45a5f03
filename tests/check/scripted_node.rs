//! A node's RPC that answers each call as a test says.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use serde_json::{Value, json};

use crate::support::rpc_node::asked;

/// How a scripted node answers one call: `None` says nothing for as long as the connection stands.
pub type Script = fn(method: &str, zmq: &str) -> Option<(u16, Value)>;

/// A node's RPC that answers as a test says.
pub fn scripted(script: Script, zmq: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let zmq = zmq.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, zmq) = (stream.unwrap(), zmq.clone());
            std::thread::spawn(move || answer(stream, script, &zmq));
        }
    });
    address
}

fn answer(mut stream: TcpStream, script: Script, zmq: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let call = asked(&mut reader)?;
    let Some((status, result)) = script(call["method"].as_str()?, zmq) else {
        // Until the other side has had enough.
        reader.read_to_end(&mut Vec::new()).ok()?;
        return None;
    };
    let body = match status {
        403 => String::new(),
        _ => json!({"result": result, "error": null, "id": 0}).to_string(),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()
}

/// The answers of a node that is well, which publishes `rawtx` and `sequence` at `zmq`.
#[allow(clippy::unnecessary_wraps, reason = "other nodes may be silent")]
pub fn well(method: &str, zmq: &str) -> Option<(u16, Value)> {
    let line = |topic: &str| json!({"type": topic, "address": zmq, "hwm": 100_000});
    let result = match method {
        "getblockchaininfo" => json!({
            "chain": "main", "blocks": 900_000, "headers": 900_000, "bestblockhash": "00".repeat(32),
            "initialblockdownload": false, "verificationprogress": 1,
        }),
        "getnetworkinfo" => {
            json!({"version": 290_100, "subversion": "/Satoshi:29.1.0/", "localrelay": true})
        }
        "getmempoolinfo" => json!({"size": 1234, "loaded": true}),
        "getzmqnotifications" => json!([line("pubrawtx"), line("pubsequence")]),
        _ => json!("x"),
    };
    Some((200, result))
}
