//! The node's messages as they are received: each is checked, stamped with its receipt and recorded.

pub mod fault;
pub mod link;
pub mod past;
pub mod recorder;
pub mod topics;

use std::time::Instant;

use bitcoin::{Block, consensus::deserialize};
use satscope_bitcoin::{
    counters::{Continuity, TopicCounters},
    frame::{Frame, FrameError, SequenceEvent, StandInLabels, Topic},
    rpc::Notification,
    subscriber::Subscription,
};
use satscope_kit::{fault::Fault, health::Condition};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{clock::StampClock, metrics::Metrics, tracker::FetchedBlock};
use link::NodeLink;
use past::Known;
use recorder::Recorder;
use topics::{Endpoints, Listing};

/// A decoded message of the node, with its receipt in Unix milliseconds.
#[derive(Debug)]
pub enum Said {
    /// The body of a `rawtx`.
    Transaction(Vec<u8>, u64),
    /// A `sequence` message.
    Sequence(SequenceEvent, u64),
    /// A whole block, from a node that cannot be asked for it.
    Block(FetchedBlock, u64),
    /// A stand-in's clock has entered another half second.
    Tick,
    /// A message that changes nothing.
    Nothing,
}

/// A break in a topic's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Messages are missing before this one.
    Gap,
    /// The node began its counters anew: it was restarted.
    Restart,
}

/// The node's messages, and the state of the link that brings them.
#[derive(Debug)]
pub struct Source {
    /// The clock of the stream.
    pub clock: StampClock,
    /// The state of the link.
    pub link: NodeLink,
    endpoints: Endpoints,
    /// The endpoints and topics that the subscriber's thread connects to.
    subscribed: watch::Sender<Vec<Subscription>>,
    /// The readiness condition that tells operators the state of the node's ZMQ.
    condition: Condition,
    counters: TopicCounters,
    recorder: Recorder,
    /// The times that a journal or a recording covers; taken when messages come again.
    known: Option<Known>,
}

impl Source {
    /// A source without subscriptions that has heard nothing yet.
    pub fn new(
        clock: StampClock,
        endpoints: Endpoints,
        condition: Condition,
        recorder: Recorder,
    ) -> Source {
        Source {
            clock,
            link: NodeLink::new(endpoints.rpc_host.clone()),
            endpoints,
            subscribed: watch::Sender::default(),
            condition,
            counters: TopicCounters::default(),
            recorder,
            known: None,
        }
    }

    /// The endpoints and topics for the subscriber's thread, updated at each change.
    pub fn subscriptions(&self) -> watch::Receiver<Vec<Subscription>> {
        self.subscribed.subscribe()
    }

    /// Subscribes to the endpoints that are known before the node is asked, if any are.
    pub fn begin(&mut self) {
        if let Some(first) = self.endpoints.at_first() {
            self.subscribe(first);
        }
    }

    /// Takes the node's list of endpoints, or why there is none, and subscribes accordingly.
    pub fn take_listing(&mut self, listing: Result<Vec<Notification>, Fault>) {
        let wanted = match &listing {
            Ok(published) => Some(self.endpoints.of(published)),
            // Endpoints that were found before are kept.
            Err(_) => self.link.used().is_empty().then(|| self.endpoints.usual()),
        };
        if let Some(wanted) = wanted.filter(|wanted| wanted != self.link.used()) {
            self.subscribe(wanted);
        }
        self.link.list(match listing {
            Ok(published) => Listing::Known(published),
            Err(why) => Listing::Unknown(why),
        });
    }

    fn subscribe(&mut self, subscriptions: Vec<Subscription>) {
        for Subscription { endpoint, topics } in &subscriptions {
            let names: Vec<&str> = topics.iter().map(|topic| topic.name()).collect();
            info!("subscribing to {} at {endpoint}", names.join(", "));
        }
        let left = self.link.used().iter().map(|used| &used.endpoint);
        for endpoint in
            left.filter(|left| !subscriptions.iter().any(|used| used.endpoint == **left))
        {
            self.recorder.disconnected(self.clock.newest(), endpoint);
        }
        self.subscribed.send_replace(subscriptions.clone());
        self.link.subscribe(subscriptions);
    }

    /// Whether `rawtx` and `sequence` come from one endpoint, and so in one order.
    pub fn is_ordered(&self) -> bool {
        self.link.used().len() == 1
    }

    /// Sets the readiness condition from the state of the link.
    pub fn report(&self) {
        let (_, fault) = self.link.node();
        match (self.link.is_alive(), fault) {
            (true, None) => self.condition.met(),
            (true, Some(fault)) => self.condition.impaired(fault),
            (false, Some(fault)) => self.condition.unmet(fault),
            (false, None) => self.condition.unmet(Fault::plain("the node's ZMQ")),
        }
    }

