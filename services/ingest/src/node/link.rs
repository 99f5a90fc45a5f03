//! How the link to the node is, in words that a person can act on; and when it is time to resync.

use std::time::{Duration, Instant};

use satscope_kit::health::Condition;
use satscope_log::{Hop, HopState};
use tracing::{info, warn};

/// The pause after a resync that succeeded, and after one that failed.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// A connection may take so long before anybody is asked.
const FIRST_HINT: Duration = Duration::from_secs(3);
const PAUSE_BETWEEN_HINTS: Duration = Duration::from_secs(10);
const PAUSE_BETWEEN_LINES: Duration = Duration::from_secs(1);
/// The pause before the node is read while its ZMQ is away; and so many times as long as reading it took, at least: a busy
/// node is not to be kept busier.
const PAUSE_BEFORE_POLL: Duration = Duration::from_secs(1);
const POLL_SHARE: u32 = 10;

/// The state of the link.
#[derive(Debug)]
pub struct Link {
    condition: Condition,
    /// Where `rawtx` is expected.
    endpoint: String,
    endpoints: usize,
    up: Vec<String>,
    /// Why there is no connection, if the node could be asked.
    hint: Option<String>,
    ask_not_before: Instant,
    ever_up: bool,
    /// When the node may be read next without its ZMQ.
    poll_not_before: Instant,
    /// Its RPC has told what its ZMQ has not.
    is_polled: bool,
    resync_wanted: bool,
    not_before: Option<Instant>,
    progress: Option<String>,
    /// When progress was last written to the log.
    said: Option<Instant>,
    /// Why the picture may be incomplete.
    degraded: Option<String>,
    /// Why it cannot be compared with the node's.
    incomparable: Option<String>,
}

impl Link {
    /// Waiting for `endpoints` connections, one of them to `endpoint`.
    pub fn new(condition: Condition, endpoint: String, endpoints: usize) -> Link {
        Link {
            condition,
            endpoint,
            endpoints,
            up: Vec::new(),
            hint: None,
            ask_not_before: Instant::now() + FIRST_HINT,
            ever_up: false,
            poll_not_before: Instant::now(),
            is_polled: false,
            resync_wanted: false,
            not_before: None,
            progress: None,
            said: None,
            degraded: None,
            incomparable: None,
        }
    }

    /// A connection stands. What was sent before it is missing here.
    pub fn up(&mut self, endpoint: String, has_rpc: bool) {
        self.up.retain(|held| *held != endpoint);
        self.up.push(endpoint);
        self.ever_up = true;
        self.hint = None;
        self.is_polled = false;
        self.missed_something(has_rpc);
        if self.is_up() {
            self.condition.met();
        }
    }

    /// A connection is gone.
    pub fn down(&mut self, endpoint: &str) {
        self.up.retain(|held| held != endpoint);
        self.ask_not_before = Instant::now() + FIRST_HINT;
        self.poll_not_before = Instant::now() + PAUSE_BEFORE_POLL;
        self.condition.unmet("the node's ZMQ");
    }

    /// Something was lost: ask the node, or say that it cannot be asked.
    pub fn missed_something(&mut self, has_rpc: bool) {
        if has_rpc {
            self.resync_wanted = true;
        } else {
            self.degraded = Some("no RPC: what came before the connection is not known".to_owned());
        }
    }

    /// Whether the picture is believed to be the node's.
    pub fn is_in_step(&self) -> bool {
        self.is_up() && !self.resync_wanted
    }

    /// The picture was compared with the node's, or why it could not be.
    pub fn compared(&mut self, failure: Option<String>) {
        if let Some(failure) = failure.as_ref().filter(|_| self.incomparable.is_none()) {
            warn!("cannot compare with the node: {failure}");
        }
        self.incomparable = failure;
    }

    /// Why the picture may be incomplete, if it may.
    pub fn degraded_by(&self) -> Option<&String> {
        self.degraded.as_ref()
    }

    /// The picture may be incomplete, and why.
    pub fn degrade(&mut self, why: String) {
        self.degraded = Some(why);
    }

