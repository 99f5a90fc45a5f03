//! A subscriber of ingest's stream that keeps all that it has heard.

use std::net::SocketAddr;

use bitcoin::Txid;
use satscope_proto::v1::{
    BlockConnected, Event, Hop, RemovalReason, StreamTransactionsResponse, event::Kind,
};
use tonic::Streaming;

use crate::support::{
    grpc::{next, status, stream_transactions},
    wait::in_time,
};

/// The subscriber.
pub struct Ear {
    stream: Streaming<StreamTransactionsResponse>,
    /// All events so far, oldest first.
    events: Vec<Event>,
}

impl Ear {
    /// Hears from the beginning of the window.
    pub async fn of(ingest: SocketAddr) -> Ear {
        Ear {
            stream: stream_transactions(ingest, None).await,
            events: Vec::new(),
        }
    }

    /// Listens until `probe` finds something in an event that has not been heard yet.
    pub async fn until<T>(&mut self, what: &str, probe: impl Fn(&Event) -> Option<T>) -> T {
        in_time(what, async {
            loop {
                let message = next(&mut self.stream).await.expect("a stream that goes on");
                let found = message.events.iter().find_map(&probe);
                self.events.extend(message.events);
                if let Some(found) = found {
                    return found;
                }
            }
        })
        .await
    }

    /// Listens until this transaction has been accepted.
    pub async fn until_accepted(&mut self, txid: Txid) {
        let txid: &[u8] = txid.as_ref();
        self.until("a transaction", |event| match &event.kind {
            Some(Kind::Accepted(accepted)) if accepted.txid == txid => Some(()),
            _ => None,
        })
        .await;
    }

    /// Listens until a status has a node's hop that is so.
    pub async fn until_node(&mut self, what: &str, is_so: impl Fn(&Hop) -> bool) -> Hop {
        let node = |event: &Event| status(event)?.hops.first().cloned();
        self.until(what, |event| node(event).filter(&is_so)).await
    }

    /// Why transactions were removed, as far as it was heard.
    pub fn removals(&self) -> Vec<RemovalReason> {
        let reason = |event: &Event| match &event.kind {
            Some(Kind::Removed(removed)) => Some(removed.reason()),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// The blocks that were connected, as far as they were heard.
    pub fn connected(&self) -> Vec<&BlockConnected> {
        let kinds = self.events.iter().filter_map(|event| event.kind.as_ref());
        let connected = kinds.filter_map(|kind| match kind {
            Kind::BlockConnected(block) => Some(block),
            _ => None,
        });
        connected.collect()
    }
}
