//! The way of a transaction from its bytes to the log, without the node around it: for measuring it.

use bitcoin::{Txid, hashes::Hash as _};
use satscope_bitcoin::frame::SequenceEvent;
use satscope_filter::{Filter, RawError};

use crate::{store::Store, tracker::Tracker};

/// An empty tracker and an empty log.
pub struct Path {
    tracker: Tracker,
    store: Store,
}

impl Default for Path {
    fn default() -> Self {
        Path {
            tracker: Tracker::new(Filter::default(), true),
            store: Store::new(1),
        }
    }
}

impl Path {
    /// Takes what a node sends of a transaction that enters its mempool: `rawtx` with this body, then `sequence`.
    ///
    /// # Errors
    /// When the bytes are not one whole transaction.
    pub fn enter(&mut self, body: &[u8], txid: [u8; 32], now_ms: u64) -> Result<(), RawError> {
        let outcome = self.tracker.transaction(body, now_ms)?;
        let added = SequenceEvent::Added(Txid::from_byte_array(txid), 0);
        let settled = self.tracker.sequence(added, now_ms);
        let events = outcome.events.into_iter().chain(settled.events);
        self.store
            .publish(events.map(|event| (now_ms, event)).collect());
        Ok(())
    }

    /// Forgets what is counted and written down elsewhere.
    pub fn settle(&mut self) {
        drop(self.tracker.take_first_sights());
        drop(self.tracker.take_records());
    }

    /// Transactions in the window.
    pub fn active(&self) -> usize {
        self.store.active()
    }
}
