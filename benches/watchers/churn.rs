//! Connections that are opened and dropped, in a process of their own: at once, in the middle of a handshake, after it, and
//! in the middle of an answer.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

/// How long connections are opened, in seconds.
pub const SECONDS: u32 = 60;
/// Connections that are opened in a second.
const PER_SECOND: u32 = 1000;
/// Portions in which the connections of a second are opened.
const PORTIONS: u32 = 50;
const HALF: &[u8] =
    b"GET /ws/mempool HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
const REST: &[u8] =
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const QUESTION: &[u8] = b"GET /api/v1/points HTTP/1.1\r\nHost: bench\r\n\r\n";

/// Runs the process, which prints how many connections a second it opened.
#[tokio::main(flavor = "current_thread")]
pub async fn run(gateway: SocketAddr) {
    let mut every = tokio::time::interval(Duration::from_secs(1) / PORTIONS);
    let mut open = tokio::task::JoinSet::new();
    let began = Instant::now();
    for number in 0..SECONDS * PER_SECOND {
        if number.is_multiple_of(PER_SECOND / PORTIONS) {
            every.tick().await;
        }
        open.spawn(come_and_go(gateway, number));
        while let Some(ended) = open.try_join_next() {
            ended.unwrap();
        }
    }
    while let Some(ended) = open.join_next().await {
        ended.unwrap();
    }
    let rate = f64::from(SECONDS * PER_SECOND) / began.elapsed().as_secs_f64();
    println!("{rate:.0} a second");
}

/// Opens and drops a connection. Fifty addresses take turns, because a closed connection holds its port for a while.
async fn come_and_go(gateway: SocketAddr, number: u32) {
    let socket = TcpSocket::new_v4().unwrap();
    let from = Ipv4Addr::new(127, 0, 1, 1 + (number % 50) as u8);
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(gateway).await.unwrap();
    let mut some = [0; 1000];
    match number % 4 {
        0 => {}
        1 => stream.write_all(HALF).await.unwrap(),
        2 => {
            stream.write_all(&[HALF, REST].concat()).await.unwrap();
            stream.read_exact(&mut some).await.unwrap();
        }
        _ => {
            stream.write_all(QUESTION).await.unwrap();
            stream.read_exact(&mut some).await.unwrap();
        }
    }
    // Of each kind, every other connection is reset; the others are closed.
    if number % 8 < 4 {
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}
