//! A client that sends bytes as they are; a library would not.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use super::within_patience;

pub struct Raw(TcpStream);

/// The status of an answer's head.
pub fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

impl Raw {
    pub async fn connect(gateway: SocketAddr) -> Self {
        Raw(TcpStream::connect(gateway).await.unwrap())
    }

    /// From another address of this machine.
    pub async fn connect_from(from: IpAddr, gateway: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        Raw(socket.connect(gateway).await.unwrap())
    }

    /// With a receive buffer so small that what it does not read waits at the gateway.
    pub async fn connect_narrow(gateway: SocketAddr) -> Self {
        Raw::connect_narrow_from([127, 0, 0, 1].into(), gateway).await
    }

    /// The same, from another address of this machine.
    pub async fn connect_narrow_from(from: IpAddr, gateway: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Raw(socket.connect(gateway).await.unwrap())
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        assert!(self.try_send(bytes).await, "it is closed");
    }

    /// False when it is closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        within_patience("sending", self.0.write_all(bytes))
            .await
            .is_ok()
    }

    /// All up to the end of the head; what comes after it is left.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        within_patience("a head", async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.unwrap());
            }
        })
        .await;
        String::from_utf8(head).unwrap()
    }

    /// Reads on until this comes.
    pub async fn take_until(&mut self, text: &str) {
        let mut taken = Vec::new();
        within_patience(text, async {
            while !String::from_utf8_lossy(&taken).contains(text) {
                taken.push(self.0.read_u8().await.unwrap());
            }
        })
        .await;
    }

    /// Takes 4 kB each 100 ms until there are so many bytes; how many there were when it was closed, if it was.
    pub async fn take_slowly(&mut self, length: usize) -> usize {
        let mut taken = 0;
        while taken < length {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let mut piece = [0; 4096];
            let reading = self.0.read(&mut piece);
            match within_patience("a piece", reading).await {
                Ok(0) | Err(_) => break,
                Ok(count) => taken += count,
            }
        }
        taken
    }

    /// All that comes until it is closed, or cut.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // What came before a reset is kept.
        let reading = self.0.read_to_end(&mut rest);
        if within_patience("the end", reading).await.is_err() {
            rest.shrink_to_fit();
        }
        String::from_utf8(rest).unwrap()
    }

    /// Shakes hands with these headers more; the head of the answer.
    pub async fn handshake(&mut self, headers: &str) -> String {
        let request = format!(
            "GET /ws/mempool HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        self.send(request.as_bytes()).await;
        self.head().await
    }
}
