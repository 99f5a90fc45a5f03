//! A WebSocket client that holds every message to the schema.

use std::{
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        http,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::within_patience;

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Connects; `query` is what follows the path.
    pub async fn connect(gateway: SocketAddr, query: &str) -> Self {
        let stream = TcpStream::connect(gateway).await.unwrap();
        Client::over(stream, gateway, query).await
    }

    /// With a receive buffer so small that what it does not read waits at the gateway.
    pub async fn connect_narrow(gateway: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(gateway).await.unwrap();
        Client::over(stream, gateway, "").await
    }

    /// From another address of this machine.
    pub async fn connect_from(from: IpAddr, gateway: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(gateway).await.unwrap();
        Client::over(stream, gateway, "").await
    }

    async fn over(stream: TcpStream, gateway: SocketAddr, query: &str) -> Self {
        let url = format!("ws://{gateway}/ws/mempool{query}");
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let connecting = tokio_tungstenite::client_async_with_config(url, stream, Some(config));
        let (socket, _) = within_patience("a handshake", connecting).await.unwrap();
        Client { socket }
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        within_patience("a message", async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return checked(&text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("expected a message, got {other:?}"),
                }
            }
        })
        .await
    }

    /// Reads on to the first message that is so, and gives all up to it.
    pub async fn read_until(&mut self, is_so: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            messages.push(self.next().await);
            if messages.last().is_some_and(&is_so) {
                return messages;
            }
        }
    }

    /// Reads on to the one with this sequence, and gives all up to it.
    pub async fn read_to(&mut self, sequence: u64) -> Vec<Value> {
        self.read_until(|message| message["data"]["sequence"] == sequence)
            .await
    }

    /// What the gateway closes with, whatever comes before it.
    pub async fn closed(&mut self) -> Option<CloseFrame> {
        within_patience("a close", async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => return frame,
                    Some(Ok(_)) => {}
                    other => panic!("expected a close frame, got {other:?}"),
                }
            }
        })
        .await
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends as part of many: that the gateway may have had enough by then is no failure.
    pub async fn feed(&mut self, message: Message) {
        if let Err(error) = self.socket.send(message).await {
            assert!(!matches!(error, tungstenite::Error::Capacity(_)), "{error}");
        }
    }

    /// Sends what need not be a frame.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        assert!(self.try_send_raw(bytes).await, "it is closed");
    }

    /// False when it is closed.
    pub async fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        let sent = self.socket.get_mut().write_all(bytes);
        within_patience("sending", sent).await.is_ok()
    }
}

/// A handshake that is not let in: the status and the problem.
pub async fn refused(gateway: SocketAddr, query: &str, origin: Option<&str>) -> (u16, Value) {
    let mut request = format!("ws://{gateway}/ws/mempool{query}")
        .into_client_request()
        .unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert(http::header::ORIGIN, origin.parse().unwrap());
    }
    let stream = TcpStream::connect(gateway).await.unwrap();
    match client_async(request, stream).await {
        Err(tungstenite::Error::Http(response)) => {
            let status = response.status().as_u16();
            let body = response.into_body().unwrap_or_default();
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The ids of a message's new points.
pub fn points(message: &Value) -> Vec<String> {
    let points = message["data"]["transactions"].as_array().unwrap();
    points
        .iter()
        .map(|point| point["id"].as_str().unwrap().to_owned())
        .collect()
}

/// State and detail of a hop.
pub fn hop(message: &Value, name: &str) -> (String, String) {
    let hops = message["data"]["hops"].as_array().unwrap();
    let hop = hops.iter().find(|hop| hop["name"] == name).unwrap();
    let text = |field: &str| hop[field].as_str().unwrap().to_owned();
    (text("state"), text("detail"))
}

/// A message, held to the schema.
pub fn checked(text: &str) -> Value {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let text = include_str!("../../../websocket-message.schema.json");
        jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
    });
    let message: Value = serde_json::from_str(text).unwrap();
    if let Err(error) = schema.validate(&message) {
        panic!("{}: {error} in {message}", error.instance_path());
    }
    message
}
