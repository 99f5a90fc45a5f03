//! The ids that updates touched, so that a reader that missed some updates can be told just those.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

/// The bounds of a replay; beyond either the oldest updates are dropped.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most updates.
    pub updates: usize,
    /// The most ids touched, in all updates together.
    pub ids: usize,
}

/// The recent updates, and the ids that each touched. `S` names an update. Names of one epoch are ordered; an update of another
/// epoch is neither before nor after. A clone shares the updates.
#[derive(Clone, Debug)]
pub struct Replay<S, Id> {
    bounds: Bounds,
    /// Oldest first.
    updates: VecDeque<Arc<Touched<S, Id>>>,
    ids: usize,
    /// Everything after this update is in `updates`.
    complete_after: Option<S>,
}

/// The ids that one update touched.
#[derive(Debug)]
struct Touched<S, Id> {
    sequence: S,
    added: Vec<Id>,
    changed: Vec<Id>,
}

/// The ids that several updates touched, each once and in one of the two sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed<Id> {
    /// Ids that came, or came anew.
    pub added: BTreeSet<Id>,
    /// Ids that were there before, and changed.
    pub changed: BTreeSet<Id>,
}

impl<S: Copy + PartialOrd, Id: Clone + Ord> Replay<S, Id> {
    /// A replay that remembers nothing, so that no reader can go on.
    pub fn new(bounds: Bounds) -> Self {
        Replay {
            bounds,
            updates: VecDeque::new(),
            ids: 0,
            complete_after: None,
        }
    }

    /// Whether nothing was remembered or begun yet.
    pub fn is_new(&self) -> bool {
        self.complete_after.is_none() && self.updates.is_empty()
    }

    /// Begins anew: only a reader that has seen `sequence` can go on from there.
    pub fn begin(&mut self, sequence: S) {
        *self = Replay {
            complete_after: Some(sequence),
            ..Replay::new(self.bounds)
        };
    }

    /// Remembers one more update. A reader that has seen the one before it can go on, even if that is of another epoch.
    pub fn push(&mut self, sequence: S, added: Vec<Id>, changed: Vec<Id>) {
        let touched = Touched {
            sequence,
            added,
            changed,
        };
        self.ids += touched.len();
        self.updates.push_back(Arc::new(touched));
        while self.updates.len() > self.bounds.updates || self.ids > self.bounds.ids {
            let Some(forgotten) = self.updates.pop_front() else {
                break;
            };
            self.ids -= forgotten.len();
            self.complete_after = Some(forgotten.sequence);
        }
    }

    /// How many updates came after this one; `None` if the update is not known.
    pub fn behind(&self, sequence: S) -> Option<usize> {
        if self.complete_after == Some(sequence) {
            return Some(self.updates.len());
        }
        let newest_first = self.updates.iter().rev();
        newest_first
            .enumerate()
            .find(|(_, touched)| touched.sequence == sequence)
            .map(|(behind, _)| behind)
    }

    /// How many updates came after this one, or after the nearest before it. Another server of the same updates may have passed
    /// on one that never came here. `None` if `sequence` is not between two that came here.
    pub fn behind_nearest(&self, sequence: S) -> Option<usize> {
        self.behind(sequence).or_else(|| {
            let sequences = self.updates.iter().map(|touched| touched.sequence);
            let all: Vec<S> = self.complete_after.into_iter().chain(sequences).collect();
            let between = |pair: &[S]| pair[0] < sequence && sequence < pair[1];
            let at = all.windows(2).rposition(between)?;
            Some(all.len() - 1 - at)
        })
    }

    /// The ids that the newest `count` updates touched; `None` if there are over `most`.
    pub fn touched(&self, count: usize, most: usize) -> Option<Missed<Id>> {
        let mut missed = Missed {
            added: BTreeSet::new(),
            changed: BTreeSet::new(),
        };
        for touched in self.updates.iter().rev().take(count) {
            missed.added.extend(touched.added.iter().cloned());
            missed.changed.extend(touched.changed.iter().cloned());
            if missed.added.len() + missed.changed.len() > most {
                return None;
            }
        }
        let Missed { added, changed } = &mut missed;
        changed.retain(|id| !added.contains(id));
        Some(missed)
    }
}

impl<S, Id> Touched<S, Id> {
    fn len(&self) -> usize {
        self.added.len() + self.changed.len()
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    /// An epoch, and a number in it.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Name(u8, u64);

    impl PartialOrd for Name {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            (self.0 == other.0).then(|| self.1.cmp(&other.1))
        }
    }

