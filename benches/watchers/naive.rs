//! The server that the gateway is compared with, as one writes it at first. Each client has a task, which makes the text
//! of each update anew and sends it; nothing is shared, and nothing is bounded but by the channel.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use satscope_proto::v1::{
    PriceUpdate, PriceUpdatesRequest, price_service_client::PriceServiceClient,
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// Runs the process: prints its address, and serves the updates of the analyzer there.
#[tokio::main]
pub async fn run(analyzer: SocketAddr) {
    satscope_kit::net::allow_open_files(20_000).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let (updates, _) = broadcast::channel(16);
    let taken = updates.clone();
    tokio::spawn(async move {
        let mut client = PriceServiceClient::connect(format!("http://{analyzer}"))
            .await
            .unwrap()
            .max_decoding_message_size(64 << 20);
        let request = PriceUpdatesRequest::default();
        let mut stream = client.price_updates(request).await.unwrap().into_inner();
        while let Some(message) = stream.message().await.unwrap() {
            let update = message.update.unwrap();
            // There may be no client.
            updates.send(update).ok();
        }
    });
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, taken.subscribe()));
    }
}

async fn serve(stream: TcpStream, mut updates: broadcast::Receiver<PriceUpdate>) {
    let mut socket = accept_async(stream).await.unwrap();
    socket.send(Message::text("{}")).await.unwrap();
    loop {
        tokio::select! {
            update = updates.recv() => {
                let text = text(&update.unwrap());
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            heard = socket.next() => if heard.is_none_or(|heard| heard.is_err()) {
                return;
            },
        }
    }
}

/// The text of an update, which says as much as the gateway's own message.
fn text(update: &PriceUpdate) -> String {
    let estimate = update.estimate.as_ref();
    let counters = update.counters.unwrap_or_default();
    let points: Vec<_> = update
        .points
        .iter()
        .map(|point| {
            json!({
                "id": point.id,
                "timestamp": point.time_ms as f64 / 1000.0,
                "price": point.price_usd,
                "round_usd": point.round_usd,
            })
        })
        .collect();
    json!({
        "type": "mempool_update",
        "data": {
            "price": estimate.map(|estimate| estimate.price_usd),
            "confidence": estimate.map(|estimate| estimate.confidence),
            "interval": estimate.map(|estimate| [estimate.low_usd, estimate.high_usd]),
            "transactions": points,
            "stats": {
                "total_received": counters.received,
                "total_filtered": counters.filtered,
                "active_in_window": update.active,
                "uptime_seconds": counters.uptime_ms as f64 / 1000.0,
            },
            "timestamp": update.time_ms as f64 / 1000.0,
        },
    })
    .to_string()
}
