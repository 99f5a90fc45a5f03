//! How the link to the node is, and what must be asked of the node when.
//!
//! Three things are known of the link, each by itself: which endpoints are connected, whether the needed topics can be heard
//! there ([`Topics`]), and how far the picture here is the node's.

mod poll;
mod words;

use std::time::{Duration, Instant};

use satscope_bitcoin::{frame::Topic, subscriber::Subscription};
use satscope_kit::fault::Fault;
use tracing::{info, warn};

use poll::Poll;

use super::{
    fault,
    topics::{Listing, Topics},
};

/// The pause after a reading that succeeded, after one that failed, and while the node is in its initial download.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The pause after a failure is doubled so many times at most while the node refuses to answer.
const MOST_DOUBLINGS: u32 = 5;
const PAUSE_IN_DOWNLOAD: Duration = Duration::from_secs(60);
/// A connection may take this long before the node is asked why there is none.
const FIRST_QUESTION: Duration = Duration::from_secs(3);
const PAUSE_BETWEEN_QUESTIONS: Duration = Duration::from_secs(10);
const PAUSE_BETWEEN_LINES: Duration = Duration::from_secs(1);

/// What the node's ZMQ is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zmq {
    /// There has been no connection yet.
    Awaited,
    /// All endpoints are connected.
    Up,
    /// A connection was lost.
    Lost,
}

/// How far the picture is the node's.
#[derive(Debug)]
enum Sync {
    /// Something is missing, and the node cannot be asked; what is missing.
    Alone { why: Fault },
    /// Something is missing, and the node must be read.
    Wanted { not_before: Instant },
    /// The node is being read; how far.
    Reading { progress: Fault },
    /// Reading the node failed; why.
    Failed { why: Fault, not_before: Instant },
    /// The node is in its initial download; how far.
    Downloading {
        how_far: String,
        not_before: Instant,
    },
    /// The picture is the node's; what is not exact about it, if anything is.
    InStep { caveat: Option<Caveat> },
}

/// What is not exact about a picture.
#[derive(Debug)]
enum Caveat {
    /// The node loads its mempool.dat.
    Loading,
    /// It could not be compared with the node's; why.
    Uncompared(Fault),
}

/// The state of the link.
#[derive(Debug)]
pub struct Link {
    has_rpc: bool,
    used: Vec<Subscription>,
    up: Vec<String>,
    zmq: Zmq,
    topics: Topics,
    sync: Sync,
    poll: Poll,
    /// When the node is next asked where it publishes.
    ask_not_before: Instant,
    /// Until when a connection may still come about before its absence is a fault.
    patient_until: Instant,
    /// When the next reading may begin.
    read_not_before: Option<Instant>,
    /// Readings and polls in a row that the node refused.
    refusals: u32,
    /// Nothing is asked of a node that refused to answer before this moment; `None` if it did not refuse.
    refused_until: Option<Instant>,
    /// When progress was last written to the log.
    said: Option<Instant>,
    /// The fault of the topics that was written to the log last.
    complained: Option<String>,
}

impl Link {
    /// Not connected to anything; `rpc_host` is the host of the node's RPC, `None` without RPC.
    pub fn new(rpc_host: Option<String>) -> Link {
        let now = Instant::now();
        Link {
            has_rpc: rpc_host.is_some(),
            used: Vec::new(),
            up: Vec::new(),
            zmq: Zmq::Awaited,
            topics: Topics::of_node_at(rpc_host),
            sync: Sync::Wanted { not_before: now },
            poll: Poll::awaited(now),
            ask_not_before: now,
            patient_until: now,
            read_not_before: None,
            refusals: 0,
            refused_until: None,
            said: None,
            complained: None,
        }
    }