    /// Whether to resync now.
    pub fn wants_resync(&self, now: Instant) -> bool {
        self.resync_wanted && self.is_up() && self.not_before.is_none_or(|time| time <= now)
    }

    /// Whether to read the node now although its ZMQ is away: only after it was there once, so that one that was never set
    /// up is noticed.
    pub fn wants_poll(&self, now: Instant) -> bool {
        !self.is_up() && self.ever_up && self.poll_not_before <= now
    }

    /// The node was read, or could not be, since `began`.
    pub fn polled(&mut self, succeeded: bool, began: Instant, now: Instant) {
        self.is_polled = succeeded;
        let pause = (now - began) * POLL_SHARE;
        self.poll_not_before = now + pause.max(PAUSE_BEFORE_POLL);
    }

    /// Whether the picture follows the node's without its ZMQ.
    pub fn is_polled(&self) -> bool {
        self.is_polled
    }

    /// Whether to ask the node why there is no connection: after a while, and then every ten seconds.
    pub fn wants_hint(&mut self, now: Instant) -> bool {
        let due = !self.is_up() && self.ask_not_before <= now;
        if due {
            self.ask_not_before = now + PAUSE_BETWEEN_HINTS;
        }
        due
    }

    /// Why there is no connection; logged when it is news.
    pub fn hint(&mut self, hint: String) {
        if self.hint.as_ref() != Some(&hint) {
            warn!("waiting for the node's ZMQ: {hint}");
        }
        self.hint = Some(hint);
    }

    /// Where `rawtx` is expected.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A resync begins.
    pub fn begin_resync(&mut self) {
        self.resync_wanted = false;
        self.progress = Some("reading the node's mempool".to_owned());
    }

    /// So many of what was missing have come; logged at most once a second, and not at all outside of a resync.
    pub fn progress(&mut self, what: &str, done: usize, of: usize) {
        if self.progress.is_none() {
            return;
        }
        let line = format!("{done} of {of} {what}");
        let now = Instant::now();
        if self
            .said
            .is_none_or(|said| said + PAUSE_BETWEEN_LINES <= now)
        {
            info!("reading from the node: {line}");
            self.said = Some(now);
        }
        self.progress = Some(line);
    }

    /// A resync has ended, with what went wrong if anything did.
    pub fn end_resync(&mut self, failure: Option<String>, now: Instant) {
        self.progress = None;
        self.resync_wanted |= failure.is_some();
        let pause = match failure {
            Some(_) => PAUSE_AFTER_FAILURE,
            None => PAUSE,
        };
        self.not_before = Some(now + pause);
        self.degraded = failure;
        self.incomparable = None;
    }

    /// The node's hop, and ingest's own.
    pub fn hops(&self) -> Vec<Hop> {
        let why = |otherwise| self.hint.as_deref().unwrap_or(otherwise);
        let degraded = self.degraded.as_ref().or(self.incomparable.as_ref());
        let (state, detail) = match (&self.progress, degraded) {
            _ if !self.is_up() && self.is_polled => (
                HopState::Disconnected,
                why("its ZMQ is gone; trying again, and reading its mempool over RPC meanwhile"),
            ),
            _ if !self.is_up() && self.ever_up => {
                (HopState::Disconnected, why("its ZMQ is gone; trying again"))
            }
            _ if !self.is_up() => (HopState::Connecting, why("waiting for its ZMQ")),
            (Some(progress), _) => (HopState::Resyncing, progress.as_str()),
            (None, Some(degraded)) => (HopState::Degraded, degraded.as_str()),
            (None, None) if self.resync_wanted => (
                HopState::Resyncing,
                "something was missed: about to ask the node",
            ),
            (None, None) => (HopState::Connected, ""),
        };
        let hop = |name: &str, state, detail: &str| Hop {
            name: name.to_owned(),
            state,
            detail: detail.to_owned(),
        };
        vec![
            hop("node", state, detail),
            hop("ingest", HopState::Connected, ""),
        ]
    }

