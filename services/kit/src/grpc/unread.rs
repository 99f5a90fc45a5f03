//! Cuts the connection of a client that leaves an answer unread.
//!
//! An answer goes to the HTTP library in pieces of at most `PIECE` bytes. The library asks for the next piece when the client
//! has room for it. If it does not ask for long, the client does not read.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Bytes;
use metrics::counter;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};
use tracing::debug;

use super::{connection::ConnectionInfo, limits::CUT};

/// Bytes that wait for a client in the HTTP library, beyond those that the client has room for.
const PIECE: usize = 32 * 1024;
/// Number of looks at an answer in the time that a client has for a piece.
const LOOKS: u32 = 4;

/// The layer; a client has this long for each piece.
#[derive(Clone, Copy, Debug)]
pub struct ReadWithin(pub Duration);

impl<S> Layer<S> for ReadWithin {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched {
            inner,
            patience: self.0,
        }
    }
}

/// A service whose answers are watched.
#[derive(Clone, Debug)]
pub struct Watched<S> {
    inner: S,
    patience: Duration,
}

impl<S, Asked, Answered> Service<Request<Asked>> for Watched<S>
where
    S: Service<Request<Asked>, Response = Response<Answered>>,
    S::Future: Send + 'static,
{
    type Response = Response<WatchedBody<Answered>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Asked>) -> Self::Future {
        let connection = request.extensions().get::<ConnectionInfo>().cloned();
        let patience = self.patience;
        let answer = self.inner.call(request);
        Box::pin(async move {
            let pace = Arc::<Pace>::default();
            let answer = answer.await?;
            let watch = connection.map(|connection| {
                tokio::spawn(watch(pace.clone(), connection.cut, patience)).abort_handle()
            });
            Ok(answer.map(|body| WatchedBody {
                body: Box::pin(body),
                rest: Bytes::new(),
                pace,
                watch,
            }))
        })
    }
}

/// When the last piece was handed out, if no other has followed; `None` while the client waits for the service.
#[derive(Debug, Default)]
struct Pace(Mutex<Option<Instant>>);

impl Pace {
    fn set(&self, handed_out: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = handed_out;
    }

    fn is_unread(&self, patience: Duration) -> bool {
        let handed_out = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handed_out.is_some_and(|at| at.elapsed() >= patience)
    }
}

/// Waits until a piece has been left unread for `patience`, and cuts the connection.
async fn watch(pace: Arc<Pace>, cut: CancellationToken, patience: Duration) {
    while !pace.is_unread(patience) {
        tokio::time::sleep(patience / LOOKS).await;
    }
    if !cut.is_cancelled() {
        counter!(CUT, "reason" => "unread").increment(1);
        debug!("a gRPC client left an answer unread for {patience:?}");
        cut.cancel();
    }
}

/// An answer's body, in pieces.
#[derive(Debug)]
pub struct WatchedBody<B> {
    body: Pin<Box<B>>,
    /// The rest of the last data of `body`.
    rest: Bytes,
    pace: Arc<Pace>,
    watch: Option<AbortHandle>,
}

impl<B> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl<B: Body<Data = Bytes>> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.pace.set(None);
        if self.rest.is_empty() {
            match ready!(self.body.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.pace.set(Some(Instant::now()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.rest.is_empty() {
            true => self.body.size_hint(),
            false => SizeHint::default(),
        }
    }
}
