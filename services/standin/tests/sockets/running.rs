//! Stand-ins on free ports: how they are started, heard, asked and ended.

use std::time::{Duration, Instant};

use clap::Parser;
use satscope_bitcoin::frame::Frame;
use satscope_standin::{ReplaySettings, Running, SimulateSettings, start_replay, start_simulation};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const FREE_PORTS: [&str; 4] = [
    "program",
    "--standin-zmq-listen=tcp://127.0.0.1:*",
    "--standin-rpc-listen=127.0.0.1:0",
    "--standin-zmq-hwm=0",
];

#[derive(Parser)]
pub struct Simulate {
    #[command(flatten)]
    pub settings: SimulateSettings,
}

#[derive(Parser)]
struct Replay {
    #[command(flatten)]
    settings: ReplaySettings,
}

pub async fn simulation(flags: &[&str], shutdown: &CancellationToken) -> Running {
    let arguments = FREE_PORTS.iter().chain(flags);
    let settings = Simulate::parse_from(arguments).settings;
    start_simulation(&settings, shutdown.clone()).await.unwrap()
}

pub async fn replay(flags: &[&str], shutdown: &CancellationToken) -> anyhow::Result<Running> {
    let settings = Replay::parse_from(FREE_PORTS.iter().chain(flags)).settings;
    start_replay(&settings, shutdown.clone()).await
}

/// A subscriber with every topic, `rawtx` last.
pub fn subscribe(running: &Running) -> zmq::Socket {
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    socket.set_rcvhwm(0).unwrap();
    socket.set_rcvtimeo(20_000).unwrap();
    socket.connect(running.zmq_endpoint()).unwrap();
    for topic in ["satscope", "hashblock", "rawblock", "sequence", "rawtx"] {
        socket.set_subscribe(topic.as_bytes()).unwrap();
    }
    socket
}

pub fn receive(socket: &zmq::Socket) -> Frame {
    Frame::from_parts(socket.recv_multipart(0).unwrap()).unwrap()
}

async fn post(running: &Running, body: String) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(running.rpc_url()).body(body);
    if let Some((user, password)) = running.rpc_login().and_then(|login| login.split_once(':')) {
        request = request.basic_auth(user, Some(password));
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The result of a call, or its error.
pub async fn call(running: &Running, method: &str, params: Value) -> Result<Value, Value> {
    let request = json!({"method": method, "params": params, "id": 1});
    let (_, mut answer) = post(running, request.to_string()).await;
    assert_eq!(answer["id"], 1);
    match answer["error"].take() {
        Value::Null => Ok(answer["result"].take()),
        error => Err(error),
    }
}

pub async fn until(running: &Running, condition: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let status = call(running, "standinstatus", json!([])).await.unwrap();
        if condition(&status) {
            return status;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{status}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn finish(running: Running, shutdown: CancellationToken) {
    shutdown.cancel();
    running.wait().await.unwrap();
}
