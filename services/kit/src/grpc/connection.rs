//! A gRPC client's connection: cut if the client does not begin in time, or leaves an answer unread.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use metrics::counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpIncoming};
use tracing::debug;

use super::limits::{CUT, GrpcLimits};

/// Bytes with which an HTTP/2 client begins. Source: RFC 9113, 3.4.
const PREFACE: usize = 24;
/// The pause after an accept that failed because this machine lacked something.
const PAUSE: Duration = Duration::from_secs(1);

/// The connections of a listener, each with its limits. One beyond `MAX_CONNECTIONS` is closed at once and counted.
pub fn incoming(
    listener: TcpListener,
    limits: GrpcLimits,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(limits.connections));
    TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .then(async |accepted| {
            if accepted.as_ref().is_err_and(is_of_this_machine) {
                sleep(PAUSE).await;
            }
            accepted
        })
        .map(move |accepted| {
            let stream = accepted?;
            let Ok(place) = places.clone().try_acquire_owned() else {
                counter!(CUT, "reason" => "too_many").increment(1);
                return Err(io::Error::other("too many connections"));
            };
            Ok(Connection::new(stream, place, limits.begin))
        })
}

/// Whether an accept failed because of this machine, such as too many open files. Without a pause it would be tried again at
/// once.
fn is_of_this_machine(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// `None` once the client has sent the preface.
    beginning: Option<Beginning>,
    cut: CancellationToken,
    is_cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: OwnedSemaphorePermit,
}

/// The bytes of the preface that the client has yet to send, and the time that is left for them.
#[derive(Debug)]
struct Beginning {
    missing: usize,
    time_left: Pin<Box<Sleep>>,
}

/// A call's handle of its connection.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Cancelled to close the connection, with all calls on it.
    pub cut: CancellationToken,
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit, begin: Duration) -> Connection {
        let cut = CancellationToken::new();
        Connection {
            stream,
            beginning: Some(Beginning {
                missing: PREFACE,
                time_left: Box::pin(sleep(begin)),
            }),
            is_cut: Box::pin(cut.clone().cancelled_owned()),
            cut,
            _place: place,
        }
    }

    /// An error if the connection was cut.
    fn check(&self) -> io::Result<()> {
        match self.cut.is_cancelled() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(()),
        }
    }
}

impl Beginning {
    /// Ready with an error once the time is over.
    fn poll_time(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.time_left.as_mut().poll(context));
        counter!(CUT, "reason" => "no_preface").increment(1);
        debug!(
            missing = self.missing,
            "a gRPC client did not begin in time"
        );
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut.poll_unpin(context).is_ready() {
            return Poll::Ready(self.check());
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let Some(beginning) = &mut self.beginning else {
            return read;
        };
        if read.is_pending() {
            return beginning.poll_time(context).map(Err);
        }
        let came = into.filled().len() - before;
        beginning.missing = beginning.missing.saturating_sub(came);
        if beginning.missing == 0 {
            self.beginning = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        ConnectionInfo {
            cut: self.cut.clone(),
        }
    }
}
