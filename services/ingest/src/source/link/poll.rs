//! When the node is polled: its mempool is read over RPC again and again while its ZMQ cannot be heard.

use std::time::{Duration, Instant};

use tracing::info;

use super::{NodeLink, Zmq};
use crate::source::topics::is_standin;

/// The pause before a poll lasts at least `PAUSE_BEFORE_POLL`, and at least `POLL_SHARE` times as long as the poll before it took,
/// because a busy node must not spend over a tenth of its time on polls.
pub const PAUSE_BEFORE_POLL: Duration = Duration::from_secs(1);
const POLL_SHARE: u32 = 9;
/// The longest pause after the first poll, which reads all that the later ones need not ask for again.
pub const PAUSE_AFTER_FIRST_POLL: Duration = Duration::from_mins(1);
/// A poll counts as slow, and the result of the one before it as old, once it has taken `SLOW_POLL_TIMES` as long as the one
/// before it: after `SLOW_POLL` at the earliest, and `SLOWEST_POLL` at the latest.
const SLOW_POLL: Duration = Duration::from_secs(5);
const SLOWEST_POLL: Duration = Duration::from_mins(1);
const SLOW_POLL_TIMES: u32 = 3;

/// The newest poll, and when the next one may begin.
#[derive(Debug)]
pub struct Poll {
    pub not_before: Instant,
    pub succeeded: bool,
    /// How long the newest poll took.
    took: Duration,
}

impl Poll {
    /// No poll has been made yet; the first may begin `PAUSE_BEFORE_POLL` from now.
    pub fn awaited(now: Instant) -> Poll {
        Poll {
            not_before: now + PAUSE_BEFORE_POLL,
            succeeded: false,
            took: Duration::ZERO,
        }
    }
}

impl NodeLink {
    /// Whether to read the node now because its ZMQ cannot be heard. A stand-in is polled only after a loss, because a poll moves its
    /// clock ahead of the messages that are on their way.
    pub fn wants_poll(&self, now: Instant) -> bool {
        let may_be_polled = self.zmq == Zmq::Lost || !is_standin(&self.used);
        may_be_polled && !self.is_healthy() && self.poll.not_before <= now && self.may_be_asked(now)
    }

    /// Records the end of a poll that began at `began`, and sets when the next one may begin.
    pub fn polled(&mut self, succeeded: bool, began: Instant, now: Instant) {
        if succeeded {
            self.forgive();
        }
        if succeeded && !self.poll.succeeded {
            info!("the node's ZMQ cannot be heard; asking for its mempool over RPC meanwhile");
        }
        let took = now - began;
        let longest = match self.poll.succeeded {
            true => Duration::MAX,
            false => PAUSE_AFTER_FIRST_POLL,
        };
        let pause = (took * POLL_SHARE).max(PAUSE_BEFORE_POLL).min(longest);
        self.poll = Poll {
            not_before: now + pause,
            succeeded,
            took,
        };
    }

    /// Records that a poll that began at `began` still goes on. Once it is slow, the result of the poll before it counts as
    /// old.
    pub fn polling(&mut self, began: Instant, now: Instant) {
        let patience = self.poll.took * SLOW_POLL_TIMES;
        if now - began > patience.clamp(SLOW_POLL, SLOWEST_POLL) {
            self.poll.succeeded = false;
        }
    }
}
