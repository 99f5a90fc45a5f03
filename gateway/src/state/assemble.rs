//! Joins the parts of a large update, so that only whole updates are published.

use satscope_proto::v1::PriceUpdate;

/// Most changes of one update; no analyzer sends more.
const CHANGES: usize = 1_000_000;

/// An update whose last parts have not come yet.
#[derive(Debug)]
pub struct Assembly {
    /// Most points that are kept of an update. The points of its first parts are the oldest.
    capacity: usize,
    begun: Option<PriceUpdate>,
}

impl Assembly {
    /// No update yet. The newest `capacity` points of an update are kept.
    pub fn new(capacity: usize) -> Self {
        Assembly {
            capacity,
            begun: None,
        }
    }

    /// Takes a part, and returns the update once it is whole. A part with another sequence begins another update.
    ///
    /// # Errors
    /// If an update is given up, because it has not ended or has too many changes.
    pub fn take(&mut self, part: PriceUpdate) -> Result<Option<PriceUpdate>, String> {
        let begun = self.begun.take();
        if let Some(begun) = begun
            .as_ref()
            .filter(|begun| begun.sequence != part.sequence)
        {
            let given_up = format!(
                "update {} has not ended before {}",
                begun.sequence, part.sequence
            );
            self.begun = Some(part).filter(|part| part.more_follows);
            return Err(given_up);
        }
        let whole = match begun {
            Some(begun) => join(begun, part, self.capacity),
            None => part,
        };
        if whole.changes.len() > CHANGES {
            return Err(format!(
                "update {} has over {CHANGES} changes",
                whole.sequence
            ));
        }
        match whole.more_follows {
            true => {
                self.begun = Some(whole);
                Ok(None)
            }
            false => Ok(Some(whole)),
        }
    }

    /// Drops the parts of an unfinished update, because the stream was lost.
    pub fn forget(&mut self) {
        self.begun = None;
    }
}

fn join(begun: PriceUpdate, part: PriceUpdate, capacity: usize) -> PriceUpdate {
    let (mut points, mut changes) = (begun.points, begun.changes);
    points.extend(part.points);
    changes.extend(part.changes);
    let surplus = points.len().saturating_sub(capacity);
    points.drain(..surplus);
    PriceUpdate {
        points,
        changes,
        reset: begun.reset || part.reset,
        ..part
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_proto::v1::{Point, PointChange};

    use super::*;

    fn part(sequence: u64, more_follows: bool, values_sats: std::ops::Range<u64>) -> PriceUpdate {
        let point = |value_sats| Point {
            value_sats,
            ..Point::default()
        };
        PriceUpdate {
            sequence,
            more_follows,
            reset: values_sats.start == 0,
            points: values_sats.map(point).collect(),
            ..PriceUpdate::default()
        }
    }

    fn values(update: &PriceUpdate) -> Vec<u64> {
        update.points.iter().map(|point| point.value_sats).collect()
    }

    #[test]
    fn parts_become_one_update() {
        let mut assembly = Assembly::new(100);
        assert_eq!(assembly.take(part(7, true, 0..3)), Ok(None));
        assert_eq!(assembly.take(part(7, true, 3..6)), Ok(None));
        let last = PriceUpdate {
            changes: vec![PointChange::default()],
            ..part(7, false, 6..7)
        };
        let whole = assembly.take(last).unwrap().unwrap();
        assert_eq!(values(&whole), [0, 1, 2, 3, 4, 5, 6]);
        assert!(whole.reset && !whole.more_follows);
        assert_eq!(whole.changes.len(), 1);
        let next = assembly.take(part(8, false, 7..8)).unwrap();
        assert_eq!(values(&next.unwrap()), [7]);
    }

    #[test]
    fn of_more_points_than_there_is_room_for_the_newest_are_kept() {
        let mut assembly = Assembly::new(4);
        assert_eq!(assembly.take(part(7, true, 0..3)), Ok(None));
        let whole = assembly.take(part(7, false, 3..6)).unwrap().unwrap();
        assert_eq!(values(&whole), [2, 3, 4, 5]);
    }

    #[test]
    fn an_update_without_an_end_is_given_up() {
        let mut assembly = Assembly::new(100);
        assert_eq!(assembly.take(part(7, true, 0..3)), Ok(None));
        assert!(assembly.take(part(8, true, 3..6)).is_err());
        let whole = assembly.take(part(8, false, 6..7)).unwrap().unwrap();
        assert_eq!(values(&whole), [3, 4, 5, 6]);
        assert_eq!(assembly.take(part(9, true, 0..3)), Ok(None));
        assembly.forget();
        let other = assembly.take(part(10, false, 1..2)).unwrap().unwrap();
        assert_eq!(values(&other), [1]);
    }
}
