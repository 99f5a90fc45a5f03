//! `satscope record`: keeps a node's messages.
//!
//! A thread receives, a task passes on, a thread writes; the queues between them are bounded. Messages that do not fit wait in
//! libzmq and at the node for some seconds, and are then dropped; the counters show the gap.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Context as _;
use satscope_bitcoin::frame::{FrameError, Topic};
use satscope_bitcoin::recording::{
    CONNECTED, DISCONNECTED, RecordingLimits, ToRecord, Writer, describe_metrics, keep, left_out,
};
use satscope_bitcoin::subscriber::{Incoming, fixed, receive, subscriptions};
use satscope_kit::{
    Context, clock::unix_ms, config::ConfigError, fault::Fault, health::Condition,
    logging::LogLimiter,
};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::settings::RecordSettings;

/// Messages that may wait between the ZMQ thread and the disk; libzmq queues the rest for a few seconds.
const QUEUE: usize = 65_536;
/// Further messages that may wait for the writing thread.
const AHEAD: usize = 1024;

/// Starts to record.
///
/// # Errors
/// When the folder cannot be written to. A node that cannot be reached is no error: the recorder waits for it.
pub async fn start_recording(settings: RecordSettings, context: &Context) -> anyhow::Result<()> {
    describe_metrics();
    let limits = RecordingLimits::new(
        settings.limits.record_file_bytes,
        settings.limits.record_max_bytes,
    );
    let folder = settings.record;
    tracing::info!(folder = %folder.display(), "recording");
    let opened = tokio::task::spawn_blocking(move || Writer::open(&folder, limits));
    let writer = opened.await?.context("record");
    let writer = writer.map_err(|error| ConfigError::unusable(&error))?;
    let (messages, incoming) = mpsc::channel(QUEUE);
    let (entries, queue) = mpsc::channel(AHEAD);
    // `rawtx` comes last, because a stand-in begins to play when it is subscribed to.
    let topics = vec![
        Topic::HashBlock,
        Topic::RawBlock,
        Topic::Sequence,
        Topic::RawTx,
    ];
    let zmq = settings.zmq;
    let elsewhere = zmq.zmq_sequence_endpoint.as_deref();
    let subscriptions = subscriptions(zmq.rawtx(), elsewhere, topics);
    let endpoints = subscriptions.iter().map(|used| used.endpoint.clone());
    let node = NodeRead {
        condition: context.readiness.condition("node", "the node's ZMQ"),
        endpoints: endpoints.collect(),
        up: BTreeSet::new(),
        heard: BTreeSet::new(),
        is_healthy: false,
        limiter: LogLimiter::default(),
    };
    let (stop, tasks) = (context.tasks.stop(), &context.tasks);
    let stop_writing = stop.clone();
    let writing = move || keep(writer, queue, &Handle::current(), &stop_writing);
    tasks.spawn_blocking("recording", writing).await;
    let receiving = move || receive(fixed(subscriptions), &messages, &stop);
    tasks.spawn_blocking("ZMQ", receiving).await;
    tasks.spawn("node", node.pass_on(incoming, entries)).await;
    Ok(())
}

/// The topics without which a recording cannot be played.
const NEEDED: [Topic; 2] = [Topic::RawTx, Topic::Sequence];

/// The state of the link to the node.
struct NodeRead {
    condition: Condition,
    endpoints: Vec<String>,
    up: BTreeSet<String>,
    /// The needed topics that have had a message since an endpoint last went down.
    heard: BTreeSet<&'static str>,
    is_healthy: bool,
    limiter: LogLimiter,
}

impl NodeRead {
    /// Passes messages and notices on until either end is gone.
    async fn pass_on(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        entries: mpsc::Sender<ToRecord>,
    ) -> anyhow::Result<()> {
        while let Some(received) = incoming.recv().await {
            let entry = match received {
                Incoming::Message(received, Ok(frame)) => {
                    self.hear(frame.topic);
                    let ago_ms = received.elapsed().as_millis() as u64;
                    ToRecord::Frame(unix_ms().saturating_sub(ago_ms), frame)
                }
                Incoming::Message(_, Err(error)) => {
                    self.leave_out(&error);
                    continue;
                }
                Incoming::Up(endpoint) => self.up(endpoint),
                Incoming::Down(endpoint) => self.down(endpoint),
            };
            entries.send(entry).await.context("the writer has ended")?;
        }
        Ok(())
    }

    fn up(&mut self, endpoint: String) -> ToRecord {
        tracing::info!("reached the node's ZMQ at {endpoint}");
        let note = ToRecord::note(unix_ms(), CONNECTED, [("endpoint", json!(endpoint))]);
        self.up.insert(endpoint);
        self.report();
        note
    }

    fn down(&mut self, endpoint: String) -> ToRecord {
        tracing::warn!("lost the node at {endpoint}; trying again");
        self.up.remove(&endpoint);
        self.heard.clear();
        self.report();
        ToRecord::note(unix_ms(), DISCONNECTED, [("endpoint", json!(endpoint))])
    }

    fn hear(&mut self, topic: Topic) {
        if !self.is_healthy && NEEDED.contains(&topic) && self.heard.insert(topic.name()) {
            self.report();
        }
    }

    /// Sets the readiness condition from the state of the link. A handshake alone is no connection, because a publisher accepts
    /// subscriptions to topics that it does not have.
    fn report(&mut self) {
        let was_healthy = std::mem::replace(&mut self.is_healthy, false);
        if self.up.len() < self.endpoints.len() {
            return self.condition.unmet(Fault::plain("the node's ZMQ"));
        }
        let silent = NEEDED.map(Topic::name).into_iter();
        let silent: Vec<&str> = silent.filter(|name| !self.heard.contains(name)).collect();
        if !silent.is_empty() {
            let lines: Vec<String> = silent.iter().map(|name| format!("zmqpub{name}")).collect();
            return self.condition.unmet(Fault::new(
                format!("no {} message has come yet", silent.join(" and ")),
                format!(
                    "no {} message has come from {} yet: does the node's bitcoin.conf have {} there?",
                    silent.join(" and "),
                    self.endpoints.join(" and "),
                    lines.join(" and ")
                ),
            ));
        }
        self.is_healthy = true;
        self.condition.met();
        if !was_healthy {
            tracing::info!("connected to the node: rawtx and sequence come in");
        }
    }

    /// Counts and logs a message that cannot be kept, because it is not one of Core's.
    fn leave_out(&mut self, error: &FrameError) {
        let reason = error.label();
        left_out(reason);
        if let Some(held_back) = self.limiter.pass(reason, Instant::now()) {
            tracing::warn!(reason, held_back, "left out a message: {error}");
        }
    }
}
