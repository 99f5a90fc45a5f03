//! A start without RPC: the picture as it was when the recording ended.

use satscope_bitcoin::frame::{Frame, Topic};
use tracing::info;

use super::Node;
use crate::{clock::Clock, recording::Past};

impl Node {
    /// Takes what a recording tells as if it came now, with the stamps that it had; time passes as it did then.
    pub(super) async fn take_past(&mut self, mut past: Past) {
        let clock = std::mem::replace(&mut self.clock, Clock::System);
        let mut messages = 0_u64;
        let mut second = 0;
        for (stamp_ms, frame) in past.by_ref() {
            if second != stamp_ms / 1000 {
                second = stamp_ms / 1000;
                let events = self.tracker.tick(stamp_ms);
                self.write(events, stamp_ms);
                self.flush();
                tokio::task::yield_now().await;
            }
            if let Err(error) = self.message(stamp_ms, Ok(frame)).await {
                self.report.malformed(&error);
            }
            messages += 1;
        }
        self.known = past.known();
        self.clock = clock;
        if let Some(known) = &self.known {
            self.clock.go_on_from(known.until_ms());
        }
        // What comes next does not follow what was recorded.
        self.counters.clear();
        self.tracker.lost_messages(false);
        info!(
            messages,
            mempool = self.tracker.mempool_len(),
            active = self.store.active(),
            "filled from the recording"
        );
    }

    /// Keeps a message of the node in the recording.
    pub(super) fn record(&mut self, at_ms: u64, frame: &Frame) {
        if frame.topic != Topic::StandIn
            && let Some(stamp_ms) = self.clock.stamp(at_ms)
        {
            self.end_gap(stamp_ms);
            self.recorder.frame(stamp_ms, frame);
        }
    }

    /// The node is there again; what time a stand-in has by then, its first message shows.
    pub(super) fn end_gap_at_connection(&mut self) {
        if let (Clock::System, Some(now_ms)) = (self.clock, self.clock.newest()) {
            self.end_gap(now_ms);
        }
    }

    /// Now that messages come again, says of which times nothing is known.
    fn end_gap(&mut self, now_ms: u64) {
        if let Some(known) = self.known.take() {
            self.link.degrade(known.words(now_ms));
        }
    }
}