    /// These endpoints are connected to from now on, and no others.
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>) {
        self.used = subscriptions;
        self.patient_until = Instant::now() + FIRST_QUESTION;
        self.ask_not_before = self.patient_until;
        let used = |endpoint: &String| self.used.iter().any(|used| used.endpoint == *endpoint);
        self.up.retain(used);
        if self.zmq == Zmq::Up {
            self.zmq = Zmq::Lost;
        }
        self.look_up();
    }

    /// Whether the node can be asked.
    pub fn has_rpc(&self) -> bool {
        self.has_rpc
    }

    /// What is subscribed to.
    pub fn used(&self) -> &[Subscription] {
        &self.used
    }

    /// A connection stands. What was sent before it is missing here.
    pub fn up(&mut self, endpoint: String) {
        self.up.retain(|held| *held != endpoint);
        self.up.push(endpoint);
        if self.refusals > 0 {
            self.forgive();
            self.read_not_before = None;
        }
        self.topics.forget();
        self.ask_not_before = Instant::now();
        self.look_up();
        self.missed_something();
    }

    fn look_up(&mut self) {
        let is_up = |used: &Subscription| self.up.contains(&used.endpoint);
        if !self.used.is_empty() && self.used.iter().all(is_up) {
            self.zmq = Zmq::Up;
        }
    }

    /// A connection is gone.
    pub fn down(&mut self, endpoint: &str) {
        let now = Instant::now();
        self.up.retain(|held| held != endpoint);
        self.topics.forget();
        self.patient_until = now + FIRST_QUESTION;
        self.ask_not_before = self.patient_until;
        if self.zmq == Zmq::Up {
            self.zmq = Zmq::Lost;
            self.poll = Poll::awaited(now);
        }
        if let Sync::Reading { .. } = self.sync {
            self.sync = Sync::Wanted { not_before: now };
        }
    }

    /// A message of this topic has come.
    pub fn hear(&mut self, topic: Topic) {
        if self.topics.hear(topic) {
            self.complain();
        }
    }

    /// Something was lost: the node must be read, or it cannot be.
    pub fn missed_something(&mut self) {
        self.sync = match self.has_rpc {
            true => Sync::Wanted {
                not_before: self.read_not_before.unwrap_or_else(Instant::now),
            },
            false => Sync::Alone {
                why: fault::no_rpc(),
            },
        };
    }

    /// Whether all endpoints are connected.
    pub fn is_up(&self) -> bool {
        self.zmq == Zmq::Up
    }

    /// Whether all endpoints are connected, and each needed topic was heard or is published there.
    pub fn is_healthy(&self) -> bool {
        self.is_up() && self.topics.are_healthy(&self.used)
    }

    /// Whether the picture is believed to be the node's, and is kept so by what is heard.
    pub fn is_in_step(&self) -> bool {
        self.is_healthy() && matches!(self.sync, Sync::InStep { .. })
    }

    /// Whether a fresh price can come of this link: it is heard, or polled.
    pub fn is_alive(&self) -> bool {
        self.is_healthy() || self.poll.succeeded
    }

    /// Records the outcome of a comparison; `failure` is why it could not be made.
    pub fn compared(&mut self, failure: Option<Fault>) {
        let Sync::InStep { caveat } = &mut self.sync else {
            return;
        };
        if let Some(Caveat::Loading) = caveat {
            return;
        }
        if let Some(failure) = failure.as_ref().filter(|_| caveat.is_none()) {
            warn!("cannot compare with the node: {}", failure.operator);
        }
        *caveat = failure.map(Caveat::Uncompared);
    }

    /// The picture may be incomplete, and why.
    pub fn degrade(&mut self, why: String) {
        self.sync = Sync::Alone {
            why: Fault::plain(why),
        };
    }

    /// Whether to read the node now because something is missing.
    pub fn wants_reading(&self, now: Instant) -> bool {
        let not_before = match &self.sync {
            Sync::Wanted { not_before }
            | Sync::Failed { not_before, .. }
            | Sync::Downloading { not_before, .. } => *not_before,
            Sync::Alone { .. } | Sync::Reading { .. } | Sync::InStep { .. } => return false,
        };
        self.is_up() && not_before <= now && self.may_be_asked(now)
    }

    /// Whether the pause after a refusal is over, if there was one.
    fn may_be_asked(&self, now: Instant) -> bool {
        self.refused_until.is_none_or(|until| until <= now)
    }

    /// Whether to ask the node where it publishes: at each connection, and every ten seconds while it is not heard.
    pub fn wants_listing(&mut self, now: Instant) -> bool {
        let is_due = self.ask_not_before <= now
            && self.may_be_asked(now)
            && (!self.is_healthy() || !self.topics.is_listed());
        if is_due {
            self.ask_not_before = now + PAUSE_BETWEEN_QUESTIONS;
        }
        is_due
    }

    /// Takes where the node publishes, or why that is not known; what keeps the topics from being heard is logged when it is news.
    pub fn list(&mut self, listing: Listing) {
        self.topics.list(listing);
        self.complain();
    }

    /// What keeps the needed topics from being heard, as far as that is known.
    fn topics_fault(&self) -> Option<Fault> {
        let fault = self.topics.fault(&self.used, self.is_up())?;
        let may_still_come = !self.is_up()
            && self.topics.are_healthy(&self.used)
            && Instant::now() < self.patient_until;
        (!may_still_come).then_some(fault)
    }

    fn complain(&mut self) {
        let said = self.topics_fault().map(|fault| fault.operator);
        if let Some(said) = said.as_ref().filter(|_| said != self.complained) {
            warn!("waiting for the node's ZMQ: {said}");
        }
        self.complained = said;
    }

    /// A reading goes on; logged at most once a second.
    pub fn reading(&mut self, progress: Fault) {
        let now = Instant::now();
        let is_due = |said: Instant| said + PAUSE_BETWEEN_LINES <= now;
        if self.said.is_none_or(is_due) {
            info!("reading from the node: {}", progress.operator);
            self.said = Some(now);
        }
        self.sync = Sync::Reading { progress };
    }

    /// A reading has ended, and the picture is the node's.
    pub fn in_step(&mut self, is_loaded: bool, now: Instant) {
        self.read_not_before = Some(now + PAUSE);
        self.forgive();
        self.said = None;
        self.sync = Sync::InStep {
            caveat: (!is_loaded).then_some(Caveat::Loading),
        };
    }

    /// A reading has failed. What stays as it was is on the page, and need not fill the log.
    pub fn failed(&mut self, why: Fault, is_refused: bool, now: Instant, last: Option<&Fault>) {
        if last != Some(&why) {
            warn!("not in step with the node: {}", why.operator);
        }
        let not_before = match is_refused {
            true => self.refused(now),
            false => {
                self.forgive();
                now + PAUSE_AFTER_FAILURE
            }
        };
        self.read_not_before = Some(not_before);
        self.sync = Sync::Failed { why, not_before };
    }

    /// The node refused to answer, and is not asked again before the returned moment: the pauses grow, because Core logs each
    /// refusal and waits a quarter of a second over it.
    pub fn refused(&mut self, now: Instant) -> Instant {
        let pause = PAUSE_AFTER_FAILURE * 2_u32.pow(self.refusals.min(MOST_DOUBLINGS));
        self.refusals += 1;
        *self.refused_until.insert(now + pause)
    }

    fn forgive(&mut self) {
        self.refusals = 0;
        self.refused_until = None;
    }

    /// Whether the node refused the last reading or poll.
    pub fn is_refused(&self) -> bool {
        self.refusals > 0
    }

    /// There is another login: the node may be asked again at once.
    pub fn try_again(&mut self) {
        let now = Instant::now();
        self.forgive();
        self.read_not_before = None;
        self.poll.not_before = self.poll.not_before.min(now);
        self.ask_not_before = self.ask_not_before.min(now);
        self.missed_something();
    }

    /// The node is in its initial download, `share` of which is done: it is asked again in a minute.
    pub fn downloading(&mut self, share: f64, now: Instant) {
        let percent = 100.0 * share.clamp(0.0, 1.0);
        let how_far = format!(
            "the node is {percent:.2} % synchronised: its mempool and a price come once it is done"
        );
        if !matches!(&self.sync, Sync::Reading { .. }) || self.said.is_some() {
            info!("the node is {percent:.2} % synchronised");
            self.said = None;
        }
        let not_before = now + PAUSE_IN_DOWNLOAD;
        self.read_not_before = Some(not_before);
        self.sync = Sync::Downloading {
            how_far,
            not_before,
        };
    }
}

#[cfg(test)]
mod tests;
