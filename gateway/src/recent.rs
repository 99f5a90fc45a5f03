//! Which points the recent updates touched, so that a client that missed some of them can be told just that.

use std::{collections::VecDeque, sync::Arc};

use rustc_hash::FxHashSet;

/// Updates remembered: five minutes of two a second.
const UPDATES: usize = 600;
/// Ids remembered in all of them together.
const IDS: usize = 20_000;
/// The most that is told as missed; above it the newest points are the shorter message.
const MISSED: usize = 2_000;

/// The recent updates.
#[derive(Debug, Default)]
pub struct Recent {
    updates: VecDeque<Touched>,
    ids: usize,
    /// Everything after this sequence is in `updates`.
    complete_after: Option<u64>,
}

/// What one update, or several, touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Touched {
    sequence: u64,
    points: Vec<Arc<str>>,
    changes: Vec<Arc<str>>,
}

/// What was touched since, each id once and in one of the two.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Came as new points.
    pub points: FxHashSet<Arc<str>>,
    /// Were there before, and changed.
    pub changes: FxHashSet<Arc<str>>,
}

impl Recent {
    /// Begins anew: only who has seen `sequence` can go on from there.
    pub fn begin(&mut self, sequence: u64) {
        *self = Recent {
            complete_after: Some(sequence),
            ..Recent::default()
        };
    }

    /// Remembers one more update.
    pub fn push(
        &mut self,
        sequence: u64,
        points: impl Iterator<Item = Arc<str>>,
        changes: impl Iterator<Item = Arc<str>>,
    ) {
        let touched = Touched {
            sequence,
            points: points.collect(),
            changes: changes.collect(),
        };
        self.ids += touched.len();
        self.updates.push_back(touched);
        while self.updates.len() > UPDATES || self.ids > IDS {
            let Some(forgotten) = self.updates.pop_front() else {
                break;
            };
            self.ids -= forgotten.len();
            self.complete_after = Some(forgotten.sequence);
        }
    }

    /// What came after `sequence`; `None` when that is not known, or is too much to tell.
    pub fn since(&self, sequence: u64) -> Option<Missed> {
        let newest = self
            .updates
            .back()
            .map(|touched| touched.sequence)
            .or(self.complete_after)?;
        if sequence < self.complete_after? || sequence > newest {
            return None;
        }
        let mut missed = Missed::default();
        let newest_first = self.updates.iter().rev();
        for touched in newest_first.take_while(|touched| touched.sequence > sequence) {
            missed.points.extend(touched.points.iter().cloned());
            missed.changes.extend(touched.changes.iter().cloned());
            if missed.points.len() + missed.changes.len() > MISSED {
                return None;
            }
        }
        missed.changes.retain(|id| !missed.points.contains(id));
        Some(missed)
    }
}

impl Touched {
    fn len(&self) -> usize {
        self.points.len() + self.changes.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids<'a>(names: &'a [&str]) -> impl Iterator<Item = Arc<str>> + 'a {
        names.iter().map(|name| Arc::from(*name))
    }

    fn sorted(set: FxHashSet<Arc<str>>) -> Vec<String> {
        let mut names: Vec<String> = set.iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn each_id_is_told_once() {
        let mut recent = Recent::default();
        recent.begin(10);
        recent.push(12, ids(&["a", "b"]), ids(&["old"]));
        recent.push(14, ids(&["c"]), ids(&["a", "old"]));
        let missed = recent.since(10).unwrap();
        assert_eq!(sorted(missed.points), ["a", "b", "c"]);
        assert_eq!(sorted(missed.changes), ["old"]);
        let missed = recent.since(12).unwrap();
        assert_eq!(sorted(missed.points), ["c"]);
        assert_eq!(sorted(missed.changes), ["a", "old"]);
        assert_eq!(recent.since(14), Some(Missed::default()));
    }

    #[test]
    fn a_sequence_between_two_updates_is_one_of_another_gateway() {
        let mut recent = Recent::default();
        recent.begin(10);
        recent.push(14, ids(&["a"]), ids(&[]));
        assert_eq!(sorted(recent.since(12).unwrap().points), ["a"]);
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let mut recent = Recent::default();
        assert_eq!(recent.since(0), None, "nothing has come yet");
        recent.begin(10);
        assert_eq!(recent.since(10), Some(Missed::default()));
        assert_eq!(recent.since(9), None, "before the beginning");
        assert_eq!(recent.since(11), None, "ahead of us");
    }

    #[test]
    fn the_oldest_update_is_forgotten_and_who_needs_it_starts_afresh() {
        let mut recent = Recent::default();
        recent.begin(0);
        for sequence in 1..=u64::try_from(UPDATES).unwrap() + 1 {
            recent.push(sequence, ids(&["a"]), ids(&[]));
        }
        assert_eq!(recent.since(0), None);
        assert!(recent.since(1).is_some());
    }

    #[test]
    fn a_huge_update_pushes_out_all_before_it_and_itself() {
        let mut recent = Recent::default();
        recent.begin(1);
        recent.push(2, ids(&["a"]), ids(&[]));
        recent.push(3, (0..=IDS).map(|at| at.to_string().into()), ids(&[]));
        assert_eq!(recent.since(2), None);
        assert_eq!(recent.since(3), Some(Missed::default()));
        assert_eq!(recent.ids, 0);
    }

    #[test]
    fn too_much_is_not_told_as_missed() {
        let mut recent = Recent::default();
        recent.begin(1);
        recent.push(2, (0..=MISSED).map(|at| at.to_string().into()), ids(&[]));
        assert_eq!(recent.since(1), None);
    }
}
