//! From the node's ZMQ to one client's WebSocket, through the whole chain: how much longer than the half second between
//! two updates it takes until a payment is a dot.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use satscope_bitcoin::frame::SequenceEvent;

use super::support::{
    chain::{Served, StandIn},
    socket::Socket,
};

/// Payments that are timed.
const PAYMENTS: usize = 500;
const UPDATE_EVERY: Duration = Duration::from_millis(500);

type Stamps = Arc<Mutex<HashMap<String, Instant>>>;

/// Prints the delays.
pub async fn run() {
    let node = StandIn::start(&["simulate", "--rate=10"]).await;
    let ingest = Served::ingest_with_rpc(&node).await;
    let analyzer = Served::analyzer(ingest.address).await;
    let gateway = Served::gateway(analyzer.address).await;
    let mut socket = Socket::connect(gateway.address).await;
    let in_step = |message: &serde_json::Value| {
        message["type"] == "mempool_update" && message["data"]["hops"][0]["state"] == "connected"
    };
    socket.read_until("a price in step", in_step).await;
    let published = listen(&node.zmq);
    let mut delays: Vec<Duration> = Vec::new();
    while delays.len() < PAYMENTS {
        let message = socket.next().await;
        let now = Instant::now();
        let mut published = published.lock().unwrap();
        for point in message["data"]["transactions"].as_array().unwrap() {
            let id = point["id"].as_str().unwrap();
            // A payment may have two dots, which come together; the first is timed.
            if let Some(at) = published.remove(id.split('-').next().unwrap()) {
                delays.push(now - at);
            }
        }
    }
    delays.sort_unstable();
    let ms = |share: f64| {
        let at = ((delays.len() as f64 * share) as usize).min(delays.len() - 1);
        delays[at].as_secs_f64() * 1000.0
    };
    println!("From ZMQ in to WebSocket out, one client, {PAYMENTS} payments:");
    println!(
        "  {:.0} ms p50, {:.0} ms p99: {:.0} ms beyond the {} ms between updates",
        ms(0.5),
        ms(0.99),
        ms(0.99) - UPDATE_EVERY.as_secs_f64() * 1000.0,
        UPDATE_EVERY.as_millis()
    );
}

/// The times at which a subscriber of the node hears that transactions entered the mempool, by the beginning of the
/// txid.
fn listen(endpoint: &str) -> Stamps {
    let stamps = Stamps::default();
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    socket.connect(endpoint).unwrap();
    socket.set_subscribe(b"sequence").unwrap();
    let heard = stamps.clone();
    std::thread::spawn(move || {
        loop {
            let parts = socket.recv_multipart(0).unwrap();
            let now = Instant::now();
            if let Ok(SequenceEvent::Added(txid, _)) = SequenceEvent::decode(&parts[1]) {
                let txid = txid.to_string();
                heard.lock().unwrap().insert(txid[..16].to_owned(), now);
            }
        }
    });
    stamps
}
