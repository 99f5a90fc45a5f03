//! Makes the next snapshot from an update of the analyzer.
//!
//! An analyzer that begins again sends its whole picture. Clients need not begin again for that: the picture is
//! compared with theirs, and they are sent the difference.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use satscope_log::Replay;

use super::{
    message::{Change, Current, Point, PointState, Spot},
    points::{Key, Points},
    read::Update,
    sequence::Sequence,
    snapshot::{RECENT, Snapshot, Step, Taken},
};

/// Time for which a point is shown, by the event clock, milliseconds.
const WINDOW_MS: u64 = 3 * 3600 * 1000;
/// If the logarithms of two prices differ by more than this, ln 1.1, the price has locked on elsewhere. The analyzer
/// has the same bound.
const ELSEWHERE: f64 = 0.095;
/// An event clock that goes back further than this, milliseconds, was set, so the stamps that clients hold are of
/// another clock.
const BACK_MS: u64 = 60_000;
/// Upper bound for the bytes that a point takes in a message.
const POINT_BYTES: usize = 160;
/// Most changes in a difference; more of them, as after a deep reorg, become a reset.
const CHANGES: usize = 20_000;

/// The writer's knowledge beside the snapshot.
#[derive(Debug)]
pub struct Model {
    /// The spot of each point.
    spots: HashMap<Arc<str>, Spot>,
    /// Most points held; beyond this number the oldest are dropped.
    capacity: usize,
    /// Most new points in a difference that is sent, so that they fit into one message.
    points_told: usize,
}

/// New points and changes.
#[derive(Debug, Default)]
struct Difference {
    points: Vec<Point>,
    changes: Vec<Change>,
}

impl Model {
    /// Holds at most `capacity` points. A difference whose points may not fit into `largest_message` bytes becomes a
    /// reset.
    pub fn new(capacity: usize, largest_message: usize) -> Self {
        Model {
            spots: HashMap::new(),
            capacity,
            points_told: largest_message / POINT_BYTES,
        }
    }

    /// The snapshot after `before`, which must be the last one made.
    pub fn take(&mut self, before: &Snapshot, mut update: Update) -> Snapshot {
        if is_held_against(before.current(), &update) {
            return before.holding(update.current);
        }
        let brought = Difference {
            points: std::mem::take(&mut update.points),
            changes: std::mem::take(&mut update.changes),
        };
        let taken = match self.difference(before, &update, brought) {
            Ok(difference) => self.go_on(before, &update, difference),
            Err(brought) => self.begin(before, &update, brought),
        };
        before.followed(update, taken)
    }

    /// The difference for clients that have all of `before`. The error is the update's own points and changes, if the
    /// difference is unknown or too large.
    fn difference(
        &self,
        before: &Snapshot,
        update: &Update,
        brought: Difference,
    ) -> Result<Difference, Difference> {
        if !update.reset {
            let last = before.current().sequence;
            let goes_on = last.is_some_and(|last| update.sequence >= last);
            let is_told = goes_on && !self.moves_confirmed(before.points(), &brought.points);
            return if is_told { Ok(brought) } else { Err(brought) };
        }
        if !is_comparable(before.current(), &update.current) {
            return Err(brought);
        }
        let difference = self.compare(before.points(), &brought.points);
        let is_told = difference.points.len() <= self.points_told
            && difference.changes.len() <= CHANGES
            && !self.moves_confirmed(before.points(), &difference.points);
        if is_told {
            Ok(difference)
        } else {
            Err(brought)
        }
    }

    /// Whether one of `points` gives a confirmed point another stamp or amount. Clients may hold the point without its
    /// id, as columns have it, and could not find the one that it replaces.
    fn moves_confirmed(&self, before: &Points, points: &[Point]) -> bool {
        points.iter().any(|point| {
            let key = self.key(&point.id).filter(|key| *key != point.key());
            let held = key.and_then(|key| before.get(&key));
            held.is_some_and(|held| held.state == PointState::Confirmed)
        })
    }

    /// The difference that turns `before` into `whole`.
    fn compare(&self, before: &Points, whole: &[Point]) -> Difference {
        let mut difference = Difference::default();
        for point in whole {
            let held = self.key(&point.id).and_then(|key| before.get(&key));
            match held {
                Some(held) if held == point => {}
                Some(held)
                    if (Point {
                        state: point.state,
                        ..held.clone()
                    }) == *point =>
                {
                    difference
                        .changes
                        .push(Change::at(&held.key(), point.state));
                }
                _ => difference.points.push(point.clone()),
            }
        }
        let there: HashSet<&str> = whole.iter().map(|point| point.id.as_ref()).collect();
        let gone = before
            .iter()
            .filter(|point| !there.contains(point.id.as_ref()));
        let gone = gone.map(|point| Change::at(&point.key(), PointState::Removed));
        difference.changes.extend(gone);
        difference
    }

