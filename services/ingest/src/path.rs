//! The path of a transaction from its bytes to the log, without a node, for benchmarks.

use std::cell::RefCell;

use bitcoin::{Txid, hashes::Hash as _};
use satscope_bitcoin::frame::SequenceEvent;
use satscope_filter::{Filter, RawError, RawTransaction, Rejection};
use satscope_log::{EventLog, Values, WINDOW_MS};

use crate::{
    AT_ONCE,
    metrics::Metrics,
    publish::{
        Publisher,
        store::{LIMITS, Store},
    },
    stamp::Gate,
    tracker::Tracker,
};

/// The filter's verdict on the bytes of a transaction. The filter is generic, and is compiled here as it is for the
/// tracker. If a test compiles it, its count of instructions differs by a fifth with the folder of the build.
///
/// # Errors
/// When the bytes are not one whole transaction.
#[inline(never)]
pub fn judged(filter: &Filter, body: &[u8]) -> Result<Result<Values, Rejection>, RawError> {
    let transaction = RawTransaction::read(body)?;
    Ok(filter.judge(&transaction, |_| false))
}

/// A tracker, and where it writes.
pub struct Path {
    tracker: Tracker,
    gate: Gate,
    publisher: Publisher,
    metrics: Metrics,
    sink: Written,
    /// Messages since something was published.
    messages: usize,
}

enum Written {
    /// The log alone.
    Log(RefCell<EventLog>),
    /// The log and the window, as in ingest.
    Store(Store),
}

impl Path {
    /// A path that ends at the log.
    pub fn to_log() -> Path {
        Path::to(Written::Log(RefCell::new(EventLog::new(1, LIMITS))))
    }

    /// A path that goes on to the window, as in ingest.
    pub fn to_window() -> Path {
        Path::to(Written::Store(Store::new(1, usize::MAX)))
    }

    fn to(sink: Written) -> Path {
        Path {
            tracker: Tracker::new(Filter::default(), true),
            gate: Gate::StandIn,
            publisher: Publisher::new(),
            metrics: Metrics::start(),
            sink,
            messages: 0,
        }
    }

    /// Takes the body of `rawtx`.
    ///
    /// # Errors
    /// When the bytes are not one whole transaction.
    pub fn transaction(&mut self, body: &[u8], now_ms: u64) -> Result<(), RawError> {
        self.tracker.transaction(body, now_ms)?;
        self.took_message(now_ms);
        Ok(())
    }

    /// Takes the `sequence` message that says that a transaction entered the mempool.
    pub fn added(&mut self, txid: [u8; 32], now_ms: u64) {
        let added = SequenceEvent::Added(Txid::from_byte_array(txid), 0);
        self.tracker.sequence(added, now_ms, &mut self.gate);
        self.took_message(now_ms);
    }

    /// Makes the tracker forget these transactions, as if they had left and three hours had passed.
    pub fn forget(&mut self, txids: impl Iterator<Item = [u8; 32]>, now_ms: u64) {
        for txid in txids {
            let removed = SequenceEvent::Removed(Txid::from_byte_array(txid), 0);
            self.tracker.sequence(removed, now_ms, &mut self.gate);
            self.took_message(now_ms);
        }
        for later_ms in [now_ms + WINDOW_MS / 2, now_ms + 2 * WINDOW_MS] {
            drop(self.tracker.tick(later_ms, &mut self.gate));
            self.tracker.status(later_ms, std::sync::Arc::default());
            self.publish(later_ms);
        }
    }

    /// Entries written.
    pub fn entries(&self) -> u64 {
        match &self.sink {
            Written::Log(log) => log.borrow().head().sequence,
            Written::Store(store) => store.sequence(),
        }
    }

    /// Counts a message, and publishes after each `AT_ONCE` of them, as ingest does at most.
    fn took_message(&mut self, now_ms: u64) {
        self.messages += 1;
        if self.messages.is_multiple_of(AT_ONCE) {
            self.publish(now_ms);
        }
    }

    fn publish(&mut self, now_ms: u64) {
        let out = self.tracker.take_outbox(self.publisher.spare());
        match &self.sink {
            Written::Log(log) => self.publisher.publish(out, now_ms, log, &mut self.metrics),
            Written::Store(store) => self
                .publisher
                .publish(out, now_ms, store, &mut self.metrics),
        }
    }
}
