//! The gRPC service: it sends each subscriber the log from its last position on, and the mempool's txids.
//!
//! A subscriber that does not read holds the one message that waits for it, and its share of a copy of the window or of the
//! mempool. Its connection is cut after the time that [`satscope_kit::grpc`] allows.

mod mempool;
mod window;

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use satscope_kit::grpc::{Places, WHOLE_WITHIN};
use satscope_log::{Entry, Position};
use satscope_proto::v1::{
    ListMempoolRequest, ListMempoolResponse, StreamTransactionsRequest, StreamTransactionsResponse,
    ingest_service_server::IngestService,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{store::Store, wire};
use crate::metrics;
use mempool::Mempool;
pub use mempool::MempoolQuery;
use window::BATCH;

/// Messages that may wait for a subscriber; later entries wait in the log.
const AHEAD: usize = 1;
/// Calls of StreamTransactions that may be open at a time.
const MAX_SUBSCRIBERS: usize = 64;
/// Calls of ListMempool that may be open at a time.
const MAX_LISTINGS: usize = 4;

type Answer<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service.
pub struct Service {
    store: Arc<Store>,
    mempool: Mempool,
    subscribers: Places,
    listings: Places,
    /// Ends the streams when the process stops.
    stop: CancellationToken,
}

impl Service {
    /// A service that sends the content of `store`, and the answers to `queries` by the node's task, until `stop`.
    pub fn new(
        store: Arc<Store>,
        queries: mpsc::Sender<MempoolQuery>,
        stop: CancellationToken,
    ) -> Service {
        Service {
            store,
            mempool: Mempool::new(queries),
            subscribers: Places::new("StreamTransactions", ("MAX_SUBSCRIBERS", MAX_SUBSCRIBERS)),
            listings: Places::new("ListMempool", ("MAX_LISTINGS", MAX_LISTINGS)),
            stop,
        }
    }
}

#[tonic::async_trait]
impl IngestService for Service {
    type StreamTransactionsStream = Answer<StreamTransactionsResponse>;
    type ListMempoolStream = Answer<ListMempoolResponse>;

    async fn stream_transactions(
        &self,
        request: Request<StreamTransactionsRequest>,
    ) -> Result<Response<Self::StreamTransactionsStream>, Status> {
        let place = self.subscribers.enter()?;
        let after = request.into_inner().after.map(Position::from);
        let (messages, receiver) = mpsc::channel(AHEAD);
        let (store, stop) = (self.store.clone(), self.stop.clone());
        tokio::spawn(async move {
            metrics::subscribed();
            let serving = serve(&store, after, &messages);
            if let Some(Err(status)) = stop.run_until_cancelled(serving).await
                && messages.send(Err(status)).await.is_err()
            {
                tracing::debug!("a subscriber left before it was told why its stream ends");
            }
            metrics::unsubscribed();
            drop(place);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn list_mempool(
        &self,
        _: Request<ListMempoolRequest>,
    ) -> Result<Response<Self::ListMempoolStream>, Status> {
        let place = self.listings.enter()?;
        let txids = self.mempool.now().await?;
        let messages = mempool::messages(txids).map(move |message| {
            // Held until the last message has been taken, or the caller has left.
            let _held = &place;
            Ok(message)
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }
}

type Messages = mpsc::Sender<Result<StreamTransactionsResponse, Status>>;

/// Sends the entries after `after`, or the whole window and the entries after it, until the subscriber leaves. Each message is
/// made once there is room for it.
async fn serve(store: &Store, after: Option<Position>, messages: &Messages) -> Result<(), Status> {
    let mut head = store.watch();
    let mut position = match after.filter(|position| store.after(*position, 0).is_some()) {
        Some(position) => position,
        None => match send_window(store, messages).await? {
            Some(position) => position,
            None => return Ok(()),
        },
    };
    loop {
        let Ok(room) = messages.reserve().await else {
            return Ok(());
        };
        let Some(entries) = store.after(position, BATCH) else {
            drop(room);
            if store.epoch() == position.epoch {
                return Err(Status::out_of_range(
                    "too slow: what follows the last position is no longer held; begin again from the window",
                ));
            }
            // Every stamp has changed, because the clock was set.
            match send_window(store, messages).await? {
                Some(begun) => position = begun,
                None => return Ok(()),
            }
            continue;
        };
        if let Some(last) = entries.last() {
            position = last.position;
            room.send(Ok(message(entries)));
            continue;
        }
        drop(room);
        tokio::select! {
            changed = head.changed() => if changed.is_err() {
                return Ok(());
            },
            () = messages.closed() => return Ok(()),
        }
    }
}

fn message(entries: Vec<Entry>) -> StreamTransactionsResponse {
    StreamTransactionsResponse {
        reset: false,
        events: entries.into_iter().map(wire::event).collect(),
    }
}

/// Sends the window and `caught_up`. Returns the position of the window, or `None` if the subscriber has left.
///
/// # Errors
/// When the subscriber has not taken all of it within [`WHOLE_WITHIN`].
async fn send_window(store: &Store, messages: &Messages) -> Result<Option<Position>, Status> {
    let snapshot = store.snapshot();
    let sending = async {
        for part in 0..window::parts(&snapshot) {
            let Ok(room) = messages.reserve().await else {
                return None;
            };
            room.send(Ok(window::message(&snapshot, part)));
        }
        Some(snapshot.position)
    };
    timeout(WHOLE_WITHIN, sending).await.map_err(|_| {
        Status::out_of_range(format!(
            "too slow: the window was not taken within {WHOLE_WITHIN:?}; begin again from the window"
        ))
    })
}
