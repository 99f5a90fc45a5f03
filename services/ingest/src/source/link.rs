//! The state of the link to the node, and when the node must be asked.
//!
//! The state has three independent parts: which endpoints are connected, whether the needed topics can be heard there
//! ([`Topics`]), and whether the picture equals the node's.

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

/// The pauses after a reading that succeeded, and after one that failed.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Most doublings of the pause after a failure while the node refuses to answer.
const MOST_DOUBLINGS: u32 = 5;
const PAUSE_IN_DOWNLOAD: Duration = Duration::from_mins(1);
/// A connection may take this long before the node is asked why there is none.
const FIRST_QUESTION: Duration = Duration::from_secs(3);
const PAUSE_BETWEEN_QUESTIONS: Duration = Duration::from_secs(10);
const PAUSE_BETWEEN_LINES: Duration = Duration::from_secs(1);

/// The state of the node's ZMQ connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zmq {
    /// There has been no connection yet.
    Awaited,
    /// All endpoints are connected.
    Up,
    /// A connection was lost.
    Lost,
}

/// How far the picture agrees with the node's.
#[derive(Debug)]
enum Sync {
    /// Something is missing, and the node cannot be asked; `why` names it.
    Alone { why: Fault },
    /// Something is missing, and the node must be read.
    Wanted { not_before: Instant },
    /// The node is being read; `progress` says how far.
    Reading { progress: Fault },
    /// Reading the node failed; it is read again from `not_before` on.
    Failed { why: Fault, not_before: Instant },
    /// The node is in its initial download; it is read again from `not_before` on.
    Downloading {
        how_far: String,
        not_before: Instant,
    },
    /// The picture equals the node's, apart from `caveat`.
    InStep { caveat: Option<Caveat> },
}

/// A known inexactness of a picture.
#[derive(Debug)]
enum Caveat {
    /// The node loads its mempool.dat.
    Loading,
    /// The picture could not be compared with the node's, for this reason.
    Uncompared(Fault),
}

/// The state of the link.
#[derive(Debug)]
pub struct NodeLink {
    has_rpc: bool,
    used: Vec<Subscription>,
    up: Vec<String>,
    zmq: Zmq,
    topics: Topics,
    sync: Sync,
    poll: Poll,
    /// When the node is next asked where it publishes.
    ask_not_before: Instant,
    /// Until this moment, a missing connection is no fault yet.
    patient_until: Instant,
    /// When the next reading may begin.
    read_not_before: Option<Instant>,
    /// Readings and polls in a row that the node refused.
    refusals: u32,
    /// The node refused to answer, and is asked nothing before this moment; `None` if it did not refuse.
    refused_until: Option<Instant>,
    /// When progress was last written to the log.
    said: Option<Instant>,
    /// The fault of the topics that was written to the log last.
    complained: Option<String>,
}

impl NodeLink {
    /// A link without connections; `rpc_host` is the host of the node's RPC, `None` without RPC.
    pub fn new(rpc_host: Option<String>) -> NodeLink {
        let now = Instant::now();
        NodeLink {
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

    /// Replaces the endpoints in use with these.
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

    /// The subscriptions in use.
    pub fn used(&self) -> &[Subscription] {
        &self.used
    }

    /// Records a new connection. Messages that were sent before it are missing here.
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

    /// Records a lost connection.
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

    /// Records that a message of this topic has come.
    pub fn hear(&mut self, topic: Topic) {
        if self.topics.hear(topic) {
            self.complain();
        }
    }

    /// Records that something was lost. The node is read again if it can be asked, else the picture stays incomplete.
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

    /// Whether the picture is believed to equal the node's, and messages keep it so.
    pub fn is_in_step(&self) -> bool {
        self.is_healthy() && matches!(self.sync, Sync::InStep { .. })
    }

    /// Whether this link can give a fresh price, because the node is heard or polled.
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

    /// Marks the picture as possibly incomplete, for the reason `why`.
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

    /// Takes where the node publishes, or why that is not known. Logs why the topics cannot be heard if that has changed.
    pub fn list(&mut self, listing: Listing) {
        self.topics.list(listing);
        self.complain();
    }

    /// Why the needed topics cannot be heard; `None` if they can, if that is unknown, or while a connection may still come
    /// about.
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

    /// Records the progress of a reading, and logs it at most once a second.
    pub fn reading(&mut self, progress: Fault) {
        let now = Instant::now();
        let is_due = |said: Instant| said + PAUSE_BETWEEN_LINES <= now;
        if self.said.is_none_or(is_due) {
            info!("reading from the node: {}", progress.operator);
            self.said = Some(now);
        }
        self.sync = Sync::Reading { progress };
    }

    /// Records that a reading has ended, and that the picture equals the node's.
    pub fn in_step(&mut self, is_loaded: bool, now: Instant) {
        self.read_not_before = Some(now + PAUSE);
        self.forgive();
        self.said = None;
        self.sync = Sync::InStep {
            caveat: (!is_loaded).then_some(Caveat::Loading),
        };
    }

    /// Records that a reading has failed. The reason is logged only if it differs from `last`, because the page shows it too.
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

    /// Records that the node refused to answer, and returns the moment before which it is not asked again. The pauses grow,
    /// because Core logs each refusal and waits 250 ms over it.
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

    /// Lets the node be asked again at once, because there is another login.
    pub fn try_again(&mut self) {
        let now = Instant::now();
        self.forgive();
        self.read_not_before = None;
        self.poll.not_before = self.poll.not_before.min(now);
        self.ask_not_before = self.ask_not_before.min(now);
        self.missed_something();
    }

    /// Records that the node is in its initial download, `share` (0 to 1) of it done; the node is asked again in a minute.
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
