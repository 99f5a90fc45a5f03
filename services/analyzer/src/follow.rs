//! The task that follows ingest: it reads the stream until the process stops, and publishes at a regular beat.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use satscope_kit::{
    clock::Steady,
    health::Condition,
    upstream::{self, Upstream},
};
use satscope_log::{Block, Position, Tracked};
use satscope_proto::v1::{
    StreamTransactionsRequest, StreamTransactionsResponse,
    ingest_service_client::IngestServiceClient,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{last::Priced, publish::Publisher, report, wire};

/// Interval at which changes that come without an event, such as a growing age, are looked for.
const BEAT: Duration = Duration::from_millis(500);

/// The analyzer's task, shared by the stream's reader and the beat.
#[derive(Clone, Debug)]
pub struct Follower {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    publisher: Publisher,
    /// The position of the last event that was taken; `None` asks for the window from the beginning.
    position: Option<Position>,
    /// The epoch of ingest's newest event; it differs after ingest starts anew or moves its stamps.
    epoch: Option<u64>,
    condition: Condition,
}

impl Follower {
    /// A follower that is not connected yet.
    pub fn new(publisher: Publisher, condition: Condition) -> Follower {
        let shared = Shared {
            publisher,
            position: None,
            epoch: None,
            condition,
        };
        Follower {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// Reads ingest's stream until `stop`.
    pub async fn read(&self, ingest: Upstream, stop: CancellationToken) {
        let open = |channel| {
            let after = self.lock().position.map(Into::into);
            async move {
                let mut client = IngestServiceClient::new(channel);
                let request = StreamTransactionsRequest { after };
                Ok(client.stream_transactions(request).await?.into_inner())
            }
        };
        upstream::follow("ingest", &ingest, stop, open, |event| {
            let (mut shared, now) = (self.lock(), Steady::now());
            shared.hear(event, now);
            shared.publisher.beat(now);
        })
        .await;
    }

    /// Publishes changes that come without an event, every [`BEAT`] until `stop`.
    pub async fn beat(&self, stop: CancellationToken) {
        let mut every = tokio::time::interval(BEAT);
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            let (mut shared, now) = (self.lock(), Steady::now());
            shared.publisher.beat(now);
            shared.publisher.report(now);
        }
    }

    /// The transactions and the blocks of the window, oldest first; `None` while the window is being received.
    pub fn window(&self) -> Option<(Vec<Tracked>, Vec<Block>)> {
        let shared = self.lock();
        let window = shared.publisher.whole_state()?.window();
        Some((window.iter().collect(), window.blocks().copied().collect()))
    }

    /// The window's own price, for the file that keeps the last one; `None` if the window has none.
    pub fn own_price(&self) -> Option<Priced> {
        self.lock().publisher.own_price(Steady::now())
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn hear(&mut self, event: upstream::UpstreamEvent<StreamTransactionsResponse>, now: Steady) {
        match event {
            // The state of the link is known only with the first message.
            upstream::UpstreamEvent::Connected => {}
            upstream::UpstreamEvent::Message(message) => {
                self.publisher.connected(now);
                self.condition.met();
                self.take(message, now);
            }
            upstream::UpstreamEvent::Lost(fault) => {
                report::upstream_lost();
                self.condition.unmet(fault.clone());
                if self.publisher.lost(fault.public) {
                    self.position = None;
                }
            }
        }
    }

    fn take(&mut self, message: StreamTransactionsResponse, now: Steady) {
        if message.reset {
            self.publisher.begin_window();
            self.position = None;
        }
        for event in message.events {
            match wire::event(event) {
                Ok((position, time_ms, said)) => self.take_event(position, time_ms, said, now),
                Err(error) => {
                    report::malformed();
                    warn!("left out an event of ingest: {error}");
                }
            }
        }
    }

    fn take_event(&mut self, position: Position, time_ms: u64, said: wire::Said, now: Steady) {
        match said {
            wire::Said::Event(event) => {
                let is_of_new_ingest = self.epoch.replace(position.epoch) != Some(position.epoch);
                self.publisher.take(&event, time_ms, is_of_new_ingest, now);
                if self.publisher.whole_state().is_some() {
                    self.position = Some(position);
                }
            }
            wire::Said::CaughtUp => {
                self.publisher.end_window(now);
                self.position = Some(position);
                let active = self
                    .publisher
                    .whole_state()
                    .map_or(0, |state| state.active());
                info!(active, "the window has been received");
            }
        }
    }
}