    fn is_up(&self) -> bool {
        self.up.len() == self.endpoints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(readiness: &satscope_kit::health::Readiness) -> Link {
        let condition = readiness.condition("node", "its ZMQ");
        Link::new(condition, "tcp://node:1".to_owned(), 1)
    }

    fn node_state(link: &Link) -> HopState {
        link.hops()[0].state
    }

    #[test]
    fn the_hop_says_how_the_link_is() {
        let readiness = satscope_kit::health::Readiness::default();
        let mut link = link(&readiness);
        let now = Instant::now();
        assert_eq!(node_state(&link), HopState::Connecting);
        link.up("tcp://node:1".to_owned(), true);
        assert!(link.wants_resync(now));
        assert_eq!(
            node_state(&link),
            HopState::Resyncing,
            "not yet, but wanted"
        );
        link.begin_resync();
        assert_eq!(node_state(&link), HopState::Resyncing);
        link.end_resync(Some("refused".to_owned()), now);
        assert_eq!(node_state(&link), HopState::Degraded);
        assert!(!link.wants_resync(now), "not at once again");
        assert!(link.wants_resync(now + PAUSE_AFTER_FAILURE));
        link.begin_resync();
        link.end_resync(None, now);
        assert_eq!(node_state(&link), HopState::Connected);
        link.down("tcp://node:1");
        assert_eq!(node_state(&link), HopState::Disconnected);
    }

    #[test]
    fn without_rpc_the_gap_is_shown() {
        let readiness = satscope_kit::health::Readiness::default();
        let mut link = link(&readiness);
        link.up("tcp://node:1".to_owned(), false);
        assert_eq!(node_state(&link), HopState::Degraded);
        assert!(!link.wants_resync(Instant::now()));
    }

    #[test]
    fn a_node_that_cannot_be_compared_with_is_said_to_be_so() {
        let readiness = satscope_kit::health::Readiness::default();
        let mut link = link(&readiness);
        link.up("tcp://node:1".to_owned(), true);
        assert!(!link.is_in_step());
        link.begin_resync();
        link.end_resync(None, Instant::now());
        assert!(link.is_in_step());
        link.compared(Some("refused".to_owned()));
        assert_eq!(
            (node_state(&link), link.hops()[0].detail.as_str()),
            (HopState::Degraded, "refused")
        );
        link.compared(None);
        assert_eq!(node_state(&link), HopState::Connected);
    }

    #[test]
    fn without_its_zmq_the_node_is_read_now_and_then() {
        let readiness = satscope_kit::health::Readiness::default();
        let mut link = link(&readiness);
        let soon = || Instant::now() + PAUSE_BEFORE_POLL;
        assert!(!link.wants_poll(soon()), "never seen");
        link.up("tcp://node:1".to_owned(), true);
        assert!(!link.wants_poll(soon()));
        link.down("tcp://node:1");
        assert!(!link.wants_poll(Instant::now()), "it may come back");
        assert!(link.wants_poll(soon()));
        let began = Instant::now();
        let ended = began + Duration::from_secs(3);
        link.polled(true, began, ended);
        assert!(!link.wants_poll(ended + Duration::from_secs(29)));
        assert!(link.wants_poll(ended + Duration::from_secs(30)));
        assert!(link.hops()[0].detail.contains("over RPC"));
        link.up("tcp://node:1".to_owned(), true);
        assert!(!link.is_polled());
    }

    #[test]
    fn why_there_is_no_connection_is_asked_now_and_then_and_shown() {
        let readiness = satscope_kit::health::Readiness::default();
        let mut link = link(&readiness);
        assert!(!link.wants_hint(Instant::now()), "it may still come");
        let now = Instant::now() + FIRST_HINT;
        assert!(link.wants_hint(now));
        assert!(!link.wants_hint(now));
        assert!(link.wants_hint(now + PAUSE_BETWEEN_HINTS));
        link.hint("it is off".to_owned());
        assert_eq!(link.hops()[0].detail, "it is off");
        link.up("tcp://node:1".to_owned(), true);
        assert!(!link.wants_hint(now + 2 * PAUSE_BETWEEN_HINTS));
        assert_ne!(link.hops()[0].detail, "it is off");
    }
}
