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
    answer::encoded::Encoded,
    state::{
        freshness::{Age, Stale},
        message::{Block, Change, Current, Hop, HopState, News, PointState, all_points, message},
        points::Points,
        read::Update,
        recent::Recent,
        sequence::Sequence,
    },
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
    /// Why the price is stale, as the analyzer told it.
    told_stale: Option<Stale>,
    /// The analyzer cannot be heard.
    is_lost: bool,
    stale: Option<Stale>,
    /// For how long the price has been stale without a break.
    stale_for: Option<Age>,
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
    news: Option<(Sequence, Bytes)>,
    /// For a client that has seen nothing; made when the first one asks.
    greeting: OnceLock<Bytes>,
    /// For clients that have missed some, by the sequence that they have seen; `None` where a greeting is shorter. Many have
    /// seen the same: those of another gateway that has ended, and those that were slow together.
    catch_ups: Mutex<FxHashMap<Sequence, Option<Bytes>>>,
}

/// A message for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// JSON.
    pub text: Bytes,
    /// "news", "`catch_up`" or "greeting".
    pub kind: &'static str,
    /// What the client has seen once it has this.
    pub sequence: Option<Sequence>,
}

/// All points as of one moment.
#[derive(Debug)]
pub struct Picture {
    /// The update that they go with.
    pub sequence: Sequence,
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
    fn new(current: &Current, after: Option<Sequence>, news: &News<'_>) -> Self {
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
            told_stale: None,
            is_lost: true,
            stale: None,
            stale_for: None,
            shared: Shared::default(),
            all_points: Arc::default(),
            capacity,
            largest_catch_up,
        };
        state.set_analyzer(HopState::Connecting, "");
        state.judge();
        state
    }

    /// What holds now.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// Why the price is stale, or why there is none.
    pub fn stale(&self) -> Option<Stale> {
        self.stale
    }

    /// For how long the price has been stale without a break, milliseconds. One that was stale when it came first is taken
    /// to have been so since its newest payment.
    pub fn stale_for_ms(&self) -> Option<u64> {
        self.stale_for.map(Age::ms)
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
        self.is_lost = false;
        match self.is_held_against(&update) {
            true => self.hold(update),
            false => self.go_on(update),
        }
    }

    /// Whether an update comes from an analyzer that has no window yet, while clients have a price and points of the same
    /// node: it has no price, or no points of its epoch.
    fn is_held_against(&self, update: &Update) -> bool {
        let Some(sequence) = self
            .current
            .sequence
            .filter(|_| self.current.estimate.is_some())
        else {
            return false;
        };
        let has_no_points = !update.reset && update.sequence.epoch() != sequence.epoch();
        let has_no_price = update.current.estimate.is_none();
        (has_no_price || has_no_points) && self.is_of_same_node(&update.current)
    }

    /// A node whose chain is not known yet may be the same.
    fn is_of_same_node(&self, other: &Current) -> bool {
        let known = |current: &Current| Some((current.chain.clone()?, current.simulated));
        match (known(&self.current), known(other)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }

    /// Keeps the price, the points and the sequence that clients have, and tells how the links are.
    fn hold(&mut self, update: Update) {
        self.told_hops = update.current.hops;
        let is_lost =
            |hop: &Hop| matches!(hop.state, HopState::Connecting | HopState::Disconnected);
        self.told_stale = match &update.current.estimate {
            Some(estimate) => estimate.stale,
            None if self.told_hops.iter().any(is_lost) => Some(Stale::UpstreamLost),
            None => Some(Stale::NoEstimate),
        };
        self.set_analyzer(HopState::Connected, "");
        self.judge();
        self.repeat();
    }

    fn go_on(&mut self, update: Update) {
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
        let had_price = self.current.estimate.is_some();
        self.current = update.current;
        self.told_hops = std::mem::take(&mut self.current.hops);
        self.told_stale = match &self.current.estimate {
            Some(estimate) => estimate.stale,
            None => Some(Stale::NoEstimate),
        };
        self.set_analyzer(HopState::Connected, "");
        self.judge();
        if let (Some(estimate), false) = (&self.current.estimate, had_price) {
            self.stale_for = self.stale.map(|_| estimate.age);
        }
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
        let before = (self.current.hops.clone(), self.stale);
        self.is_lost = true;
        match self.current.sequence {
            Some(_) => self.set_analyzer(HopState::Disconnected, reason),
            None => self.set_analyzer(HopState::Connecting, reason),
        }
        self.judge();
        let changed = (&self.current.hops, self.stale) != (&before.0, before.1);
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
    pub fn message(&self, after: Option<Sequence>) -> Outgoing {
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

    fn catch_up(&self, after: Sequence) -> Option<Bytes> {
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
    fn missed_since(&self, after: Sequence) -> Option<Bytes> {
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

    /// The link to the analyzer is ours to judge, and what is beyond it the analyzer's.
    fn judge(&mut self) {
        self.stale = match self.is_lost {
            true => Some(Stale::UpstreamLost),
            false => self.told_stale,
        };
        let before = self.stale_for.take();
        self.stale_for = self.stale.map(|_| before.unwrap_or_else(|| Age::now(0)));
        if let Some(estimate) = &mut self.current.estimate {
            estimate.stale = self.stale;
        }
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
