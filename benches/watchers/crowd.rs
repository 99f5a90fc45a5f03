//! The watchers, in a process of their own: many that read, and some that never do. It takes its orders from its standard
//! input, a line each, and answers each with a line.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::{ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use memchr::memmem;
use satscope_kit::net::allow_open_files;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use super::{support::part::Part, support::wait::until};

/// The beginning of the id of a dot that says when its update was sent; 16 digits of microseconds follow.
pub const MARK: &str = "sent";
/// The time between two looks at how many readers have been greeted.
const PAUSE: Duration = Duration::from_millis(1);
/// Readers of one address, fewer than a gateway allows by default.
const OF_ONE_ADDRESS: u32 = 200;
/// Handshakes at a time.
const AT_ONCE: u32 = 100;
const HANDSHAKE: &str = "GET /ws/mempool HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The process of the watchers, as the benchmark sees it.
pub struct Crowd {
    pub part: Part,
    orders: ChildStdin,
    answered: usize,
}

/// What the watchers got.
pub struct Got {
    /// Updates that a watcher got, on average.
    pub delivered: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub most_ms: f64,
    /// Messages that made a watcher begin anew.
    pub resets: f64,
}

impl Crowd {
    pub fn start(gateway: SocketAddr) -> Crowd {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["watch", &gateway.to_string()]);
        let mut part = Part::start(command.stdin(Stdio::piped()));
        Crowd {
            orders: part.orders().expect("its standard input"),
            part,
            answered: 0,
        }
    }

    /// Adds `count` "readers", or sets the number of "silent" watchers to `count`.
    pub async fn add(&mut self, kind: &str, count: u32) {
        self.order(&format!("{kind} {count}")).await;
    }

    /// Begins to count anew.
    pub async fn begin(&mut self) {
        self.order("begin").await;
    }

    /// What the watchers got since [`Crowd::begin`].
    pub async fn report(&mut self) -> Got {
        let answer = self.order("report").await;
        let numbers: Vec<f64> = answer
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        let [delivered, p50_ms, p99_ms, most_ms, resets] = numbers[..] else {
            panic!("{answer}");
        };
        Got {
            delivered,
            p50_ms,
            p99_ms,
            most_ms,
            resets,
        }
    }

    async fn order(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        self.answered += 1;
        let at = self.answered - 1;
        until(order, async || self.part.log().get(at).cloned()).await
    }
}

/// What all readers have seen.
#[derive(Default)]
struct Seen {
    /// Microseconds from an update's sending to its receipt.
    delays: Mutex<Vec<u32>>,
    greeted: AtomicU64,
    resets: AtomicU64,
}

/// Runs the process of the watchers.
#[tokio::main(flavor = "current_thread")]
pub async fn run(gateway: SocketAddr) {
    allow_open_files(20_000).unwrap();
    let (lines, mut orders) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in BufReader::new(std::io::stdin()).lines() {
            lines.blocking_send(line.unwrap()).unwrap();
        }
    });
    let seen = Arc::new(Seen::default());
    let (mut readers, mut silent) = (JoinSet::new(), JoinSet::new());
    while let Some(order) = orders.recv().await {
        let (word, number) = order.split_once(' ').unwrap_or((&order, "0"));
        let count: u32 = number.parse().unwrap();
        match word {
            "readers" => {
                let before = seen.greeted.load(Ordering::Relaxed);
                for at in 0..count {
                    readers.spawn(read(address_of(at), gateway, seen.clone()));
                    // At most [`AT_ONCE`] readers or so wait for their greeting.
                    while before + u64::from(at)
                        > seen.greeted.load(Ordering::Relaxed) + u64::from(AT_ONCE)
                    {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                while seen.greeted.load(Ordering::Relaxed) < before + u64::from(count) {
                    tokio::time::sleep(PAUSE).await;
                }
                println!("{count} readers");
            }
            "silent" => {
                silent.shutdown().await;
                for _ in 0..count {
                    silent.spawn(be_silent(gateway));
                }
                println!("{count} silent");
            }
            "begin" => {
                seen.delays.lock().unwrap().clear();
                seen.resets.store(0, Ordering::Relaxed);
                println!("begun");
            }
            "report" => report(&seen, readers.len()),
            other => panic!("no such order: {other}"),
        }
    }
}

fn report(seen: &Seen, readers: usize) {
    let mut delays = std::mem::take(&mut *seen.delays.lock().unwrap());
    delays.sort_unstable();
    let at = |share: f64| {
        let at = (delays.len() as f64 * share) as usize;
        f64::from(delays[at.min(delays.len() - 1)]) / 1000.0
    };
    let delivered = delays.len() as f64 / readers as f64;
    let resets = seen.resets.load(Ordering::Relaxed);
    println!("{delivered} {} {} {} {resets}", at(0.5), at(0.99), at(1.0));
}

/// The address, on this machine, of a reader.
fn address_of(reader: u32) -> SocketAddr {
    let first = Ipv4Addr::new(127, 1, 0, 1);
    let address = first.to_bits() + reader / OF_ONE_ADDRESS;
    (Ipv4Addr::from_bits(address), 0).into()
}

/// A connection from one of this machine's addresses.
pub async fn connect_from(from: SocketAddr, gateway: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from).unwrap();
    socket.connect(gateway).await.unwrap()
}

