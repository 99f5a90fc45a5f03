//! Everything that the gateway knows, in one place, and the message that brings a client up to it.
//!
//! It lives in a `watch` channel: one writer, and readers that see the newest and never a queue.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tokio::{
    sync::OnceCell,
    task::{JoinError, spawn_blocking},
};

use crate::{
    encoded::Encoded,
    message::{Block, Change, Current, Hop, HopState, News, PointState, all_points, message},
    points::Points,
    recent::Recent,
    update::Update,
};

/// Messages of what was missed that are kept, of one update.
const CATCH_UPS: usize = 64;
/// Points in a greeting.
const GREETING: usize = 500;
const ANALYZER: &str = "analyzer";
const GATEWAY: &str = "gateway";

/// The newest that is known, and what clients still need of what came before.
#[derive(Debug)]
pub struct State {
    current: Current,
    points: Arc<Points>,
    /// Those of the window, oldest first.
    blocks: Vec<Block>,
    recent: Recent,
    /// The hops as the analyzer told them; `current` adds ours.
    told_hops: Vec<Hop>,
    shared: Shared,
    all_points: Arc<OnceCell<Encoded>>,
    capacity: usize,
    /// The largest message of what was missed, bytes.
    largest_catch_up: usize,
}

/// The messages that are the same for many, serialised once.
#[derive(Debug, Default)]
struct Shared {
    /// What is new to a client that has seen this sequence.
    news: Option<(u64, Bytes)>,
    /// For a client that has seen nothing; made when the first one asks.
    greeting: OnceLock<Bytes>,
    /// For clients that have missed some, by the sequence that they have seen; `None` where a greeting is shorter. Many have
    /// seen the same: those of another gateway that has ended, and those that were slow together.
    catch_ups: Mutex<FxHashMap<u64, Option<Bytes>>>,
}

/// A message for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// JSON.
    pub text: Bytes,
    /// "news", "`catch_up`" or "greeting".
    pub kind: &'static str,
    /// What the client has seen once it has this.
    pub sequence: Option<u64>,
}

/// All points as of one moment.
#[derive(Debug)]
pub struct Picture {
    /// The update that they go with.
    pub sequence: u64,
    points: Arc<Points>,
    body: Arc<OnceCell<Encoded>>,
}

impl Picture {
    /// The answer to `/api/v1/points`, made once however many ask, on a thread where it holds nobody up.
    ///
    /// # Errors
    /// When that thread could not finish.
    pub async fn body(&self) -> Result<Encoded, JoinError> {
        let write = || {
            let (sequence, points) = (self.sequence, self.points.clone());
            spawn_blocking(move || Encoded::fast(all_points(sequence, points.iter())))
        };
        self.body.get_or_try_init(write).await.cloned()
    }
}

impl Shared {
    /// `after` is whom the news is for, if anybody.
    fn new(current: &Current, after: Option<u64>, news: &News<'_>) -> Self {
        Shared {
            news: after.map(|after| (after, message(current, news))),
            ..Shared::default()
        }
    }
}

impl State {
    /// Before the analyzer has said anything; holds at most `capacity` points, and tells a client what it has missed where
    /// that is at most `largest_catch_up` bytes.
    pub fn new(capacity: usize, largest_catch_up: usize) -> Self {
        let mut state = State {
            current: Current::default(),
            points: Arc::new(Points::new(capacity)),
            blocks: Vec::new(),
            recent: Recent::default(),
            told_hops: Vec::new(),
            shared: Shared::default(),
            all_points: Arc::default(),
            capacity,
            largest_catch_up,
        };
        state.set_analyzer(HopState::Connecting, "");
        state
    }

    /// What holds now.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// All points; `None` until the first update has come.
    pub fn picture(&self) -> Option<Picture> {
        Some(Picture {
            sequence: self.current.sequence?,
            points: self.points.clone(),
            body: self.all_points.clone(),
        })
    }

    /// Takes an update.
    pub fn take(&mut self, update: Update) {
        // An analyzer whose sequence has gone back has forgotten; so then must who has read on.
        let goes_on_from = self
            .current
            .sequence
            .filter(|last| !update.reset && update.sequence >= *last);
        self.take_points(&update);
        match goes_on_from {
            Some(_) => self.recent.push(
                update.sequence,
                update.points.iter().map(|point| point.id.clone()),
                update.changes.iter().map(|change| change.id.clone()),
            ),
            None => self.recent.begin(update.sequence),
        }
        self.current = update.current;
        self.told_hops = std::mem::take(&mut self.current.hops);
        self.set_analyzer(HopState::Connected, "");
        let new_blocks = update.blocks != self.blocks;
        self.blocks = update.blocks;
        let news = News {
            reset: false,
            points: update.points.iter().collect(),
            changes: update.changes,
            blocks: new_blocks.then_some(&self.blocks[..]),
        };
        self.shared = Shared::new(&self.current, goes_on_from, &news);
    }

