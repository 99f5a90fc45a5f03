//! What the node's task writes and the subscribers read: the log and the window.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use satscope_log::{
    Accepted, Block, Entry, Event, EventLog, Limits, NodeStatus, Position, State, Txid, Window,
};
use tokio::sync::watch;

/// How much of the log is kept for subscribers to resume from.
pub const LIMITS: Limits = Limits {
    age_ms: 15 * 60 * 1000,
    bytes: 64 << 20,
};

/// The whole window at one position.
#[derive(Debug)]
pub struct Snapshot {
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
    /// What the window may take, in bytes of memory.
    room: usize,
}

#[derive(Debug)]
struct Inner {
    log: EventLog,
    window: Window,
    time_ms: u64,
    status: Option<Arc<NodeStatus>>,
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
            }),
            head: watch::Sender::new(0),
            room,
        }
    }

    /// Writes events, each with its stamp, to the log and the window, then wakes the subscribers.
    pub fn publish(&self, events: impl Iterator<Item = (u64, Event)>) {
        let mut events = events.peekable();
        if events.peek().is_none() {
            return;
        }
        let head = {
            let mut inner = self.lock();
            for (time_ms, event) in events {
                inner.time_ms = time_ms;
                inner.window.apply(&event, time_ms);
                if let Event::Status(status) = &event {
                    inner.status = Some(status.clone());
                    inner.window.expire(time_ms);
                }
                inner.log.push(time_ms, event);
            }
            inner.log.head().sequence
        };
        self.head.send_replace(head);
    }

    /// At most `most` entries after `position`; `None` when that is no longer held.
    pub fn after(&self, position: Position, most: usize) -> Option<Vec<Entry>> {
        let inner = self.lock();
        Some(inner.log.after(position)?.take(most).cloned().collect())
    }

    /// The window as it stands.
    pub fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        Snapshot {
            position: inner.log.head(),
            time_ms: inner.time_ms,
            transactions: inner
                .window
                .iter()
                .map(|tracked| (tracked.accepted.clone(), tracked.state))
                .collect(),
            blocks: inner.window.blocks().copied().collect(),
            status: inner.status.clone(),
        }
    }

    /// Accepted transactions in the window.
    pub fn active(&self) -> usize {
        self.lock().window.len()
    }

    /// The oldest transactions, as many as there is no room for.
    pub fn beyond_room(&self) -> Vec<Txid> {
        self.lock().window.beyond(self.room)
    }

    /// Changes with each entry.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
