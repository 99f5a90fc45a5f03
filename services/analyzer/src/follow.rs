//! Following ingest: applies its events to the state and publishes what they add up to.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use satscope_kit::{
    health::Condition,
    upstream::{self, Upstream},
};
use satscope_log::{Block, Event, Hop, HopState, Position, Tracked, WINDOW_MS};
use satscope_proto::v1::{
    self as proto, HistoryEntry, PriceUpdate, StreamTransactionsRequest,
    StreamTransactionsResponse, ingest_service_client::IngestServiceClient,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{feed::Feed, points::News, report, state::State, wire};

/// Updates come so often if something changed,
const UPDATE_EVERY: Duration = Duration::from_millis(500);
/// and so often if nothing did.
const UPDATE_AT_LEAST_EVERY: Duration = Duration::from_secs(5);
/// The amounts are counted so often.
const AMOUNTS_EVERY_MS: u64 = 5000;
/// After a start, the estimates of the window's past are made in such steps.
const PAST_STEP_MS: u64 = 120_000;

/// The analyzer's task, shared by the stream's reader and the publisher.
#[derive(Clone, Debug)]
pub struct Follower {
    shared: Arc<Mutex<Shared>>,
    feed: Arc<Feed>,
}

#[derive(Debug)]
struct Shared {
    state: State,
    position: Option<Position>,
    link: Link,
    /// The window is being sent: what is here is not whole.
    catching_up: bool,
    /// Something changed since the last update.
    changed: bool,
    condition: Condition,
}

#[derive(Debug)]
struct Link {
    state: HopState,
    detail: String,
}

impl Follower {
    /// Not connected yet.
    pub fn new(feed: Arc<Feed>, condition: Condition) -> Follower {
        let shared = Shared {
            state: State::default(),
            position: None,
            link: Link {
                state: HopState::Connecting,
                detail: "waiting for ingest".to_owned(),
            },
            catching_up: true,
            changed: true,
            condition,
        };
        Follower {
            shared: Arc::new(Mutex::new(shared)),
            feed,
        }
    }

    /// Reads ingest's stream until `stop`.
    pub async fn read(&self, ingest: Upstream, stop: CancellationToken) {
        let open = |channel| {
            let after = self.lock().position.map(|position| proto::Position {
                epoch: position.epoch,
                sequence: position.sequence,
            });
            async move {
                let mut client = IngestServiceClient::new(channel);
                let request = StreamTransactionsRequest { after };
                Ok(client.stream_transactions(request).await?.into_inner())
            }
        };
        upstream::follow("ingest", &ingest, stop, open, |event| {
            self.lock().hear(event, &self.feed);
        })
        .await;
    }

    /// Publishes until `stop`: twice a second if something changed.
    pub async fn publish(&self, stop: CancellationToken) {
        let mut every = tokio::time::interval(UPDATE_EVERY);
        let mut last = None;
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            // Half a step early: the timer does not tick to the microsecond.
            let limit = UPDATE_AT_LEAST_EVERY - UPDATE_EVERY / 2;
            let due = last.is_none_or(|last: Instant| last.elapsed() >= limit);
            let mut shared = self.lock();
            if shared.changed || due {
                shared.publish(&self.feed);
                last = Some(Instant::now());
            }
        }
    }

    /// The transactions and the blocks of the window, oldest first; `None` while it is not whole.
    pub fn window(&self) -> Option<(Vec<Tracked>, Vec<Block>)> {
        let shared = self.lock();
        let window = shared.state.window();
        let whole = !shared.catching_up;
        whole.then(|| (window.iter().collect(), window.blocks().copied().collect()))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn hear(&mut self, event: upstream::Event<StreamTransactionsResponse>, feed: &Feed) {
        match event {
            upstream::Event::Connected => {
                self.link.state = HopState::Connected;
                self.link.detail.clear();
                self.condition.met();
                self.changed = true;
            }
            upstream::Event::Message(message) => self.take(message, feed),
            upstream::Event::Lost(reason) => {
                report::upstream_lost();
                self.link.detail = reason;
                if self.link.state != HopState::Connecting {
                    self.link.state = HopState::Disconnected;
                }
                if self.catching_up {
                    self.position = None;
                }
                self.condition.unmet("ingest");
                self.changed = true;
            }
        }
    }

    fn take(&mut self, message: StreamTransactionsResponse, feed: &Feed) {
        if message.reset {
            self.state.reset();
            self.catching_up = true;
            self.position = None;
        }
        for event in message.events {
            match wire::event(event) {
                Ok((position, time_ms, wire::Said::Event(event))) => {
                    self.apply(&event, time_ms, feed);
                    if !self.catching_up {
                        self.position = Some(position);
                    }
                }
                Ok((position, _, wire::Said::CaughtUp)) => self.caught_up(position, feed),
                Err(error) => {
                    report::malformed();
                    warn!("left out an event of ingest: {error}");
                }
            }
        }
    }

    fn apply(&mut self, event: &Event, time_ms: u64, feed: &Feed) {
        let was_resyncing = self.is_node_resyncing();
        self.changed |= self.is_news(event);
        self.state.apply(event, time_ms);
        if was_resyncing && !self.is_node_resyncing() {
            self.fill_history(feed);
        }
    }

    fn is_node_resyncing(&self) -> bool {
        let hops = &self.state.status().hops;
        hops.iter().any(|hop| hop.state == HopState::Resyncing)
    }

    fn caught_up(&mut self, position: Position, feed: &Feed) {
        self.position = Some(position);
        self.catching_up = false;
        self.changed = true;
        info!(active = self.state.active(), "the window has been received");
        self.fill_history(feed);
    }

    /// The estimates that the window's past would have had: after a start, or after ingest itself caught up.
    /// What is held already is not made again.
    fn fill_history(&mut self, feed: &Feed) {
        let begins_ms = self.state.time_ms().saturating_sub(WINDOW_MS);
        if feed
            .oldest_ms()
            .is_some_and(|oldest_ms| oldest_ms < begins_ms + 2 * PAST_STEP_MS)
        {
            return;
        }
        let past = self.state.past(WINDOW_MS, PAST_STEP_MS);
        let entry = |(time_ms, estimate)| HistoryEntry {
            time_ms,
            estimate: Some(wire::estimate(&estimate, false)),
        };
        feed.prepend_history(past.into_iter().map(entry).collect());
    }

    /// A status that differs by nothing but the uptime is none.
    fn is_news(&self, event: &Event) -> bool {
        let Event::Status(status) = event else {
            return true;
        };
        let mut before = self.state.status().clone();
        before.counters.uptime_ms = status.counters.uptime_ms;
        before != **status
    }

    fn publish(&mut self, feed: &Feed) {
        if !self.catching_up {
            let started = Instant::now();
            self.state.estimate();
            report::estimated(started.elapsed(), &self.state);
        }
        let news = match self.catching_up {
            true => News::default(),
            false => self.state.take_news(),
        };
        let now_ms = unix_ms();
        if !self.catching_up && feed.amounts_are_older_than(now_ms.saturating_sub(AMOUNTS_EVERY_MS))
        {
            let amounts = wire::amounts(self.state.time_ms(), self.state.amounts());
            feed.publish_amounts(amounts, now_ms);
        }
        feed.publish(self.update(), news, now_ms);
        self.changed = false;
    }

    fn update(&self) -> PriceUpdate {
        let status = self.state.status();
        let estimate = self.state.price();
        PriceUpdate {
            sequence: 0,
            time_ms: self.state.time_ms(),
            estimate: estimate.map(|(estimate, stale)| wire::estimate(&estimate, stale)),
            counters: Some(wire::counters(status.counters)),
            active: self.state.active() as u64,
            hops: self.hops().iter().map(wire::hop).collect(),
            chain: status.chain.clone(),
            simulation: status.simulation.map(wire::simulation),
            block: self.state.blocks().next_back().map(wire::block_message),
            blocks: self.state.blocks().map(wire::block_message).collect(),
            ..PriceUpdate::default()
        }
    }

    /// The hops up to here. What is beyond a lost link is not known.
    fn hops(&self) -> Vec<Hop> {
        let is_up = self.link.state == HopState::Connected;
        let mut hops: Vec<Hop> = self.state.status().hops.clone();
        if hops.is_empty() {
            let unknown = |name: &str| Hop {
                name: name.to_owned(),
                state: HopState::Connecting,
                detail: String::new(),
            };
            hops = vec![unknown("node"), unknown("ingest")];
        }
        for hop in hops.iter_mut().filter(|_| !is_up) {
            hop.state = self.link.state;
            hop.detail = match hop.name.as_str() {
                "ingest" => self.link.detail.clone(),
                _ => "not known without ingest".to_owned(),
            };
        }
        hops.push(Hop {
            name: "analyzer".to_owned(),
            state: HopState::Connected,
            detail: String::new(),
        });
        hops
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
