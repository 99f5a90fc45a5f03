//! How the link to the node is, in words that an operator can act on; and when the node must be read.
//!
//! Two things are known of it, each by itself: what its ZMQ is, and how far the picture here is the node's.

use std::time::{Duration, Instant};

use satscope_log::{Hop, HopState};
use tracing::{info, warn};

/// The pause after a reading that succeeded, after one that failed, and while the node is in its initial download.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
const PAUSE_IN_DOWNLOAD: Duration = Duration::from_secs(60);
/// A connection may take this long before the node is asked why there is none.
const FIRST_HINT: Duration = Duration::from_secs(3);
const PAUSE_BETWEEN_HINTS: Duration = Duration::from_secs(10);
const PAUSE_BETWEEN_LINES: Duration = Duration::from_secs(1);
/// The pause before the node is read while its ZMQ is away; and this many times as long as reading it took, at least: a busy
/// node is not to be kept busier.
const PAUSE_BEFORE_POLL: Duration = Duration::from_secs(1);
const POLL_SHARE: u32 = 10;

const NO_RPC: &str = "no RPC: what came before the connection is not known";
const LOADING: &str =
    "the node is loading its mempool.dat: each transaction's entry time is asked until it is done";

/// What the node's ZMQ is.
#[derive(Debug)]
enum Zmq {
    /// There has been no connection yet; why, if the node could be asked.
    Awaited { hint: Option<String> },
    /// All endpoints are connected.
    Up,
    /// A connection was lost.
    Lost { hint: Option<String>, poll: Poll },
}

/// Reading the node while its ZMQ is away.
#[derive(Debug)]
struct Poll {
    not_before: Instant,
    succeeded: bool,
}

/// How far the picture is the node's.
#[derive(Debug)]
enum Sync {
    /// Something is missing, and the node cannot be asked; what is missing.
    Alone { why: String },
    /// Something is missing, and the node must be read.
    Wanted { not_before: Instant },
    /// The node is being read; how far.
    Reading { progress: String },
    /// Reading the node failed; why.
    Failed { why: String, not_before: Instant },
    /// The node is in its initial download; how far.
    Downloading {
        how_far: String,
        not_before: Instant,
    },
    /// The picture is the node's; what is not exact about it, if anything is.
    InStep { caveat: Option<String> },
}

/// The state of the link.
#[derive(Debug)]
pub struct Link {
    /// Where `rawtx` is expected.
    endpoint: String,
    endpoints: usize,
    up: Vec<String>,
    zmq: Zmq,
    sync: Sync,
    ask_not_before: Instant,
    /// When the next reading may begin.
    read_not_before: Option<Instant>,
    /// Readings in a row that the node refused.
    refusals: u32,
    /// When progress was last written to the log.
    said: Option<Instant>,
}

impl Link {
    /// Waiting for `endpoints` connections, one of them to `endpoint`.
    pub fn new(endpoint: String, endpoints: usize) -> Link {
        let now = Instant::now();
        Link {
            endpoint,
            endpoints,
            up: Vec::new(),
            zmq: Zmq::Awaited { hint: None },
            sync: Sync::Wanted { not_before: now },
            ask_not_before: now + FIRST_HINT,
            read_not_before: None,
            refusals: 0,
            said: None,
        }
    }

    /// A connection stands. What was sent before it is missing here.
    pub fn up(&mut self, endpoint: String, has_rpc: bool) {
        self.up.retain(|held| *held != endpoint);
        self.up.push(endpoint);
        if self.refusals > 0 {
            self.refusals = 0;
            self.read_not_before = None;
        }
        if self.up.len() == self.endpoints {
            self.zmq = Zmq::Up;
        }
        self.missed_something(has_rpc);
    }

