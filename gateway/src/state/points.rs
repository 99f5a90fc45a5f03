//! The points of the plot, in the order of their stamps. They lie in slices of a minute that copies share, so that a
//! copy with a few changes copies only the few slices with these.

use std::{collections::BTreeMap, sync::Arc};

use crate::state::message::{Change, Point, PointState, Spot};

const SLICE_MS: u64 = 60_000;

/// The place of a point in the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The point's stamp, Unix milliseconds.
    pub time_ms: u64,
    /// The point's id.
    pub id: Arc<str>,
    /// The output's amount.
    pub value_sats: u64,
}

/// Points, each key once.
#[derive(Clone, Debug, Default)]
pub struct Points {
    /// The slices by minute since 1970; each is in order and not empty.
    slices: BTreeMap<u64, Arc<Vec<Point>>>,
    count: usize,
}

impl Key {
    /// The spot by which a client without ids finds the point.
    pub fn spot(&self) -> Spot {
        Spot {
            time_ms: self.time_ms,
            value_sats: self.value_sats,
        }
    }
}

impl Point {
    /// Its place in the order.
    pub fn key(&self) -> Key {
        Key {
            time_ms: self.time_ms,
            id: self.id.clone(),
            value_sats: self.value_sats,
        }
    }

    fn is_at(&self, key: &Key) -> std::cmp::Ordering {
        (self.time_ms, &self.id, self.value_sats).cmp(&(key.time_ms, &key.id, key.value_sats))
    }
}

impl Change {
    /// The change of the point at `key` to `state`. It has the point's spot, unless `state` is `Confirmed`: clients
    /// have the ids of all points that are not yet confirmed.
    pub fn at(key: &Key, state: PointState) -> Self {
        Change {
            id: key.id.clone(),
            state,
            spot: (state != PointState::Confirmed).then(|| key.spot()),
        }
    }
}

impl Points {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Adds a point, in place of one with the same key.
    pub fn insert(&mut self, point: Point) {
        let slice = self.slices.entry(point.time_ms / SLICE_MS).or_default();
        let slice = Arc::make_mut(slice);
        match slice.binary_search_by(|other| other.is_at(&point.key())) {
            Ok(at) => slice[at] = point,
            Err(at) => {
                slice.insert(at, point);
                self.count += 1;
            }
        }
    }

    /// Removes a point, if it is there.
    pub fn remove(&mut self, key: &Key) {
        let Some((minute, at)) = self.find(key) else {
            return;
        };
        if let Some(slice) = self.slices.get_mut(&minute) {
            Arc::make_mut(slice).remove(at);
            self.count -= 1;
            if slice.is_empty() {
                self.slices.remove(&minute);
            }
        }
    }

    /// Changes a point's state, if it is there.
    pub fn set_state(&mut self, key: &Key, state: PointState) {
        if let Some((minute, at)) = self.find(key)
            && let Some(slice) = self.slices.get_mut(&minute)
        {
            Arc::make_mut(slice)[at].state = state;
        }
    }

    /// The point with this key.
    pub fn get(&self, key: &Key) -> Option<&Point> {
        let (minute, at) = self.find(key)?;
        self.slices.get(&minute)?.get(at)
    }

    /// The oldest point.
    pub fn oldest(&self) -> Option<&Point> {
        self.slices.first_key_value()?.1.first()
    }

    /// All points, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.slices.values().flat_map(|slice| slice.iter())
    }

    /// The newest `count` points, oldest first.
    pub fn newest(&self, count: usize) -> Vec<&Point> {
        let mut newest: Vec<&Point> = self.iter().rev().take(count).collect();
        newest.reverse();
        newest
    }

    fn find(&self, key: &Key) -> Option<(u64, usize)> {
        let minute = key.time_ms / SLICE_MS;
        let slice = self.slices.get(&minute)?;
        let at = slice.binary_search_by(|other| other.is_at(key)).ok()?;
        Some((minute, at))
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

    fn of(all: &[(&str, u64)]) -> Points {
        let mut points = Points::default();
        for (id, time_ms) in all {
            points.insert(point(id, *time_ms));
        }
        points
    }

    fn ids(points: &[&Point]) -> Vec<String> {
        points.iter().map(|point| point.id.to_string()).collect()
    }

    #[test]
    fn order_is_that_of_stamps_whatever_the_order_of_arrival() {
        let points = of(&[("b", 2), ("d", 200_000), ("c", 3), ("a", 1)]);
        assert_eq!(ids(&points.newest(10)), ["a", "b", "c", "d"]);
        assert_eq!(ids(&points.newest(2)), ["c", "d"]);
        assert_eq!(points.oldest().unwrap().id.as_ref(), "a");
    }

    #[test]
    fn each_key_is_there_once() {
        let mut points = of(&[("a", 1), ("b", 1), ("a", 1)]);
        assert_eq!(points.len(), 2);
        points.remove(&point("a", 1).key());
        points.remove(&point("a", 1).key());
        points.remove(&point("unknown", 70_000).key());
        assert_eq!(
            (points.len(), ids(&points.newest(9))),
            (1, vec!["b".to_owned()])
        );
        points.remove(&point("b", 1).key());
        assert_eq!((points.len(), points.oldest()), (0, None));
    }

    #[test]
    fn a_copy_does_not_change_with_the_original_and_shares_the_rest() {
        let mut points = of(&[("a", 1), ("b", 60_000)]);
        let copy = points.clone();
        points.set_state(&point("b", 60_000).key(), PointState::Confirmed);
        let state_of_b = |points: &Points| points.get(&point("b", 60_000).key()).unwrap().state;
        assert_eq!(state_of_b(&points), PointState::Confirmed);
        assert_eq!(state_of_b(&copy), PointState::Mempool);
        assert!(Arc::ptr_eq(&points.slices[&0], &copy.slices[&0]));
    }
}
