//! What any node sends comes in here: what was received, checked, stamped with its receipt, and recorded.

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

use crate::{clock::Clock, metrics::Metrics, tracker::FetchedBlock};
use link::Link;
use past::Known;
use recorder::Recorder;
use topics::{Endpoints, Listing};

/// What the node said, with its receipt in Unix milliseconds.
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
    /// Nothing that changes anything.
    Nothing,
}

/// What a topic's counter says of the messages before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Some are missing.
    Gap,
    /// The node began its counters anew: it was restarted.
    Restart,
}

/// The node as it is heard.
#[derive(Debug)]
pub struct Source {
    /// The clock of the stream.
    pub clock: Clock,
    /// How the link is.
    pub link: Link,
    endpoints: Endpoints,
    /// What the subscriber's thread connects to.
    subscribed: watch::Sender<Vec<Subscription>>,
    /// The node's ZMQ, as operators are told of it.
    condition: Condition,
    counters: TopicCounters,
    recorder: Recorder,
    /// Of which times what was written down tells, until messages come again.
    known: Option<Known>,
}

impl Source {
    /// Nothing has been heard, and nothing is subscribed to.
    pub fn new(
        clock: Clock,
        endpoints: Endpoints,
        condition: Condition,
        recorder: Recorder,
    ) -> Source {
        Source {
            clock,
            link: Link::new(endpoints.rpc_host.clone()),
            endpoints,
            subscribed: watch::Sender::default(),
            condition,
            counters: TopicCounters::default(),
            recorder,
            known: None,
        }
    }

    /// What the subscriber's thread is to connect to, now and after each change.
    pub fn subscriptions(&self) -> watch::Receiver<Vec<Subscription>> {
        self.subscribed.subscribe()
    }

    /// Subscribes to what is known before the node has been asked.
    pub fn begin(&mut self) {
        if let Some(first) = self.endpoints.at_first() {
            self.subscribe(first);
        }
    }

    /// Takes where the node says that it publishes, and subscribes there.
    pub fn take_listing(&mut self, listing: Result<Vec<Notification>, Fault>) {
        let wanted = match &listing {
            Ok(published) => Some(self.endpoints.of(published)),
            // What was found before is kept.
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

    /// Tells operators how the link is.
    pub fn report(&self) {
        let (_, fault) = self.link.node();
        match (self.link.is_alive(), fault) {
            (true, None) => self.condition.met(),
            (true, Some(fault)) => self.condition.impaired(fault),
            (false, Some(fault)) => self.condition.unmet(fault),
            (false, None) => self.condition.unmet(Fault::plain("the node's ZMQ")),
        }
    }

    /// The times of which a journal or a recording tells; shown once messages come again.
    pub fn knows(&mut self, known: Option<Known>) {
        if let Some(known) = &known {
            self.clock.go_on_from(known.until_ms());
        }
        self.known = known;
    }

    /// A connection stands. Without RPC its counters go on from those of the connection before it, which tell whether
    /// anything was missed.
    pub fn up(&mut self, endpoint: String) {
        info!("connected to the node at {endpoint}");
        self.recorder.connected(self.clock.newest(), &endpoint);
        if self.link.has_rpc() {
            self.counters.clear();
        }
        self.clock.connected();
        self.link.up(endpoint);
        if let (Clock::System(_), Some(now_ms)) = (&self.clock, self.clock.newest()) {
            self.end_gap(now_ms);
        }
    }

    /// A connection is gone.
    pub fn down(&mut self, endpoint: &str) {
        warn!("lost the node at {endpoint}; trying again");
        self.recorder.disconnected(self.clock.newest(), endpoint);
        self.link.down(endpoint);
    }

    /// Checks the counter of a message.
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
        // Blocks are heard beside the transactions that they are made of.
        (topic != Topic::RawBlock).then_some(loss)
    }

    /// Forgets the counters: what comes next does not follow what came.
    pub fn forget_counters(&mut self) {
        self.counters.clear();
    }

    /// Reads a message that was received at `received`.
    ///
    /// # Errors
    /// When its body is not what its topic says.
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

    /// A tick whenever a stand-in's clock enters another half second, so that the stream's own time is whole at any speed.
    fn hear_stand_in(&mut self, labels: StandInLabels) -> Said {
        let before = self.clock.newest();
        self.clock.hear(labels);
        match before.is_none_or(|before| before / 500 != labels.time_ms() / 500) {
            true => Said::Tick,
            false => Said::Nothing,
        }
    }

    /// Now that messages come again, says of which times nothing is known.
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
    /// When its body is not what its topic says.
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