    /// Takes the times that a journal or a recording covers; the gaps are shown once messages come again.
    pub fn knows(&mut self, known: Option<Known>) {
        if let Some(known) = &known {
            self.clock.go_on_from(known.until_ms());
        }
        self.known = known;
    }

    /// Records a new connection. Without RPC the counters are kept, because they tell whether anything was missed.
    pub fn up(&mut self, endpoint: String) {
        info!("connected to the node at {endpoint}");
        self.recorder.connected(self.clock.newest(), &endpoint);
        if self.link.has_rpc() {
            self.counters.clear();
        }
        self.clock.connected();
        self.link.up(endpoint);
        if let (StampClock::System(_), Some(now_ms)) = (&self.clock, self.clock.newest()) {
            self.end_gap(now_ms);
        }
    }

    /// Records a lost connection.
    pub fn down(&mut self, endpoint: &str) {
        warn!("lost the node at {endpoint}; trying again");
        self.recorder.disconnected(self.clock.newest(), endpoint);
        self.link.down(endpoint);
    }

    /// Checks the counter of a message; `None` if no message is missing before it, or if it is a `rawblock`.
    pub fn check_counter(&mut self, frame: &Frame, metrics: &Metrics) -> Option<Loss> {
        let (topic, counter) = (frame.topic, frame.counter);
        let loss = match self.counters.take(topic, counter) {
            Continuity::Next => return None,
            Continuity::Gap(lost) => {
                warn!(
                    "{lost} {} messages were lost before counter {counter}",
                    topic.name()
                );
                metrics.gap(topic);
                Loss::Gap
            }
            Continuity::Restart => {
                info!(
                    "the node's {} counter started again at {counter}",
                    topic.name()
                );
                Loss::Restart
            }
        };
        // A gap in `rawblock` is no loss by itself, because a block's transactions come as `rawtx` too.
        (topic != Topic::RawBlock).then_some(loss)
    }

    /// Forgets the counters, because the next messages do not follow the last ones.
    pub fn forget_counters(&mut self) {
        self.counters.clear();
    }

    /// Reads a message that was received at `received`.
    ///
    /// # Errors
    /// If its body does not fit its topic.
    pub fn read(
        &mut self,
        received: Instant,
        frame: Frame,
        metrics: &mut Metrics,
    ) -> Result<Said, FrameError> {
        self.link.hear(frame.topic);
        if frame.topic == Topic::StandIn {
            return Ok(self.hear_stand_in(StandInLabels::decode(&frame.body)?));
        }
        let Some(received_ms) = self.clock.stamp(received) else {
            metrics.before_clock();
            return Ok(Said::Nothing);
        };
        self.end_gap(received_ms);
        if frame.topic != Topic::RawBlock {
            self.recorder.frame(received_ms, &frame);
        }
        Said::read(frame, received_ms)
    }

    /// Takes a stand-in's labels. Returns a tick when its clock enters another half second, so that beats follow it at any
    /// speed.
    fn hear_stand_in(&mut self, labels: StandInLabels) -> Said {
        let before = self.clock.newest();
        self.clock.hear(labels);
        match before.is_none_or(|before| before / 500 != labels.time_ms() / 500) {
            true => Said::Tick,
            false => Said::Nothing,
        }
    }

    /// Once messages come again, marks the link as degraded, with the times that no journal or recording covers.
    fn end_gap(&mut self, now_ms: u64) {
        if let Some(known) = self.known.take() {
            self.link.degrade(known.words(now_ms));
        }
    }
}

impl Said {
    /// Reads a message of a real node that was received at `received_ms`.
    ///
    /// # Errors
    /// If its body does not fit its topic.
    pub fn read(frame: Frame, received_ms: u64) -> Result<Said, FrameError> {
        Ok(match frame.topic {
            Topic::RawTx => Said::Transaction(frame.body, received_ms),
            Topic::Sequence => Said::Sequence(SequenceEvent::decode(&frame.body)?, received_ms),
            Topic::RawBlock => Said::Block(block(&frame.body)?, received_ms),
            Topic::HashBlock | Topic::StandIn => Said::Nothing,
        })
    }
}

fn block(body: &[u8]) -> Result<FetchedBlock, FrameError> {
    let block: Block =
        deserialize(body).map_err(|error| FrameError::Body("rawblock", error.to_string()))?;
    Ok(FetchedBlock {
        hash: block.block_hash(),
        height: block
            .bip34_block_height()
            .ok()
            .and_then(|height| height.try_into().ok()),
        time_ms: u64::from(block.header.time) * 1000,
        transactions: block.txdata,
    })
}
