//! The log and the window, which the node's task writes and the subscribers read.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use satscope_log::{
    Accepted, Block, Entry, Event, EventLog, LogLimits, NodeStatus, Position, State, Txid, Window,
};
use tokio::sync::watch;

use super::Sink;

/// How much of the log is kept for subscribers to resume from.
pub const LIMITS: LogLimits = LogLimits {
    age_ms: 15 * 60 * 1000,
    bytes: 64 << 20,
};

/// Subscribers that come within this time share the copy of the window that one of them is still being sent. Each goes on with
/// the entries after it.
const SHARED: Duration = Duration::from_secs(10);

/// The whole window at one position.
#[derive(Debug)]
pub struct Snapshot {
    made: Instant,
    /// The newest position that it covers.
    pub position: Position,
    /// Its clock, Unix milliseconds.
    pub time_ms: u64,
    /// The transactions, oldest first.
    pub transactions: Vec<(Arc<Accepted>, State)>,
    /// The blocks, oldest first.
    pub blocks: Vec<Block>,
    /// The newest status, if there has been one.
    pub status: Option<Arc<NodeStatus>>,
}

/// The shared state.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
    head: watch::Sender<u64>,
    /// The most memory that the window may take, in bytes.
    room: usize,
}

#[derive(Debug)]
struct Inner {
    log: EventLog,
    window: Window,
    time_ms: u64,
    status: Option<Arc<NodeStatus>>,
    /// The newest copy of the window, while a subscriber is being sent it.
    snapshot: Weak<Snapshot>,
}

impl Inner {
    /// The newest copy of the window, if it is recent and the entries after it are still held.
    fn shared(&self) -> Option<Arc<Snapshot>> {
        let snapshot = self.snapshot.upgrade()?;
        let is_recent = snapshot.made.elapsed() < SHARED;
        (is_recent && self.log.after(snapshot.position).is_some()).then_some(snapshot)
    }

    /// Writes events. The event clock does not go back within an epoch: an event that was received before a tick and comes
    /// after it bears the tick's time.
    fn take(&mut self, events: &mut Vec<(u64, Event)>) {
        for (time_ms, event) in events.drain(..) {
            self.time_ms = self.time_ms.max(time_ms);
            self.window.apply(&event, self.time_ms);
            if let Event::Status(status) = &event {
                self.status = Some(status.clone());
                self.window.expire(self.time_ms);
            }
            self.log.push(self.time_ms, event);
        }
    }
}

impl Sink for Store {
    fn publish(&self, events: &mut Vec<(u64, Event)>) {
        if events.is_empty() {
            return;
        }
        self.lock().take(events);
        self.head.send_modify(|head| *head += 1);
    }
}

impl Store {
    /// An empty log of a new epoch, and a window that may take `room` bytes of memory.
    pub fn new(epoch: u64, room: usize) -> Store {
        Store {
            inner: Mutex::new(Inner {
                log: EventLog::new(epoch, LIMITS),
                window: Window::default(),
                time_ms: 0,
                status: None,
                snapshot: Weak::new(),
            }),
            head: watch::Sender::new(0),
            room,
        }
    }

    /// Empties the log and the window, and begins a new epoch with `events`, which tell the window anew.
    pub fn begin(&self, epoch: u64, events: &mut Vec<(u64, Event)>) {
        {
            let mut inner = self.lock();
            inner.log = EventLog::new(epoch, LIMITS);
            inner.window = Window::default();
            inner.time_ms = 0;
            inner.take(events);
        }
        self.head.send_modify(|head| *head += 1);
    }

    /// The epoch of the log.
    pub fn epoch(&self) -> u64 {
        self.lock().log.head().epoch
    }

    /// At most `most` entries after `position`; `None` if the log no longer holds them.
    pub fn after(&self, position: Position, most: usize) -> Option<Vec<Entry>> {
        let inner = self.lock();
        Some(inner.log.after(position)?.take(most).cloned().collect())
    }

    /// The window as it stands, or as it stood at most [`SHARED`] ago while a subscriber is still being sent that copy.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let mut inner = self.lock();
        if let Some(shared) = inner.shared() {
            return shared;
        }
        let window = &inner.window;
        let snapshot = Arc::new(Snapshot {
            made: Instant::now(),
            position: inner.log.head(),
            time_ms: inner.time_ms,
            transactions: window
                .iter()
                .map(|tracked| (tracked.accepted, tracked.state))
                .collect(),
            blocks: window.blocks().copied().collect(),
            status: inner.status.clone(),
        });
        inner.snapshot = Arc::downgrade(&snapshot);
        snapshot
    }

    /// Accepted transactions in the window.
    pub fn active(&self) -> usize {
        self.lock().window.len()
    }

    /// The oldest transactions to drop so that the rest fits.
    pub fn beyond_room(&self) -> Vec<Txid> {
        self.lock().window.beyond(self.room)
    }

    /// The sequence of the newest entry.
    pub fn sequence(&self) -> u64 {
        self.lock().log.head().sequence
    }

    /// A receiver that sees a change with each publication.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use satscope_log::RemovalReason;

    use super::*;

    fn removed(number: u8) -> Vec<(u64, Event)> {
        vec![(1, Event::Removed([number; 32], RemovalReason::Unknown))]
    }

    #[test]
    fn subscribers_of_one_moment_share_the_window_until_none_is_sent_it() {
        let store = Store::new(7, usize::MAX);
        store.publish(&mut removed(1));
        let first = store.snapshot();
        store.publish(&mut removed(2));
        assert!(Arc::ptr_eq(&first, &store.snapshot()));
        let followed = store.after(first.position, 10).map(|entries| entries.len());
        assert_eq!(followed, Some(1), "what followed is not lost");
        drop(first);
        assert_eq!(store.snapshot().position.sequence, 2);
    }

    #[test]
    fn a_window_of_another_epoch_is_not_shared() {
        let store = Store::new(7, usize::MAX);
        let first = store.snapshot();
        store.begin(8, &mut removed(1));
        let second = store.snapshot();
        assert_eq!((first.position.epoch, second.position.epoch), (7, 8));
    }
}
