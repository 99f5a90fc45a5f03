//! Playing messages at the pace of the stand-in's clock, and publishing that clock's time while there is no message.

use std::sync::Arc;
use std::time::Duration;

use satscope_bitcoin::frame::{StandInLabels, Topic};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::chain::Frames;
use crate::clock::PlayClock;
use crate::node::{NodeState, State};
use crate::publisher::Outlet;
use crate::settings::Speed;

/// Time without a message after which the clock is published, so that subscribers hear it every half second.
const LABEL_EVERY: Duration = Duration::from_millis(400);

/// Whether the playing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    On,
    /// The stand-in is being shut down.
    Down,
}

/// A player that publishes through an [`Outlet`].
pub struct Player {
    pub node: Arc<NodeState>,
    pub shutdown: CancellationToken,
    pub clock: PlayClock,
    outlet: Outlet,
    simulated: bool,
    /// The price that a simulation pays by, in USD for one BTC.
    pub hidden_price_usd: Option<f64>,
    last_label: Instant,
}

impl Player {
    pub fn new(
        node: Arc<NodeState>,
        outlet: Outlet,
        clock: PlayClock,
        simulated: bool,
        shutdown: CancellationToken,
    ) -> Player {
        Player {
            node,
            shutdown,
            clock,
            outlet,
            simulated,
            hidden_price_usd: None,
            last_label: Instant::now(),
        }
    }

    /// Waits until the clock shows `time` (Unix seconds).
    ///
    /// # Errors
    /// When the publisher has ended.
    pub async fn wait_until(&mut self, time: f64) -> anyhow::Result<Go> {
        let due = self.clock.when(time);
        loop {
            if self.shutdown.is_cancelled() {
                return Ok(Go::Down);
            }
            if due <= Instant::now() {
                return Ok(Go::On);
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(Go::Down),
                () = sleep_until(due) => return Ok(Go::On),
                () = sleep_until(self.last_label + LABEL_EVERY) => {}
            }
            self.label(self.clock.now().min(time)).await?;
        }
    }

    /// Publishes messages, counted by the publisher, while the clock shows `time`.
    ///
    /// # Errors
    /// When the publisher has ended.
    pub async fn publish(&mut self, time: f64, frames: Frames) -> anyhow::Result<()> {
        for (topic, body) in frames {
            self.publish_one(time, topic, body, None).await?;
        }
        Ok(())
    }

    /// Publishes one message with the counter given, or else the publisher's own.
    ///
    /// # Errors
    /// When the publisher has ended.
    pub async fn publish_one(
        &mut self,
        time: f64,
        topic: Topic,
        body: Vec<u8>,
        counter: Option<u32>,
    ) -> anyhow::Result<()> {
        let labels = self.labels(time);
        self.last_label = Instant::now();
        self.node.status().time = time;
        self.outlet.publish(labels, topic, body, counter).await
    }

    /// Keeps answering, with the clock going on from `time` at real pace, until `end` comes. Returns the time that the clock
    /// shows then, Unix seconds.
    ///
    /// # Errors
    /// When the publisher has ended.
    pub async fn rest(&mut self, time: f64, end: impl Future<Output = ()>) -> anyhow::Result<f64> {
        let clock = PlayClock::new(time, Speed::Times(1.0));
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(clock.now()),
                () = &mut end => return Ok(clock.now()),
                () = sleep_until(self.last_label + LABEL_EVERY) => {}
            }
            self.label(clock.now()).await?;
        }
    }

    /// Holds at `time` (Unix seconds) until told to go on, and then goes on from the time that the clock shows. Returns by
    /// how many seconds that time is later than `time`.
    ///
    /// # Errors
    /// When the publisher has ended.
    pub async fn hold(&mut self, time: f64) -> anyhow::Result<f64> {
        self.enter(State::Held);
        let node = Arc::clone(&self.node);
        let now = self.rest(time, node.go_on.notified()).await?;
        self.enter(State::Playing);
        self.clock.set(now);
        Ok(now - time)
    }

    /// Sets the state of the playing.
    pub fn enter(&self, state: State) {
        self.node.status().state = state;
    }

    async fn label(&mut self, time: f64) -> anyhow::Result<()> {
        self.last_label = Instant::now();
        self.node.status().time = time;
        self.outlet.label(self.labels(time)).await
    }

    fn labels(&self, time: f64) -> StandInLabels {
        StandInLabels {
            time,
            simulated: self.simulated,
            hidden_price_usd: self.hidden_price_usd,
        }
    }
}
