//! A reverse proxy before one gateway: it serves it under a path of its own, and can make it look like two gateways with
//! two builds of the page that take turns.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The build that the gateway does not have; as long as a true one, so that lengths stay.
pub const OTHER_BUILD: &str = "feedfacefeedface";
/// A build that nobody has.
const NO_BUILD: &str = "0000000000000000";
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Which builds stand behind the proxy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Builds {
    /// The gateway's own.
    Own,
    /// The other: each mention of the own one, in requests and answers, is replaced.
    Other,
    /// Both, each for every second request.
    InTurn,
}

/// One request, as the proxy got it, and how it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub path: String,
    pub status: u16,
}

/// What all connections share.
struct Shared {
    gateway: SocketAddr,
    prefix: &'static str,
    build: String,
    builds: Mutex<Builds>,
    /// Connections end when it is told.
    cuts: watch::Sender<()>,
    turn: AtomicUsize,
    asked: Mutex<Vec<Asked>>,
}

/// The proxy; it ends when it is dropped.
pub struct Reverse {
    pub address: SocketAddr,
    /// The gateway's own build of the page.
    pub build: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Reverse {
    /// On a free port, before this gateway, under this path, which is empty or begins with a slash and ends with none.
    pub async fn before(gateway: SocketAddr, prefix: &'static str) -> Reverse {
        let document = reqwest::get(format!("http://{gateway}/")).await.unwrap();
        let document = document.text().await.unwrap();
        let (_, rest) = document.split_once("assets/").unwrap();
        let build = rest.split_once('/').unwrap().0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            gateway,
            prefix,
            build: build.clone(),
            builds: Mutex::new(Builds::Own),
            cuts: watch::channel(()).0,
            turn: AtomicUsize::new(0),
            asked: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Reverse {
            address,
            build,
            shared,
            task,
        }
    }

    /// The page's address.
    pub fn url(&self, rest: &str) -> String {
        format!("http://{}{}/{rest}", self.address, self.shared.prefix)
    }

    /// Puts other builds behind the proxy, for new connections.
    pub fn set(&self, builds: Builds) {
        *self.shared.builds.lock().unwrap() = builds;
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.shared.cuts.send_replace(());
    }

    /// All requests that were answered so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// How often the page was loaded: each time it asks for the script that is at the same address in all builds.
    pub fn loads(&self) -> usize {
        let asked = self.asked();
        let is_load = |asked: &&Asked| asked.path.ends_with("/start.js");
        asked.iter().filter(is_load).count()
    }
}

impl Drop for Reverse {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let mut cuts = shared.cuts.subscribe();
            tokio::select! {
                // A side that ends, or breaks off, ends the connection: the other side hears of it.
                _ = carry(client, &shared) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

/// Carries one request and its answer, which may be a socket's.
async fn carry(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let (head, rest) = read_head(&mut client).await?;
    let mut lines = head.split("\r\n");
    let request: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let &[method, path, _] = &request[..] else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let told = |status| {
        let path = path.split('?').next().unwrap_or_default().to_owned();
        shared.asked.lock().unwrap().push(Asked { path, status });
    };
    if !shared.prefix.is_empty() && path == shared.prefix {
        told(308);
        let (prefix, length) = (shared.prefix, "Content-Length: 0");
        let answer = format!(
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: {prefix}/\r\n{length}\r\nConnection: close\r\n\r\n"
        );
        return client.write_all(answer.as_bytes()).await;
    }
    let Some(stripped) = path
        .strip_prefix(shared.prefix)
        .filter(|path| path.starts_with('/'))
    else {
        told(404);
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(answer.as_bytes()).await;
    };
    let is_other = match *shared.builds.lock().unwrap() {
        Builds::Own => false,
        Builds::Other => true,
        Builds::InTurn => shared.turn.fetch_add(1, Ordering::Relaxed) % 2 == 1,
    };
    let stripped = match is_other {
        true => stripped
            .replace(&shared.build, NO_BUILD)
            .replace(OTHER_BUILD, &shared.build),
        false => stripped.to_owned(),
    };
    let mut server = TcpStream::connect(shared.gateway).await?;
    let head = forwarded(method, &stripped, lines);
    server.write_all(head.as_bytes()).await?;
    server.write_all(&rest).await?;
    let (head, rest) = read_head(&mut server).await?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    told(status.unwrap_or_default());
    let replaced = is_other.then_some((shared.build.as_bytes(), OTHER_BUILD.as_bytes()));
    client.write_all(head.as_bytes()).await?;
    answer(client, server, rest, replaced).await
}

/// The head of a request to the gateway: with neither what would compress the answer nor what would spare it, because
/// both are told of the own build.
fn forwarded<'a>(method: &str, path: &str, headers: impl Iterator<Item = &'a str>) -> String {
    let headers: Vec<&str> = headers.filter(|line| !line.is_empty()).collect();
    let name = |line: &str| {
        line.split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let is_socket = headers.iter().any(|line| name(line) == "upgrade");
    let mut dropped = vec!["accept-encoding", "if-none-match"];
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !is_socket {
        dropped.push("connection");
        head += "Connection: close\r\n";
    }
    for line in headers {
        if !dropped.contains(&&*name(line)) {
            head += line;
            head += "\r\n";
        }
    }
    head + "\r\n"
}

/// Reads up to the empty line; what came after it too.
async fn read_head(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(HEAD_END.len()).position(|at| at == HEAD_END) {
            let rest = read.split_off(end + HEAD_END.len());
            let head = String::from_utf8(read).map_err(io::Error::other)?;
            return Ok((head, rest));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Carries both directions until one side ends; in the answer, the first text of a pair is replaced by the second.
async fn answer(
    mut client: TcpStream,
    mut server: TcpStream,
    mut waiting: Vec<u8>,
    replaced: Option<(&[u8], &[u8])>,
) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = tokio::io::copy(&mut from_client, &mut to_server);
    let down = async {
        loop {
            let held = replaced.map_or(0, |(from, to)| replace(&mut waiting, from, to));
            let ready = waiting.len() - held;
            to_client.write_all(&waiting[..ready]).await?;
            waiting.drain(..ready);
            if from_server.read_buf(&mut waiting).await? == 0 {
                return to_client.write_all(&waiting).await;
            }
        }
    };
    tokio::select! {
        ended = up => ended.map(drop),
        ended = down => ended,
    }
}

/// Replaces a text by one of the same length; how many bytes at the end may be its beginning.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) -> usize {
    let found: Vec<usize> = memchr::memmem::find_iter(bytes, from).collect();
    for at in found {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    let begins = |held: &usize| bytes.ends_with(&from[..*held]);
    (1..from.len()).rev().find(begins).unwrap_or(0)
}
