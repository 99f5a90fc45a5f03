//! The gRPC service: the log to each subscriber from where it left off, and the mempool's txids.

use std::{pin::Pin, sync::Arc};

use bitcoin::{Txid, hashes::Hash as _};
use futures_util::Stream;
use satscope_log::{Entry, Position};
use satscope_proto::v1::{
    BlockConnected, CaughtUp, Event, ListMempoolRequest, ListMempoolResponse,
    StreamTransactionsRequest, StreamTransactionsResponse, event::Kind,
    ingest_service_server::IngestService,
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{
    store::{Snapshot, Store},
    wire,
};
use crate::metrics;

/// Events in one message: a few hundred kilobytes, well below gRPC's limit of 4 MB.
const BATCH: usize = 1000;
/// Txids in one message.
const TXIDS: usize = 10_000;
/// Messages that may wait for a subscriber; what comes after them waits in the log.
const AHEAD: usize = 4;

type Answer<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
/// A question for the node's task: which txids are in the mempool.
pub type MempoolQuery = oneshot::Sender<Vec<Txid>>;

/// The service.
pub struct Service {
    /// What is served.
    pub store: Arc<Store>,
    /// Where the node's task takes questions.
    pub queries: mpsc::Sender<MempoolQuery>,
    /// Ends the streams when the process stops.
    pub stop: CancellationToken,
}

#[tonic::async_trait]
impl IngestService for Service {
    type StreamTransactionsStream = Answer<StreamTransactionsResponse>;
    type ListMempoolStream = Answer<ListMempoolResponse>;

    async fn stream_transactions(
        &self,
        request: Request<StreamTransactionsRequest>,
    ) -> Result<Response<Self::StreamTransactionsStream>, Status> {
        let after = request.into_inner().after.as_ref().map(wire::position);
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
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn list_mempool(
        &self,
        _: Request<ListMempoolRequest>,
    ) -> Result<Response<Self::ListMempoolStream>, Status> {
        let (query, answer) = oneshot::channel();
        let unavailable = || Status::unavailable("ingest is stopping");
        self.queries
            .try_send(query)
            .map_err(|_| Status::resource_exhausted("too many ListMempool calls at once"))?;
        let txids = answer.await.map_err(|_| unavailable())?;
        let chunks: Vec<ListMempoolResponse> = txids
            .chunks(TXIDS)
            .map(|chunk| ListMempoolResponse {
                txids: chunk
                    .iter()
                    .map(|txid| txid.to_byte_array().to_vec())
                    .collect(),
            })
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks).map(Ok))))
    }
}

type Messages = mpsc::Sender<Result<StreamTransactionsResponse, Status>>;

/// Sends what followed `after`, or the whole window and then what follows, until the subscriber leaves.
async fn serve(store: &Store, after: Option<Position>, messages: &Messages) -> Result<(), Status> {
    let mut head = store.watch();
    let mut position = match after.filter(|position| store.after(*position, 0).is_some()) {
        Some(position) => position,
        None => match send_window(store, messages).await {
            Some(position) => position,
            None => return Ok(()),
        },
    };
    loop {
        let Some(entries) = store.after(position, BATCH) else {
            if store.epoch() == position.epoch {
                return Err(Status::out_of_range(
                    "too slow: what follows the last position is no longer held; begin again from the window",
                ));
            }
            // The clock was set: every stamp is another one now.
            match send_window(store, messages).await {
                Some(begun) => position = begun,
                None => return Ok(()),
            }
            continue;
        };
        match entries.last().map(|entry| entry.position) {
            Some(last) => position = last,
            None => {
                if head.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            }
        }
        if messages.send(Ok(message(entries))).await.is_err() {
            return Ok(());
        }
    }
}

fn message(entries: Vec<Entry>) -> StreamTransactionsResponse {
    StreamTransactionsResponse {
        reset: false,
        events: entries.into_iter().map(wire::event).collect(),
    }
}

/// Sends the window and `caught_up`; the position that it is at, or `None` when the subscriber has left.
async fn send_window(store: &Store, messages: &Messages) -> Option<Position> {
    let snapshot = store.snapshot();
    for message in window_messages(&snapshot) {
        messages.send(Ok(message)).await.ok()?;
    }
    Some(snapshot.position)
}

/// The window as a subscriber without a position gets it: transactions, blocks, status, `caught_up`.
fn window_messages(snapshot: &Snapshot) -> Vec<StreamTransactionsResponse> {
    let transactions = snapshot
        .transactions
        .iter()
        .map(|(accepted, state)| Kind::Accepted(wire::accepted(accepted, *state)));
    let blocks = snapshot.blocks.iter().map(|block| {
        Kind::BlockConnected(BlockConnected {
            block: Some(wire::block(block)),
            txids: Vec::new(),
        })
    });
    let status = snapshot
        .status
        .iter()
        .map(|status| Kind::Status(wire::node_status(status)));
    let events: Vec<Event> = transactions
        .chain(blocks)
        .chain(status)
        .chain([Kind::CaughtUp(CaughtUp {})])
        .map(|kind| wire::stamped(snapshot.position, snapshot.time_ms, kind))
        .collect();
    events
        .chunks(BATCH)
        .enumerate()
        .map(|(number, events)| StreamTransactionsResponse {
            reset: number == 0,
            events: events.to_vec(),
        })
        .collect()
}
