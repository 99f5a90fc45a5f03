//! The gateway's door, over a real socket: whatever a client sends, its connection ends and the next one is served.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use satscope_gateway::GatewaySettings;
use satscope_kit::Context;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

/// How long a connection may outlive its client's last word.
const PATIENCE: Duration = Duration::from_secs(20);
/// Ports that are used up before another loopback address takes its turn.
const PORTS: u32 = 10_000;
const HANDSHAKE: &[u8] = b"GET /ws/mempool HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    gateway: GatewaySettings,
}

/// A gateway without an analyzer, and the thread's runtime that drives it.
struct Running {
    runtime: Runtime,
    address: SocketAddr,
    connections: u32,
    /// Its tasks end when this is dropped.
    _context: Context,
}

impl Running {
    fn start() -> Running {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        // Nothing listens on port 9 of this address, so the gateway runs without an analyzer.
        let flags = [
            "gateway",
            "--gateway-listen=127.0.0.1:0",
            "--analyzer-url=http://127.0.0.1:9",
        ];
        let context = Context::default();
        let settings = Flags::parse_from(flags).gateway;
        let started = runtime.block_on(satscope_gateway::start(settings, &context));
        Running {
            runtime,
            address: started.unwrap(),
            connections: 0,
            _context: context,
        }
    }

    /// A connection from the loopback address whose turn it is: closed ones hold their ports for a minute.
    async fn connect(address: SocketAddr, number: u32) -> TcpStream {
        let [_, _, high, low] = (number / PORTS % 60_000 + 1).to_be_bytes();
        let socket = TcpSocket::new_v4().unwrap();
        let from = Ipv4Addr::new(127, 1, high, low);
        socket.bind((from, 0).into()).unwrap();
        socket.connect(address).await.unwrap()
    }
}

/// A byte says whether the rest comes after a good handshake, or is all that the client sends.
pub fn websocket(input: &[u8]) {
    static GATEWAY: LazyLock<Mutex<Running>> = LazyLock::new(|| Mutex::new(Running::start()));
    let [kind, sent @ ..] = input else {
        return;
    };
    let mut gateway = GATEWAY.lock().unwrap_or_else(PoisonError::into_inner);
    gateway.connections += 1;
    let (address, number) = (gateway.address, gateway.connections);
    gateway.runtime.block_on(async {
        let mut client = Running::connect(address, number).await;
        if kind % 2 == 1 {
            client.write_all(HANDSHAKE).await.unwrap();
        }
        let said = async {
            // The gateway may hang up in the middle, which is its right.
            if client.write_all(sent).await.is_ok() {
                client.shutdown().await.ok();
            }
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.ok();
            heard
        };
        let heard = tokio::time::timeout(PATIENCE, said).await;
        let heard = heard.expect("an end of the connection");
        assert!(
            kind % 2 == 0 || heard.starts_with(b"HTTP/1.1 101 "),
            "{heard:?}"
        );
    });
}
