//! Those who stay and watch: the WebSocket and the event stream, told all that is new.

mod event_stream;
mod handshake;
pub mod settings;
mod socket;
mod watchers;

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{door::Door, state::snapshot::State};
use settings::WatchSettings;
use watchers::Watchers;

/// What watchers share.
#[derive(Clone, Debug)]
pub struct Watch {
    state: watch::Receiver<State>,
    door: Door,
    watchers: Arc<Watchers>,
    limits: Arc<WatchSettings>,
    /// For what is sent to be taken, and for a ping to be answered.
    stuck_after: Duration,
}

impl Watch {
    /// As the settings say. Once `stop` is cancelled the watchers leave one after the other, the last after `leave_over`.
    pub fn new(
        settings: WatchSettings,
        state: watch::Receiver<State>,
        door: Door,
        stop: CancellationToken,
        leave_over: Duration,
    ) -> Self {
        let watchers = Watchers::new(settings.gateway_max_clients, stop, leave_over);
        Watch {
            state,
            stuck_after: door.stuck_after(),
            door,
            watchers: Arc::new(watchers),
            limits: Arc::new(settings),
        }
    }

    /// `/ws/mempool` and `/api/v1/stream`.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/ws/mempool", get(handshake::open))
            .route("/api/v1/stream", get(event_stream::open))
            .with_state(self.clone())
    }

    /// Waits until the gateway stops and the last watcher has left.
    pub fn all_gone(&self) -> impl Future<Output = ()> + use<> {
        let watchers = self.watchers.clone();
        async move { watchers.all_gone().await }
    }
}
