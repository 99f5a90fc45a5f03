//! Which points the recent updates touched, so that a client that missed some of them can be told just that.

use std::{collections::VecDeque, sync::Arc};

use rustc_hash::FxHashSet;

use crate::state::sequence::Sequence;

/// Updates remembered: five minutes of two a second.
const UPDATES: usize = 600;
/// Ids remembered in all of them together.
const IDS: usize = 20_000;
/// The most that is told as missed; above it the newest points are the shorter message.
const MISSED: usize = 2_000;

/// The recent updates, all of one epoch.
#[derive(Debug, Default)]
pub struct Recent {
    updates: VecDeque<Touched>,
    ids: usize,
    /// Everything after this sequence is in `updates`.
    complete_after: Option<Sequence>,
}

/// What one update, or several, touched.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Touched {
    sequence: Sequence,
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
    pub fn begin(&mut self, sequence: Sequence) {
        *self = Recent {
            complete_after: Some(sequence),
            ..Recent::default()
        };
    }

    /// Remembers one more update.
    pub fn push(
        &mut self,
        sequence: Sequence,
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

    /// What came after `sequence`; `None` when that is not known, as none of another epoch is, or is too much to tell.
    pub fn since(&self, sequence: Sequence) -> Option<Missed> {
        let newest = self
            .updates
            .back()
            .map(|touched| touched.sequence)
            .or(self.complete_after)?;
        let is_known = self.complete_after? <= sequence && sequence <= newest;
        if !is_known {
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
        recent.begin(10.into());
        recent.push(12.into(), ids(&["a", "b"]), ids(&["old"]));
        recent.push(14.into(), ids(&["c"]), ids(&["a", "old"]));
        let missed = recent.since(10.into()).unwrap();
        assert_eq!(sorted(missed.points), ["a", "b", "c"]);
        assert_eq!(sorted(missed.changes), ["old"]);
        let missed = recent.since(12.into()).unwrap();
        assert_eq!(sorted(missed.points), ["c"]);
        assert_eq!(sorted(missed.changes), ["a", "old"]);
        assert_eq!(recent.since(14.into()), Some(Missed::default()));
    }

    #[test]
    fn a_sequence_between_two_updates_is_one_of_another_gateway() {
        let mut recent = Recent::default();
        recent.begin(10.into());
        recent.push(14.into(), ids(&["a"]), ids(&[]));
        assert_eq!(sorted(recent.since(12.into()).unwrap().points), ["a"]);
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let mut recent = Recent::default();
        assert_eq!(recent.since(0.into()), None, "nothing has come yet");
        recent.begin(10.into());
        assert_eq!(recent.since(10.into()), Some(Missed::default()));
        assert_eq!(recent.since(9.into()), None, "before the beginning");
        assert_eq!(recent.since(11.into()), None, "ahead of us");
    }

    #[test]
    fn the_oldest_update_is_forgotten_and_who_needs_it_starts_afresh() {
        let mut recent = Recent::default();
        recent.begin(0.into());
        for sequence in 1..=u64::try_from(UPDATES).unwrap() + 1 {
            recent.push(sequence.into(), ids(&["a"]), ids(&[]));
        }
        assert_eq!(recent.since(0.into()), None);
        assert!(recent.since(1.into()).is_some());
    }

    #[test]
    fn a_huge_update_pushes_out_all_before_it_and_itself() {
        let mut recent = Recent::default();
        recent.begin(1.into());
        recent.push(2.into(), ids(&["a"]), ids(&[]));
        recent.push(
            3.into(),
            (0..=IDS).map(|at| at.to_string().into()),
            ids(&[]),
        );
        assert_eq!(recent.since(2.into()), None);
        assert_eq!(recent.since(3.into()), Some(Missed::default()));
        assert_eq!(recent.ids, 0);
    }

    #[test]
    fn too_much_is_not_told_as_missed() {
        let mut recent = Recent::default();
        recent.begin(1.into());
        recent.push(
            2.into(),
            (0..=MISSED).map(|at| at.to_string().into()),
            ids(&[]),
        );
        assert_eq!(recent.since(1.into()), None);
    }

    #[test]
    fn a_sequence_of_another_epoch_is_never_one_in_between() {
        let of = |epoch: u64, tick: u64| Sequence::from((epoch << 33) | tick);
        let mut recent = Recent::default();
        recent.begin(of(7, 10));
        recent.push(of(7, 14), ids(&["a"]), ids(&[]));
        assert!(recent.since(of(7, 12)).is_some());
        for epoch in [0, 6, 8] {
            assert_eq!(recent.since(of(epoch, 12)), None);
        }
    }
}
