//! Everything that the gateway knows at one moment. It never changes: what comes next is another snapshot, and whoever
//! reads one holds nobody up.

use std::{collections::BTreeSet, sync::Arc};

use satscope_kit::clock::Steady;
use satscope_log::{Bounds, Missed, Replay};

use super::{
    freshness::{Age, Stale},
    link::Link,
    message::{Block, Change, Current, HopState, Point, PointState},
    points::{Key, Points},
    read::Update,
    sequence::Sequence,
};

/// What is remembered for clients that missed some: five minutes at two updates a second.
pub const RECENT: Bounds = Bounds {
    updates: 600,
    ids: 30_000,
};

/// What holds, and what clients still need of what came before.
#[derive(Clone, Debug)]
pub struct Snapshot {
    current: Current,
    points: Arc<Points>,
    /// Those of the window, oldest first.
    blocks: Arc<[Block]>,
    recent: Arc<Replay<Sequence, Key>>,
    link: Link,
    /// For how long the price has been stale without a break.
    stale_for: Option<Age>,
    step: Option<Step>,
}

/// What is new to who has seen the snapshot before.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// That snapshot's.
    pub after: Sequence,
    /// New ones, as they are now.
    pub points: Vec<Point>,
    /// To those before.
    pub changes: Vec<Change>,
    /// The blocks of the window are others now.
    pub has_new_blocks: bool,
}

/// What an update has made of what its predecessor held.
#[derive(Debug)]
pub struct Taken {
    /// All points.
    pub points: Points,
    /// What is remembered.
    pub recent: Replay<Sequence, Key>,
    /// What is new to who has seen all before it; `None` when everybody begins anew.
    pub step: Option<Step>,
}

impl Snapshot {
    /// Before the analyzer has said anything.
    pub fn new() -> Self {
        let snapshot = Snapshot {
            current: Current::default(),
            points: Arc::default(),
            blocks: Arc::default(),
            recent: Arc::new(Replay::new(RECENT)),
            link: Link::new(),
            stale_for: None,
            step: None,
        };
        snapshot.judged()
    }

    /// What holds now.
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

    /// What is new to who has seen the snapshot before; `None` when everybody begins anew.
    pub fn step(&self) -> Option<&Step> {
        self.step.as_ref()
    }

    /// Why the price is stale, or why there is none.
    pub fn stale(&self) -> Option<Stale> {
        self.link.stale()
    }

    /// For how long the price has been stale without a break, milliseconds. One that was stale when it came first is taken
    /// to have been so since its newest payment.
    pub fn stale_for_ms(&self) -> Option<u64> {
        self.stale_for.map(Age::ms)
    }

    /// How many updates a client has missed that has seen all up to `after`; `None` when that is not known.
    pub fn missed(&self, after: Sequence) -> Option<usize> {
        self.recent.behind_nearest(after)
    }

    /// What the newest `updates` touched, as it is now, the oldest point first; `None` when that is over `most` points and
    /// changes, or when a point that had changed has got another stamp or amount: a client that holds it without its id
    /// would not know it again.
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
        // What is told as a point may have had another stamp before.
        let gone = gone.filter(|key| !told.contains(key.id.as_ref()));
        let changes = changed.iter().chain(gone).map(|key| {
            let held = self.points.get(key);
            Change::at(key, held.map_or(PointState::Removed, |point| point.state))
        });
        let changes = changes.collect();
        Some((points, changes))
    }

    /// What is remembered, for the next snapshot to go on from.
    pub(super) fn recent(&self) -> &Replay<Sequence, Key> {
        &self.recent
    }

    /// The next one, when nothing is new and clients are to be told again what holds. Its sequence is the same, so that
    /// `?after=` means the same whenever it is asked.
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

    /// The next one, when the analyzer cannot be heard; `None` when that is nothing new.
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

    /// What is to be answered from it at `now`: itself, unless the analyzer has been silent for too long and nobody has noticed.
    pub fn judged_at(self: &Arc<Self>, now: Steady) -> Arc<Snapshot> {
        let lost = self.link.silent(now).and_then(|reason| self.lost(&reason));
        lost.map_or_else(|| self.clone(), Arc::new)
    }

    /// The next one, with this update's word on the links alone: clients keep the price, the points and the sequence.
    pub(super) fn holding(&self, told: Current) -> Snapshot {
        let is_lost = |state| matches!(state, HopState::Connecting | HopState::Disconnected);
        let stale = match &told.estimate {
            Some(estimate) => estimate.stale,
            None if told.hops.iter().any(|hop| is_lost(hop.state)) => Some(Stale::UpstreamLost),
            None => Some(Stale::NoEstimate),
        };
        let link = Link::told(told.hops, stale);
        Snapshot {
            link,
            ..self.repeated()
        }
        .judged()
    }

    /// The next one, with all that an update says; `taken` is what it has made of the points.
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
            link: Link::told(hops, stale),
            stale_for: self.stale_for,
            step: taken.step,
        }
        .judged();
        if let (Some(estimate), false) = (&next.current.estimate, had_price) {
            next.stale_for = next.link.stale().map(|_| estimate.age);
        }
        next
    }

    /// With what the links mean for the price.
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
