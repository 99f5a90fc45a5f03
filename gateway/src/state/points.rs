//! The points of the plot: the last three hours of them, at most so many, in the order of their stamps.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashMap;

use crate::state::message::{Change, Point, PointState};

/// How long a point is shown, by the event clock.
const WINDOW_MS: u64 = 3 * 3600 * 1000;

/// The points held.
#[derive(Clone, Debug)]
pub struct Points {
    in_order: BTreeMap<(u64, Arc<str>), Point>,
    stamps: FxHashMap<Arc<str>, u64>,
    capacity: usize,
}

impl Points {
    /// None yet; never more than `capacity`.
    pub fn new(capacity: usize) -> Self {
        Points {
            in_order: BTreeMap::new(),
            stamps: FxHashMap::default(),
            capacity,
        }
    }

    /// Takes a new one, or what replaces one of the same id.
    pub fn insert(&mut self, point: Point) {
        self.remove(&point.id);
        if self.in_order.len() >= self.capacity
            && let Some(((_, oldest), _)) = self.in_order.pop_first()
        {
            self.stamps.remove(&oldest);
        }
        self.stamps.insert(point.id.clone(), point.time_ms);
        self.in_order
            .insert((point.time_ms, point.id.clone()), point);
    }

    /// Applies a change; one to a point that is not held has nothing to change.
    pub fn change(&mut self, change: &Change) {
        match change.state {
            PointState::Removed => self.remove(&change.id),
            state => {
                if let Some(point) = self
                    .key(&change.id)
                    .and_then(|key| self.in_order.get_mut(&key))
                {
                    point.state = state;
                }
            }
        }
    }

    /// Forgets what is older than the window, at the event clock's `now_ms`.
    pub fn trim(&mut self, now_ms: u64) {
        let oldest = now_ms.saturating_sub(WINDOW_MS);
        while let Some(first) = self
            .in_order
            .first_entry()
            .filter(|first| first.key().0 < oldest)
        {
            let (_, id) = first.remove_entry().0;
            self.stamps.remove(&id);
        }
    }

    /// The one of this id.
    pub fn get(&self, id: &Arc<str>) -> Option<&Point> {
        self.in_order.get(&self.key(id)?)
    }

    /// All, the oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Point> + DoubleEndedIterator {
        self.in_order.values()
    }

    /// The newest, at most `count`, the oldest of them first.
    pub fn newest(&self, count: usize) -> Vec<&Point> {
        let mut newest: Vec<&Point> = self.iter().rev().take(count).collect();
        newest.reverse();
        newest
    }

    fn remove(&mut self, id: &Arc<str>) {
        if let Some(stamp) = self.stamps.remove(id) {
            self.in_order.remove(&(stamp, id.clone()));
        }
    }

    fn key(&self, id: &Arc<str>) -> Option<(u64, Arc<str>)> {
        self.stamps.get(id).map(|stamp| (*stamp, id.clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn point(id: &str, time_ms: u64) -> Point {
        Point {
            id: id.into(),
            time_ms,
            price: 50_000.0,
            value_sats: 40_000,
            round_usd: 20.0,
            state: PointState::Mempool,
        }
    }

    fn ids(points: &[&Point]) -> Vec<String> {
        points.iter().map(|point| point.id.to_string()).collect()
    }

    #[test]
    fn order_is_that_of_stamps_whatever_the_order_of_arrival() {
        let mut points = Points::new(10);
        for (id, time_ms) in [("b", 2), ("c", 3), ("a", 1)] {
            points.insert(point(id, time_ms));
        }
        assert_eq!(ids(&points.newest(10)), ["a", "b", "c"]);
        assert_eq!(ids(&points.newest(2)), ["b", "c"]);
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let mut points = Points::new(2);
        for (id, time_ms) in [("a", 1), ("b", 2), ("c", 3)] {
            points.insert(point(id, time_ms));
        }
        points.insert(point("c", 4));
        assert_eq!(
            ids(&points.newest(10)),
            ["b", "c"],
            "a repeated id is one point"
        );
        assert_eq!(points.get(&"a".into()), None);
    }

    #[test]
    fn changes_confirm_and_remove() {
        let mut points = Points::new(10);
        points.insert(point("a", 1));
        points.insert(point("b", 2));
        for (id, state) in [
            ("a", PointState::Confirmed),
            ("b", PointState::Removed),
            ("unknown", PointState::Confirmed),
        ] {
            points.change(&Change {
                id: id.into(),
                state,
            });
        }
        assert_eq!(ids(&points.newest(10)), ["a"]);
        assert_eq!(
            points.get(&"a".into()).unwrap().state,
            PointState::Confirmed
        );
    }

    #[test]
    fn three_hours_after_its_stamp_a_point_goes() {
        let mut points = Points::new(10);
        points.insert(point("a", 1_000));
        points.insert(point("b", 1_001));
        points.trim(WINDOW_MS + 1_000);
        assert_eq!(ids(&points.newest(10)), ["a", "b"]);
        points.trim(WINDOW_MS + 1_001);
        assert_eq!(ids(&points.newest(10)), ["b"]);
        assert_eq!(points.get(&"a".into()), None);
    }
}
