//! Everything that the gateway knows at one moment. A snapshot never changes: an update makes a new one, so a reader
//! delays no other part.

use std::{collections::BTreeSet, sync::Arc};

use satscope_kit::clock::Steady;
use satscope_log::{Bounds, Missed, Replay};

use super::{
    freshness::{Age, Stale},
    link::Links,
    message::{Block, Change, Current, HopState, Point, PointState},
    points::{Key, Points},
    read::Update,
    sequence::Sequence,
};

/// Limits of the record for clients that missed updates: five minutes at two updates a second.
pub const RECENT: Bounds = Bounds {
    updates: 600,
    ids: 30_000,
};

/// The present state, and a record of the last updates for clients that missed some.
#[derive(Clone, Debug)]
pub struct Snapshot {
    current: Current,
    points: Arc<Points>,
    /// The blocks of the window, oldest first.
    blocks: Arc<[Block]>,
    recent: Arc<Replay<Sequence, Key>>,
    link: Links,
    /// Time for which the price has been stale without a break; `None` if it is not.
    stale_for: Option<Age>,
    step: Option<Step>,
}

/// The news for clients that have the snapshot before.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The sequence of that snapshot.
    pub after: Sequence,
    /// New points, in their present state.
    pub points: Vec<Point>,
    /// Changes of earlier points.
    pub changes: Vec<Change>,
    /// Whether the blocks of the window have changed.
    pub has_new_blocks: bool,
}

/// The points and the record after an update.
#[derive(Debug)]
pub struct Taken {
    /// All points.
    pub points: Points,
    /// The record of the last updates.
    pub recent: Replay<Sequence, Key>,
    /// The news for clients that have the snapshot before; `None` if all clients must begin anew.
    pub step: Option<Step>,
}

impl Snapshot {
    /// A snapshot before the first update of the analyzer.
    pub fn new() -> Self {
        let snapshot = Snapshot {
            current: Current::default(),
            points: Arc::default(),
            blocks: Arc::default(),
            recent: Arc::new(Replay::new(RECENT)),
            link: Links::new(),
            stale_for: None,
            step: None,
        };
        snapshot.judged()
    }

    /// The present state.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// All points.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// The blocks of the window, oldest first.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The news for clients that have the snapshot before; `None` if all clients must begin anew.
    pub fn step(&self) -> Option<&Step> {
        self.step.as_ref()
    }

    /// Why the price is stale, or why there is none; `None` if there is a price that is not stale.
    pub fn stale(&self) -> Option<Stale> {
        self.link.stale()
    }

    /// Time for which the price has been stale without a break, milliseconds. A price that came first as stale counts
    /// as stale since its newest payment.
    pub fn stale_for_ms(&self) -> Option<u64> {
        self.stale_for.map(Age::ms)
    }

    /// The number of updates that a client which has everything up to `after` has missed; `None` if it is not known.
    pub fn missed(&self, after: Sequence) -> Option<usize> {
        self.recent.behind_nearest(after)
    }

    /// All that the newest `updates` touched, in its present state, oldest point first. `None` if it is more than
    /// `most` points and changes. `None` too if a changed point has got another stamp or amount, because a client that
    /// holds the point without its id could not find it.
    pub fn touched(&self, updates: usize, most: usize) -> Option<(Vec<&Point>, Vec<Change>)> {
        let Missed { added, changed } = self.recent.touched(updates, most)?;
        let points: Vec<&Point> = added
            .iter()
            .filter_map(|key| self.points.get(key))
            .collect();
        let told: BTreeSet<&str> = points.iter().map(|point| point.id.as_ref()).collect();
        if changed.iter().any(|key| told.contains(key.id.as_ref())) {
            return None;
        }
        let gone = added.iter().filter(|key| self.points.get(key).is_none());
        // A point that got another stamp has left its old key behind. The point is sent whole, and was not removed.
        let gone = gone.filter(|key| !told.contains(key.id.as_ref()));
        let changes = changed.iter().chain(gone).map(|key| {
            let held = self.points.get(key);
            Change::at(key, held.map_or(PointState::Removed, |point| point.state))
        });
        let changes = changes.collect();
        Some((points, changes))
    }

    /// The record of the last updates, for the next snapshot.
    pub(super) fn recent(&self) -> &Replay<Sequence, Key> {
        &self.recent
    }

    /// The next snapshot if nothing is new, so that clients are sent the present state again. Its sequence stays the
    /// same, so that `?after=` keeps its meaning.
    #[must_use]
    pub fn repeated(&self) -> Snapshot {
        let step = self.current.sequence.map(|after| Step {
            after,
            points: Vec::new(),
            changes: Vec::new(),
            has_new_blocks: false,
        });
        Snapshot {
            step,
            ..self.clone()
        }
    }

    /// The next snapshot if the analyzer cannot be heard; `None` if that is known already.
    pub fn lost(&self, reason: &str) -> Option<Snapshot> {
        let link = self.link.lost(self.current.sequence.is_some(), reason);
        (link != self.link).then(|| {
            Snapshot {
                link,
                ..self.repeated()
            }
            .judged()
        })
    }

    /// The snapshot to answer from at `now`: this one, unless the analyzer has been silent for too long and no loss
    /// was noticed.
    pub fn judged_at(self: &Arc<Self>, now: Steady) -> Arc<Snapshot> {
        let lost = self.link.silent(now).and_then(|reason| self.lost(&reason));
        lost.map_or_else(|| self.clone(), Arc::new)
    }

    /// The next snapshot, with this update's report on the links alone: clients keep the price, the points and the
    /// sequence.
    pub(super) fn holding(&self, told: Current) -> Snapshot {
        let is_lost = |state| matches!(state, HopState::Connecting | HopState::Disconnected);
        let stale = match &told.estimate {
            Some(estimate) => estimate.stale,
            None if told.hops.iter().any(|hop| is_lost(hop.state)) => Some(Stale::UpstreamLost),
            None => Some(Stale::NoEstimate),
        };
        let link = Links::told(told.hops, stale);
        Snapshot {
            link,
            ..self.repeated()
        }
        .judged()
    }

    /// The next snapshot, with all of an update; `taken` has the points after it.
    pub(super) fn followed(&self, mut update: Update, taken: Taken) -> Snapshot {
        let hops = std::mem::take(&mut update.current.hops);
        let estimate = update.current.estimate.as_ref();
        let stale = estimate.map_or(Some(Stale::NoEstimate), |estimate| estimate.stale);
        let had_price = self.current.estimate.is_some();
        let mut next = Snapshot {
            current: update.current,
            points: Arc::new(taken.points),
            blocks: update.blocks.into(),
            recent: Arc::new(taken.recent),
            link: Links::told(hops, stale),
            stale_for: self.stale_for,
            step: taken.step,
        }
        .judged();
        if let (Some(estimate), false) = (&next.current.estimate, had_price) {
            next.stale_for = next.link.stale().map(|_| estimate.age);
        }
        next
    }

    /// The snapshot with the effect of the links on the price.
    fn judged(mut self) -> Snapshot {
        let stale = self.link.stale();
        let before = self.stale_for.take();
        self.stale_for = stale.map(|_| before.unwrap_or_else(|| Age::now(0)));
        self.current.hops = self.link.hops();
        if let Some(estimate) = &mut self.current.estimate {
            estimate.stale = stale;
        }
        self
    }
}