    const BOUNDS: Bounds = Bounds {
        updates: 5,
        ids: 20,
    };
    const PLENTY: usize = 1000;

    fn begun(sequence: Name) -> Replay<Name, &'static str> {
        let mut replay = Replay::new(BOUNDS);
        replay.begin(sequence);
        replay
    }

    fn sorted(ids: &BTreeSet<&'static str>) -> Vec<&'static str> {
        ids.iter().copied().collect()
    }

    #[test]
    fn each_id_is_told_once() {
        let mut replay = begun(Name(1, 10));
        replay.push(Name(1, 12), vec!["a", "b"], vec!["old"]);
        replay.push(Name(1, 14), vec!["c"], vec!["a", "old"]);
        let behind = |at| replay.behind(Name(1, at));
        assert_eq!([10, 12, 14].map(behind), [Some(2), Some(1), Some(0)]);
        let all = replay
            .touched(2, PLENTY)
            .map(|missed| (sorted(&missed.added), sorted(&missed.changed)));
        assert_eq!(all, Some((vec!["a", "b", "c"], vec!["old"])));
        let last = replay
            .touched(1, PLENTY)
            .map(|missed| (sorted(&missed.added), sorted(&missed.changed)));
        assert_eq!(last, Some((vec!["c"], vec!["a", "old"])));
        let none = replay
            .touched(0, PLENTY)
            .map(|missed| missed.added.len() + missed.changed.len());
        assert_eq!(none, Some(0));
    }

    #[test]
    fn one_between_two_is_known_to_who_asks_for_the_nearest_alone() {
        let mut replay = begun(Name(1, 10));
        replay.push(Name(1, 14), vec!["a"], vec![]);
        replay.push(Name(1, 18), vec!["b"], vec![]);
        for (at, nearest) in [(12, Some(2)), (16, Some(1)), (9, None), (19, None)] {
            assert_eq!(replay.behind(Name(1, at)), None, "{at}");
            assert_eq!(replay.behind_nearest(Name(1, at)), nearest, "{at}");
        }
        assert_eq!(replay.behind_nearest(Name(1, 18)), Some(0));
        assert_eq!(replay.behind_nearest(Name(2, 12)), None, "of another epoch");
    }

    #[test]
    fn an_epoch_may_follow_another_and_nothing_lies_between_them() {
        let mut replay = begun(Name(1, 10));
        replay.push(Name(1, 14), vec!["a"], vec![]);
        replay.push(Name(7, 3), vec!["b"], vec![]);
        replay.push(Name(7, 5), vec!["c"], vec![]);
        assert_eq!(replay.behind_nearest(Name(1, 14)), Some(2));
        assert_eq!(replay.behind_nearest(Name(7, 4)), Some(1));
        for (epoch, at) in [(1, 15), (7, 2), (7, 6)] {
            assert_eq!(replay.behind_nearest(Name(epoch, at)), None, "{epoch} {at}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let mut replay: Replay<Name, &str> = Replay::new(BOUNDS);
        assert_eq!(
            replay.behind_nearest(Name(1, 0)),
            None,
            "nothing has come yet"
        );
        replay.begin(Name(1, 10));
        assert_eq!(replay.behind(Name(1, 10)), Some(0));
        replay.begin(Name(1, 11));
        assert_eq!(replay.behind(Name(1, 10)), None, "it began anew");
    }

    #[test]
    fn the_oldest_is_forgotten_by_number_and_by_ids() {
        let mut replay = begun(Name(1, 0));
        for at in 1..=6 {
            replay.push(Name(1, at), vec!["a"], vec![]);
        }
        assert_eq!(
            [0, 1, 2].map(|at| replay.behind(Name(1, at))),
            [None, Some(5), Some(4)]
        );
        replay.push(Name(1, 7), vec!["b"; BOUNDS.ids - 1], vec![]);
        assert_eq!(
            [5, 6].map(|at| replay.behind(Name(1, at))),
            [Some(2), Some(1)]
        );
        replay.push(Name(1, 8), vec!["c"; BOUNDS.ids + 1], vec![]);
        assert_eq!([7, 8].map(|at| replay.behind(Name(1, at))), [None, Some(0)]);
        assert_eq!(replay.ids, 0);
    }

    #[test]
    fn too_much_is_not_told() {
        let mut replay = begun(Name(1, 1));
        replay.push(Name(1, 2), vec!["a", "b"], vec!["c"]);
        assert!(replay.touched(1, 3).is_some());
        assert_eq!(replay.touched(1, 2), None);
    }
}