    fn go_on(&mut self, before: &Snapshot, update: &Update, difference: Difference) -> Taken {
        let mut points = before.points().clone();
        let added: Vec<Key> = difference.points.iter().map(Point::key).collect();
        let Difference {
            points: new,
            mut changes,
        } = difference;
        let mut changed = Vec::with_capacity(changes.len());
        for change in &mut changes {
            if let Some(key) = self.key(&change.id) {
                *change = Change::at(&key, change.state);
                changed.push(key);
            }
        }
        self.draw(&mut points, update, new, &changes);
        let mut recent = before.recent().clone();
        recent.push(update.sequence, added.clone(), changed);
        let step = before.current().sequence.map(|after| Step {
            after,
            points: added
                .iter()
                .filter_map(|key| points.get(key).cloned())
                .collect(),
            changes,
            has_new_blocks: update.blocks != before.blocks(),
        });
        Taken {
            points,
            recent,
            step,
        }
    }

    /// A snapshot from which all clients begin anew. An analyzer whose sequence has gone back has forgotten updates, so
    /// clients must forget them too.
    fn begin(&mut self, before: &Snapshot, update: &Update, brought: Difference) -> Taken {
        let mut points = match update.reset {
            true => Points::default(),
            false => before.points().clone(),
        };
        if update.reset {
            self.spots.clear();
        }
        self.draw(&mut points, update, brought.points, &brought.changes);
        let mut recent: Replay<Sequence, Key> = Replay::new(RECENT);
        recent.begin(update.sequence);
        Taken {
            points,
            recent,
            step: None,
        }
    }

    /// Adds new points and applies changes. Drops points that are older than the window, and the oldest beyond
    /// `capacity`.
    fn draw(&mut self, points: &mut Points, update: &Update, new: Vec<Point>, changes: &[Change]) {
        for point in new {
            let key = point.key();
            if let Some(before) = self.key(&point.id).filter(|before| *before != key) {
                points.remove(&before);
            }
            let spot = key.spot();
            self.spots.insert(key.id, spot);
            points.insert(point);
        }
        for Change { id, state, .. } in changes {
            match (self.key(id), state) {
                (Some(key), PointState::Removed) => {
                    points.remove(&key);
                    self.spots.remove(id);
                }
                (Some(key), state) => points.set_state(&key, *state),
                (None, _) => {}
            }
        }
        let oldest_ms = update
            .current
            .time_ms
            .map_or(0, |now_ms| now_ms.saturating_sub(WINDOW_MS));
        while let Some(key) = points.oldest().map(Point::key) {
            if key.time_ms >= oldest_ms && points.len() <= self.capacity {
                break;
            }
            points.remove(&key);
            self.spots.remove(&key.id);
        }
    }

    fn key(&self, id: &Arc<str>) -> Option<Key> {
        let Spot {
            time_ms,
            value_sats,
        } = *self.spots.get(id)?;
        Some(Key {
            time_ms,
            id: id.clone(),
            value_sats,
        })
    }
}

/// Whether an update is from an analyzer that has no window yet, while clients have a price and points of the same
/// node. Such an update has no price, or no points of its epoch.
fn is_held_against(held: &Current, update: &Update) -> bool {
    let (Some(sequence), Some(_)) = (held.sequence, &held.estimate) else {
        return false;
    };
    let has_no_points = !update.reset && update.sequence.epoch() != sequence.epoch();
    let has_no_price = update.current.estimate.is_none();
    (has_no_price || has_no_points) && is_of_same_node(held, &update.current)
}

/// Whether both states may be of one node: an unknown chain may be the same.
fn is_of_same_node(held: &Current, other: &Current) -> bool {
    let known = |current: &Current| Some((current.chain.clone()?, current.simulated));
    match (known(held), known(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// Whether a whole picture can be compared with the clients' picture: it is of the same node, by the same clock, and of
/// the same lock.
fn is_comparable(held: &Current, whole: &Current) -> bool {
    let (Some(before), Some(now)) = (&held.estimate, &whole.estimate) else {
        return false;
    };
    let is_here = (now.price / before.price).ln().abs() <= ELSEWHERE;
    let is_set_back = whole.time_ms.map(|now_ms| now_ms + BACK_MS) < held.time_ms;
    is_here && !is_set_back && is_of_same_node(held, whole)
}