    /// A connection is gone.
    pub fn down(&mut self, endpoint: &str) {
        let now = Instant::now();
        self.up.retain(|held| held != endpoint);
        self.ask_not_before = now + FIRST_HINT;
        if matches!(self.zmq, Zmq::Up) {
            self.zmq = Zmq::Lost {
                hint: None,
                poll: Poll {
                    not_before: now + PAUSE_BEFORE_POLL,
                    succeeded: false,
                },
            };
        }
        if let Sync::Reading { .. } = self.sync {
            self.sync = Sync::Wanted { not_before: now };
        }
    }

    /// Something was lost: the node must be read, or it cannot be.
    pub fn missed_something(&mut self, has_rpc: bool) {
        self.sync = match has_rpc {
            true => Sync::Wanted {
                not_before: self.read_not_before.unwrap_or_else(Instant::now),
            },
            false => Sync::Alone {
                why: NO_RPC.to_owned(),
            },
        };
    }

    /// Whether all endpoints are connected.
    pub fn is_up(&self) -> bool {
        matches!(self.zmq, Zmq::Up)
    }

    /// Whether the picture is believed to be the node's.
    pub fn is_in_step(&self) -> bool {
        self.is_up() && matches!(self.sync, Sync::InStep { .. })
    }

    /// Records the outcome of a comparison; `failure` is why it could not be made.
    pub fn compared(&mut self, failure: Option<String>) {
        let Sync::InStep { caveat } = &mut self.sync else {
            return;
        };
        if caveat.as_deref() == Some(LOADING) {
            return;
        }
        if let Some(failure) = failure.as_ref().filter(|_| caveat.is_none()) {
            warn!("cannot compare with the node: {failure}");
        }
        *caveat = failure;
    }

    /// The picture may be incomplete, and why.
    pub fn degrade(&mut self, why: String) {
        self.sync = Sync::Alone { why };
    }

    /// Whether to read the node now because something is missing.
    pub fn wants_reading(&self, now: Instant) -> bool {
        let not_before = match &self.sync {
            Sync::Wanted { not_before }
            | Sync::Failed { not_before, .. }
            | Sync::Downloading { not_before, .. } => *not_before,
            Sync::Alone { .. } | Sync::Reading { .. } | Sync::InStep { .. } => return false,
        };
        self.is_up() && not_before <= now
    }

    /// Whether to read the node now although its ZMQ is away: only after it was there once, so that one that was never set
    /// up is noticed.
    pub fn wants_poll(&self, now: Instant) -> bool {
        matches!(&self.zmq, Zmq::Lost { poll, .. } if poll.not_before <= now)
    }

    /// The node was read without its ZMQ, or could not be, since `began`.
    pub fn polled(&mut self, succeeded: bool, began: Instant, now: Instant) {
        if let Zmq::Lost { poll, .. } = &mut self.zmq {
            if succeeded && !poll.succeeded {
                info!("the node's ZMQ is away; reading its mempool over RPC meanwhile");
            }
            let pause = (now - began) * POLL_SHARE;
            *poll = Poll {
                not_before: now + pause.max(PAUSE_BEFORE_POLL),
                succeeded,
            };
        }
    }

