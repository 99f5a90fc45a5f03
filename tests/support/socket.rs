//! A WebSocket client of the gateway that holds every message to the gateway's own schema and to the contract's.

use std::net::SocketAddr;

use futures_util::StreamExt as _;
use jsonschema::Validator;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{data::contract, wait::in_time};

const OWN_SCHEMA: &str = include_str!("../../gateway/websocket-message.schema.json");

/// The client.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    own: Validator,
    /// Fixes `mempool_update` alone.
    contract: Option<Validator>,
}

impl Socket {
    /// Connects to the gateway there.
    pub async fn connect(gateway: SocketAddr) -> Socket {
        Socket::resume(gateway, 0).await
    }

    /// Connects as one who has seen all up to `after`; 0 is nothing.
    pub async fn resume(gateway: SocketAddr, after: u64) -> Socket {
        let url = format!("ws://{gateway}/ws/mempool?after={after}");
        let (stream, _) = in_time("a WebSocket", connect_async(url)).await.unwrap();
        let contract = contract().map(|path| std::fs::read_to_string(path).unwrap());
        Socket {
            stream,
            own: validator(OWN_SCHEMA),
            contract: contract.as_deref().map(validator),
        }
    }

    /// The next message, `mempool_update` or `status`.
    pub async fn next(&mut self) -> Value {
        loop {
            match in_time("a WebSocket message", self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return self.checked(&text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    /// Reads on until a message is so.
    pub async fn read_until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        in_time(what, async {
            loop {
                let message = self.next().await;
                if is_so(&message) {
                    return message;
                }
            }
        })
        .await
    }

    /// Reads on until the gateway closes; the reason that it gives.
    pub async fn closed(self) -> String {
        self.closed_with().await.1
    }

    /// The code that the gateway closes with, and the reason.
    pub async fn closed_with(mut self) -> (u16, String) {
        in_time("a close", async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Close(frame))) => {
                        let frame = frame.expect("a close frame with a code");
                        return (frame.code.into(), frame.reason.to_string());
                    }
                    Some(Ok(_)) => {}
                    other => panic!("expected a close, got {other:?}"),
                }
            }
        })
        .await
    }

    fn checked(&self, text: &str) -> Value {
        let message: Value = serde_json::from_str(text).unwrap();
        conform(&self.own, &message);
        if let Some(contract) = &self.contract
            && message["type"] == "mempool_update"
        {
            conform(contract, &message);
        }
        message
    }
}

fn validator(schema: &str) -> Validator {
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

fn conform(schema: &Validator, message: &Value) {
    if let Err(error) = schema.validate(message) {
        panic!("{}: {error} in {message}", error.instance_path());
    }
}
