//! The clients that stay and watch, by WebSocket or event stream; they are sent all that is new.

mod event_stream;
mod handshake;
pub mod settings;
mod shared;
mod socket;
mod watchers;

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    door::Door,
    state::{Newest, snapshot::Snapshot},
};
use settings::WatchSettings;
use shared::Shared;
use watchers::Watchers;

/// The state that all watchers share.
#[derive(Clone, Debug)]
pub struct Watch {
    messages: Arc<watch::Sender<Arc<Shared>>>,
    door: Door,
    watchers: Arc<Watchers>,
    limits: Arc<WatchSettings>,
    /// Time for a client to take the next data, and to answer a ping.
    stuck_after: Duration,
}

impl Watch {
    /// No watchers yet. Once `stop` is cancelled the watchers leave one after the other, the last after `leave_over`.
    pub fn new(
        settings: WatchSettings,
        door: Door,
        stop: CancellationToken,
        leave_over: Duration,
    ) -> Self {
        let watchers = Watchers::new(settings.gateway_max_clients, stop, leave_over);
        let (messages, _) = watch::channel(Arc::new(Shared::new(
            Arc::new(Snapshot::new()),
            settings.gateway_client_bytes as usize,
        )));
        Watch {
            messages: Arc::new(messages),
            stuck_after: door.stuck_after(),
            door,
            watchers: Arc::new(watchers),
            limits: Arc::new(settings),
        }
    }

    /// The routes `/ws/mempool` and `/api/v1/stream`.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/ws/mempool", get(handshake::open))
            .route("/api/v1/stream", get(event_stream::open))
            .with_state(self.clone())
    }

    /// Writes the messages for each new snapshot, once for all watchers, until the last watcher has left.
    pub fn write(&self, mut newest: Newest) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let (messages, all_gone) = (self.messages.clone(), self.all_gone());
        let largest = self.limits.gateway_client_bytes as usize;
        async move {
            let write = async {
                while newest.changed().await.is_ok() {
                    let snapshot = newest.borrow_and_update().clone();
                    messages.send_replace(Arc::new(Shared::new(snapshot, largest)));
                }
            };
            tokio::pin!(all_gone);
            tokio::select! {
                () = write => all_gone.await,
                () = &mut all_gone => {}
            }
            Ok(())
        }
    }

    /// Waits until the gateway stops and the last watcher has left.
    pub fn all_gone(&self) -> impl Future<Output = ()> + use<> {
        let watchers = self.watchers.clone();
        async move { watchers.all_gone().await }
    }
}