    /// The reading over RPC is not answered: what the last one told is old.
    pub fn poll_is_slow(&mut self) {
        if let Zmq::Lost { poll, .. } = &mut self.zmq {
            poll.succeeded = false;
        }
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
    pub fn hint(&mut self, said: String) {
        if let Zmq::Awaited { hint } | Zmq::Lost { hint, .. } = &mut self.zmq {
            if hint.as_ref() != Some(&said) {
                warn!("waiting for the node's ZMQ: {said}");
            }
            *hint = Some(said);
        }
    }

    /// Where `rawtx` is expected.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A reading goes on; logged at most once a second.
    pub fn reading(&mut self, progress: String) {
        let now = Instant::now();
        let is_due = |said: Instant| said + PAUSE_BETWEEN_LINES <= now;
        if self.said.is_none_or(is_due) {
            info!("reading from the node: {progress}");
            self.said = Some(now);
        }
        self.sync = Sync::Reading { progress };
    }

    /// A reading has ended, and the picture is the node's.
    pub fn in_step(&mut self, is_loaded: bool, now: Instant) {
        self.read_not_before = Some(now + PAUSE);
        self.refusals = 0;
        self.said = None;
        self.sync = Sync::InStep {
            caveat: (!is_loaded).then(|| LOADING.to_owned()),
        };
    }

    /// A reading has failed. What stays as it was is on the page, and need not fill the log.
    /// One that was refused is not soon answered: the pauses grow, until the node is connected anew.
    pub fn failed(&mut self, why: String, is_refused: bool, now: Instant, last: Option<&str>) {
        if last != Some(&why) {
            warn!("not in step with the node: {why}");
        }
        self.refusals = if is_refused { self.refusals + 1 } else { 0 };
        let pause = PAUSE_AFTER_FAILURE * 2_u32.pow(self.refusals.saturating_sub(1).min(5));
        let not_before = now + pause;
        self.read_not_before = Some(not_before);
        self.sync = Sync::Failed { why, not_before };
    }

    /// Whether the node refused the last reading.
    pub fn is_refused(&self) -> bool {
        self.refusals > 0 && matches!(self.sync, Sync::Failed { .. })
    }

    /// There is another login: the next reading may begin.
    pub fn try_again(&mut self) {
        self.refusals = 0;
        self.read_not_before = None;
        self.missed_something(true);
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

    /// The node's hop, and ingest's own.
    pub fn hops(&self) -> Vec<Hop> {
        let (state, detail) = self.node();
        let hop = |name: &str, state, detail| Hop {
            name: name.to_owned(),
            state,
            detail,
        };
        vec![
            hop("node", state, detail),
            hop("ingest", HopState::Connected, String::new()),
        ]
    }

    fn node(&self) -> (HopState, String) {
        let words = |hint: &'_ Option<String>, otherwise: &'static str| {
            hint.clone().unwrap_or_else(|| otherwise.to_owned())
        };
        match (&self.zmq, &self.sync) {
            (Zmq::Awaited { hint }, _) => {
                (HopState::Connecting, words(hint, "waiting for its ZMQ"))
            }
            (Zmq::Lost { hint, poll }, _) if poll.succeeded => (
                HopState::Degraded,
                words(
                    hint,
                    "its ZMQ is gone; trying again, and reading its mempool over RPC meanwhile",
                ),
            ),
            (Zmq::Lost { hint, .. }, _) => (
                HopState::Disconnected,
                words(hint, "its ZMQ is gone; trying again"),
            ),
            (Zmq::Up, Sync::Reading { progress }) => (HopState::Resyncing, progress.clone()),
            (Zmq::Up, Sync::Downloading { how_far, .. }) => (HopState::Resyncing, how_far.clone()),
            (Zmq::Up, Sync::Wanted { .. }) => (
                HopState::Resyncing,
                "something was missed: about to ask the node".to_owned(),
            ),
            (Zmq::Up, Sync::Alone { why } | Sync::Failed { why, .. }) => {
                (HopState::Degraded, why.clone())
            }
            (Zmq::Up, Sync::InStep { caveat: Some(why) }) => (HopState::Degraded, why.clone()),
            (Zmq::Up, Sync::InStep { caveat: None }) => (HopState::Connected, String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link::new("tcp://node:1".to_owned(), 1)
    }

    fn node(link: &Link) -> (HopState, String) {
        let hop = &link.hops()[0];
        (hop.state, hop.detail.clone())
    }

    fn state(link: &Link) -> HopState {
        node(link).0
    }

    #[test]
    fn the_hop_says_how_the_link_is() {
        let mut link = link();
        let now = Instant::now();
        assert_eq!(state(&link), HopState::Connecting);
        link.up("tcp://node:1".to_owned(), true);
        assert!(link.wants_reading(Instant::now()));
        assert_eq!(state(&link), HopState::Resyncing, "not yet, but wanted");
        link.reading("1 of 2 blocks".to_owned());
        assert_eq!(
            node(&link),
            (HopState::Resyncing, "1 of 2 blocks".to_owned())
        );
        link.failed("refused".to_owned(), false, now, None);
        assert_eq!(node(&link), (HopState::Degraded, "refused".to_owned()));
        assert!(!link.wants_reading(now), "not at once again");
        assert!(link.wants_reading(now + PAUSE_AFTER_FAILURE));
        link.in_step(true, now);
        assert_eq!(state(&link), HopState::Connected);
        link.down("tcp://node:1");
        assert_eq!(state(&link), HopState::Disconnected);
    }

    #[test]
    fn a_node_that_loads_or_downloads_is_not_called_connected() {
        let mut link = link();
        let now = Instant::now();
        link.up("tcp://node:1".to_owned(), true);
        link.in_step(false, now);
        assert_eq!(node(&link), (HopState::Degraded, LOADING.to_owned()));
        link.compared(None);
        assert_eq!(state(&link), HopState::Degraded);
        link.downloading(0.1234, now);
        assert_eq!(state(&link), HopState::Resyncing);
        assert!(
            node(&link)
                .1
                .starts_with("the node is 12.34 % synchronised")
        );
        assert!(!link.wants_reading(now + Duration::from_secs(59)));
        assert!(link.wants_reading(now + PAUSE_IN_DOWNLOAD));
    }

    #[test]
    fn without_rpc_the_gap_is_shown() {
        let mut link = link();
        link.up("tcp://node:1".to_owned(), false);
        assert_eq!(state(&link), HopState::Degraded);
        assert!(!link.wants_reading(Instant::now()));
    }

    #[test]
    fn a_node_that_cannot_be_compared_with_is_said_to_be_so() {
        let mut link = link();
        link.up("tcp://node:1".to_owned(), true);
        assert!(!link.is_in_step());
        link.in_step(true, Instant::now());
        assert!(link.is_in_step());
        link.compared(Some("refused".to_owned()));
        assert_eq!(node(&link), (HopState::Degraded, "refused".to_owned()));
        link.compared(None);
        assert_eq!(state(&link), HopState::Connected);
    }

    #[test]
    fn without_its_zmq_the_node_is_read_now_and_then() {
        let mut link = link();
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
        let (state, detail) = node(&link);
        assert!(state == HopState::Degraded && detail.contains("over RPC"));
        link.up("tcp://node:1".to_owned(), true);
        assert!(!link.wants_poll(ended + Duration::from_secs(60)));
    }

    #[test]
    fn why_there_is_no_connection_is_asked_now_and_then_and_shown() {
        let mut link = link();
        assert!(!link.wants_hint(Instant::now()), "it may still come");
        let now = Instant::now() + FIRST_HINT;
        assert!(link.wants_hint(now));
        assert!(!link.wants_hint(now));
        assert!(link.wants_hint(now + PAUSE_BETWEEN_HINTS));
        link.hint("it is off".to_owned());
        assert_eq!(node(&link).1, "it is off");
        link.up("tcp://node:1".to_owned(), true);
        assert!(!link.wants_hint(now + 2 * PAUSE_BETWEEN_HINTS));
        assert_ne!(node(&link).1, "it is off");
    }

    #[test]
    fn one_that_was_refused_is_asked_ever_more_seldom_until_the_node_comes_back() {
        let mut link = link();
        link.up("tcp://node:1".to_owned(), true);
        let now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            link.failed("refused".to_owned(), true, now, None);
            let due = (0..60).find(|seconds| {
                let later = now + Duration::from_secs(*seconds);
                link.wants_reading(later)
            });
            pauses.extend(due);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32]);
        link.down("tcp://node:1");
        link.up("tcp://node:1".to_owned(), true);
        assert!(link.wants_reading(Instant::now()));
        link.failed("silent".to_owned(), false, now, None);
        assert!(link.wants_reading(now + PAUSE_AFTER_FAILURE));
    }
}