/// A watcher that takes all that comes.
async fn read(from: SocketAddr, gateway: SocketAddr, seen: Arc<Seen>) {
    let mut stream = connect_from(from, gateway).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut frames = Frames::default();
    let mut has_greeted = false;
    while let Some(frame) = frames.next(&mut stream).await {
        match frame {
            Frame::Message(text) => {
                if !has_greeted {
                    has_greeted = true;
                    seen.greeted.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                if memmem::find(&text, b"\"reset\":true").is_some() {
                    seen.resets.fetch_add(1, Ordering::Relaxed);
                }
                let now = micros();
                let mark = format!("\"id\":\"{MARK}");
                let mut delays = seen.delays.lock().unwrap();
                for at in memmem::find_iter(&text, &mark) {
                    let from = at + mark.len();
                    let digits = std::str::from_utf8(&text[from..from + 16]).unwrap();
                    let sent: u64 = digits.parse().unwrap();
                    delays.push(u32::try_from(now.saturating_sub(sent)).unwrap());
                }
            }
            // A pong without content, masked with zeros.
            Frame::Ping => stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap(),
        }
    }
    panic!("a watcher was sent away");
}

/// A watcher that takes nothing, and comes back when it is sent away.
async fn be_silent(gateway: SocketAddr) {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(gateway).await.unwrap();
        stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
        // Writing fails once the gateway has closed the connection.
        while stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

pub fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

enum Frame {
    Message(Vec<u8>),
    Ping,
}

/// Reads a server's frames with as little work as possible, so that the watchers do not take the machine.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    message: Vec<u8>,
    has_shaken_hands: bool,
}

impl Frames {
    /// The next frame; `None` when the connection has ended.
    async fn next(&mut self, stream: &mut TcpStream) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            stream.readable().await.ok()?;
            let mut read = [0; 16 * 1024];
            match stream.try_read(&mut read) {
                Ok(0) => return None,
                Ok(count) => self.bytes.extend_from_slice(&read[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        if !self.has_shaken_hands {
            let end = memmem::find(&self.bytes, b"\r\n\r\n")?;
            assert!(self.bytes.starts_with(b"HTTP/1.1 101"));
            self.bytes.drain(..end + 4);
            self.has_shaken_hands = true;
        }
        loop {
            let [first, second, ..] = self.bytes[..] else {
                return None;
            };
            let (head, length) = match second {
                127 => (
                    10,
                    u64::from_be_bytes(self.bytes.get(2..10)?.try_into().unwrap()) as usize,
                ),
                126 => (
                    4,
                    usize::from(u16::from_be_bytes(
                        self.bytes.get(2..4)?.try_into().unwrap(),
                    )),
                ),
                short => (2, usize::from(short)),
            };
            let payload = self.bytes.get(head..head + length)?;
            let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
            if opcode < 8 {
                self.message.extend_from_slice(payload);
            }
            self.bytes.drain(..head + length);
            match opcode {
                9 => return Some(Frame::Ping),
                0..=7 if is_last => return Some(Frame::Message(std::mem::take(&mut self.message))),
                _ => {}
            }
        }
    }
}