    /// Notes that the analyzer cannot be reached; false when that is nothing new.
    pub fn lose(&mut self, reason: &str) -> bool {
        let before = self.current.hops.clone();
        match self.current.sequence {
            Some(_) => self.set_analyzer(HopState::Disconnected, reason),
            None => self.set_analyzer(HopState::Connecting, reason),
        }
        let changed = self.current.hops != before;
        if changed {
            self.repeat();
        }
        changed
    }

    /// Makes a message that says again what holds, with no points: its sequence is still that of the last update,
    /// so that `?after=` means the same whenever it is asked.
    pub fn repeat(&mut self) {
        self.shared = Shared::new(&self.current, self.current.sequence, &News::default());
    }

    /// The message for a client that has seen all up to `after`, or nothing.
    pub fn message(&self, after: Option<u64>) -> Outgoing {
        let (kind, text) = match (&self.shared.news, after) {
            (Some((from, text)), Some(after)) if *from == after => ("news", text.clone()),
            (_, Some(after)) => self
                .catch_up(after)
                .map_or_else(|| ("greeting", self.greeting()), |text| ("catch_up", text)),
            (_, None) => ("greeting", self.greeting()),
        };
        Outgoing {
            text,
            kind,
            sequence: self.current.sequence.or(after),
        }
    }

    fn catch_up(&self, after: u64) -> Option<Bytes> {
        let made = &self.shared.catch_ups;
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = made.get(&after) {
            return text.clone();
        }
        let text = self.missed_since(after)?;
        let text = Some(text).filter(|text| text.len() <= self.largest_catch_up);
        if made.len() < CATCH_UPS {
            made.insert(after, text.clone());
        }
        text
    }

    /// What a client missed is what was touched, as it is now.
    fn missed_since(&self, after: u64) -> Option<Bytes> {
        let missed = self.recent.since(after)?;
        let mut points: Vec<_> = missed
            .points
            .iter()
            .filter_map(|id| self.points.get(id))
            .collect();
        points.sort_unstable_by_key(|point| (point.time_ms, &point.id));
        let gone = missed
            .points
            .iter()
            .filter(|id| self.points.get(id).is_none());
        let changes = missed.changes.iter().chain(gone).map(|id| Change {
            id: id.clone(),
            state: match self.points.get(id) {
                Some(point) => point.state,
                None => PointState::Removed,
            },
        });
        let news = News {
            reset: false,
            points,
            changes: changes.collect(),
            blocks: Some(&self.blocks[..]),
        };
        Some(message(&self.current, &news))
    }

    fn greeting(&self) -> Bytes {
        let greeting = || {
            let news = News {
                reset: self.current.sequence.is_some(),
                points: self.points.newest(GREETING),
                changes: Vec::new(),
                blocks: self.current.sequence.map(|_| &self.blocks[..]),
            };
            message(&self.current, &news)
        };
        self.shared.greeting.get_or_init(greeting).clone()
    }

    fn take_points(&mut self, update: &Update) {
        if update.reset {
            self.points = Arc::new(Points::new(self.capacity));
        }
        let points = Arc::make_mut(&mut self.points);
        for point in &update.points {
            points.insert(point.clone());
        }
        for change in &update.changes {
            points.change(change);
        }
        if let Some(now_ms) = update.current.time_ms {
            points.trim(now_ms);
        }
        self.all_points = Arc::default();
    }

    /// The link to the analyzer is ours to judge, unless it is up and the analyzer has its own word on itself.
    fn set_analyzer(&mut self, state: HopState, detail: &str) {
        let ours = |name: &str| Hop {
            name: name.to_owned(),
            state: HopState::Connected,
            detail: String::new(),
        };
        let told = self.told_hops.iter().find(|hop| hop.name == ANALYZER);
        let analyzer = match (state, told) {
            (HopState::Connected, Some(told)) => told.clone(),
            _ => Hop {
                state,
                detail: detail.to_owned(),
                ..ours(ANALYZER)
            },
        };
        let upstream = self
            .told_hops
            .iter()
            .filter(|hop| hop.name != ANALYZER && hop.name != GATEWAY);
        self.current.hops = upstream.cloned().chain([analyzer, ours(GATEWAY)]).collect();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
