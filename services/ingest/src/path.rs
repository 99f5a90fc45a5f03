//! The way of a transaction from its bytes to the log, without the node around it: for measuring it.

use std::sync::Arc;

use bitcoin::{Txid, hashes::Hash as _};
use satscope_bitcoin::frame::SequenceEvent;
use satscope_filter::{Filter, RawError};
use satscope_log::{Event, EventLog, WINDOW_MS};

use crate::{
    AT_ONCE,
    store::{LIMITS, Store},
    tracker::Tracker,
};

/// A tracker, and where it writes.
pub struct Path {
    tracker: Tracker,
    written: Written,
    unpublished: Vec<(u64, Event)>,
    /// Messages since the last time that something was published.
    messages: usize,
}

enum Written {
    /// To the log alone.
    Log(EventLog),
    /// As ingest has it: to the log and the window.
    Store(Store),
}

impl Path {
    /// As far as the log.
    pub fn to_log() -> Path {
        Path::to(Written::Log(EventLog::new(1, LIMITS)))
    }

    /// As ingest has it: on to the window.
    pub fn to_window() -> Path {
        Path::to(Written::Store(Store::new(1, usize::MAX)))
    }

    fn to(written: Written) -> Path {
        Path {
            tracker: Tracker::new(Filter::default(), true),
            written,
            unpublished: Vec::new(),
            messages: 0,
        }
    }

    /// Takes the body of `rawtx`.
    ///
    /// # Errors
    /// When the bytes are not one whole transaction.
    pub fn transaction(&mut self, body: &[u8], now_ms: u64) -> Result<(), RawError> {
        let event = self.tracker.transaction(body, now_ms)?;
        self.take(event, now_ms);
        Ok(())
    }

    /// Takes the `sequence` message that says that a transaction entered the mempool.
    pub fn added(&mut self, txid: [u8; 32], now_ms: u64) {
        let added = SequenceEvent::Added(Txid::from_byte_array(txid), 0);
        let outcome = self.tracker.sequence(added, now_ms);
        self.take(outcome.events, now_ms);
    }

    /// Lets go of all of these, as if they had left and three hours had passed.
    pub fn forget(&mut self, txids: impl Iterator<Item = [u8; 32]>, now_ms: u64) {
        for txid in txids {
            let removed = SequenceEvent::Removed(Txid::from_byte_array(txid), 0);
            let outcome = self.tracker.sequence(removed, now_ms);
            self.take(outcome.events, now_ms);
        }
        for later_ms in [now_ms + WINDOW_MS / 2, now_ms + 2 * WINDOW_MS] {
            let mut events = self.tracker.tick(later_ms);
            events.push(Event::Status(Arc::default()));
            self.take(events, later_ms);
            self.publish();
        }
    }

    /// Entries written.
    pub fn entries(&self) -> u64 {
        match &self.written {
            Written::Log(log) => log.head().sequence,
            Written::Store(store) => *store.watch().borrow(),
        }
    }

    /// As the node's task does it: what came together is published together.
    fn take(&mut self, events: impl IntoIterator<Item = Event>, now_ms: u64) {
        for event in events {
            self.unpublished.push((now_ms, event));
        }
        self.messages += 1;
        if self.messages.is_multiple_of(AT_ONCE) {
            self.publish();
        }
    }

    fn publish(&mut self) {
        drop(self.tracker.take_first_sights());
        self.tracker.written();
        let events = self.unpublished.drain(..);
        match &mut self.written {
            Written::Log(log) => events.for_each(|(time_ms, event)| {
                log.push(time_ms, event);
            }),
            Written::Store(store) => store.publish(events),
        }
    }
}
