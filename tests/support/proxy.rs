//! A TCP proxy between two parts, in the test's own process: what can go wrong between machines, at the test's word.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Pieces that may be under way in one direction; what comes after them stays with the sender.
const UNDER_WAY: usize = 1024;
const PIECE_BYTES: usize = 64 << 10;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// What happens to what is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// It arrives.
    Pass,
    /// It arrives so much later.
    Delay(Duration),
    /// Connections stay open and new ones are accepted, but nothing passes before the mode changes.
    Freeze,
    /// Connections stay open and new ones are accepted, and what is sent vanishes: a peer that is gone without a word.
    /// Connections that have lost something are reset when the mode changes.
    BlackHole,
    /// Connections are reset, and new ones refused.
    Refuse,
}

#[derive(Clone, Copy, Debug)]
struct Orders {
    mode: Mode,
    target: SocketAddr,
    /// Connections made before the last cut are reset.
    cuts: u64,
}

/// The proxy; it ends when it is dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    orders: watch::Sender<Orders>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// On a free port, before the part that listens on `target`; that need not stand yet.
    #[allow(clippy::unused_async, reason = "its sockets need a runtime")]
    pub async fn before(target: SocketAddr) -> Proxy {
        // Bound and never listening: nobody else gets the port while connections are refused.
        let port = socket("127.0.0.1:0".parse().unwrap());
        let address = port.local_addr().unwrap();
        let (orders, heard) = watch::channel(Orders {
            mode: Mode::Pass,
            target,
            cuts: 0,
        });
        let listener = socket(address).listen(BACKLOG).unwrap();
        let task = tokio::spawn(run(port, listener, heard));
        Proxy {
            address,
            orders,
            task,
        }
    }

    /// Goes over to another mode, for the connections that stand too.
    pub fn set(&self, mode: Mode) {
        self.orders.send_modify(|orders| orders.mode = mode);
    }

    /// New connections go to another place: the part has been started again.
    pub fn retarget(&self, target: SocketAddr) {
        self.orders.send_modify(|orders| orders.target = target);
    }

    /// Resets all connections that stand.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A socket that shares its address with those of its kind.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn run(port: TcpSocket, mut listener: TcpListener, orders: watch::Receiver<Orders>) {
    let address = port.local_addr().unwrap();
    let mut mode = orders.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(stream, orders.clone()));
                }
            }
            changed = mode.changed() => {
                if changed.is_err() {
                    return;
                }
                if mode.borrow_and_update().mode == Mode::Refuse {
                    drop(listener);
                    if mode.wait_for(|orders| orders.mode != Mode::Refuse).await.is_err() {
                        return;
                    }
                    listener = socket(address).listen(BACKLOG).unwrap();
                }
            }
        }
    }
}

/// Carries one connection until it is told to reset it, or a side ends it, which resets the other.
async fn connection(mut client: TcpStream, mut orders: watch::Receiver<Orders>) {
    client.set_zero_linger().unwrap();
    let born = orders.borrow().cuts;
    let carrying = carry(&mut client, orders.clone());
    let told = orders.wait_for(|orders| orders.cuts > born || orders.mode == Mode::Refuse);
    tokio::select! {
        _ = carrying => {}
        _ = told => {}
    }
}

async fn carry(client: &mut TcpStream, mut orders: watch::Receiver<Orders>) -> io::Result<()> {
    leave(&mut orders, |mode| {
        matches!(mode, Mode::Freeze | Mode::BlackHole)
    })
    .await?;
    let target = orders.borrow().target;
    let mut server = TcpStream::connect(target).await?;
    server.set_zero_linger()?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        ended = pump(from_client, to_server, orders.clone()) => ended,
        ended = pump(from_server, to_client, orders) => ended,
    }
}

/// Waits until the mode is none of these.
async fn leave(
    orders: &mut watch::Receiver<Orders>,
    held: impl Fn(Mode) -> bool,
) -> io::Result<()> {
    let left = orders.wait_for(|orders| !held(orders.mode)).await;
    left.map(drop).map_err(io::Error::other)
}

/// One direction of a connection.
async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    orders: watch::Receiver<Orders>,
) -> io::Result<()> {
    let (pieces, under_way) = mpsc::channel(UNDER_WAY);
    tokio::select! {
        ended = take(from, pieces, orders.clone()) => ended,
        ended = deliver(to, under_way, orders) => ended,
    }
}

type Piece = (Instant, Vec<u8>);

async fn take(
    mut from: ReadHalf<'_>,
    pieces: mpsc::Sender<Piece>,
    mut orders: watch::Receiver<Orders>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        leave(&mut orders, |mode| mode == Mode::Freeze).await?;
        let taken = from.read(&mut buffer).await;
        if orders.borrow().mode == Mode::BlackHole {
            return vanish(&mut orders).await;
        }
        let piece = match taken? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => buffer[..length].to_vec(),
        };
        pieces
            .send((Instant::now(), piece))
            .await
            .map_err(io::Error::other)?;
    }
}

async fn deliver(
    mut to: WriteHalf<'_>,
    mut under_way: mpsc::Receiver<Piece>,
    mut orders: watch::Receiver<Orders>,
) -> io::Result<()> {
    while let Some((sent, piece)) = under_way.recv().await {
        let mode = orders.borrow().mode;
        if let Mode::Delay(delay) = mode {
            sleep_until(sent + delay).await;
        }
        leave(&mut orders, |mode| mode == Mode::Freeze).await?;
        if orders.borrow().mode == Mode::BlackHole {
            return vanish(&mut orders).await;
        }
        to.write_all(&piece).await?;
    }
    Ok(())
}

/// Something was lost, or a side has ended that nobody shall hear of: nothing more until the mode changes, and then the
/// end of the connection.
async fn vanish(orders: &mut watch::Receiver<Orders>) -> io::Result<()> {
    leave(orders, |mode| mode == Mode::BlackHole).await?;
    Err(io::ErrorKind::ConnectionReset.into())
}
