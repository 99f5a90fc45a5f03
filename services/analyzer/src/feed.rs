//! The updates as subscribers get them: numbered, and with all that a subscriber has missed.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustc_hash::FxHashMap;
use satscope_proto::v1::{Amounts, HistoryEntry, PriceUpdate, TransactionState};
use tokio::sync::watch;

use crate::points::{Dot, DotId, News};

/// Updates kept for those who return: five minutes at two a second.
const KEPT: usize = 600;
/// Dots and changes kept in all of them together: ten times what five minutes usually hold.
const KEPT_DOTS: usize = 30_000;
/// Three hours at one estimate a second.
const HISTORY: usize = 10_800;
const HISTORY_STEP_MS: u64 = 1000;

/// The shared feed.
#[derive(Debug)]
pub struct Feed {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The newest update, without points.
    update: Option<PriceUpdate>,
    /// All dots as of that update.
    points: FxHashMap<DotId, Dot>,
    news: VecDeque<(u64, News)>,
    /// Dots and changes in `news`.
    kept: usize,
    history: VecDeque<HistoryEntry>,
    /// The newest count of amounts, and when it was made, Unix milliseconds of the system's clock.
    amounts: Option<(u64, Amounts)>,
}

impl Default for Feed {
    fn default() -> Self {
        Feed {
            inner: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl Feed {
    /// Publishes an update under a number above all before it, also those of an earlier process: `unix_ms` if it
    /// can be.
    pub fn publish(&self, mut update: PriceUpdate, news: News, unix_ms: u64) {
        let mut inner = self.lock();
        let last = inner.update.as_ref().map_or(0, |update| update.sequence);
        let sequence = unix_ms.max(last + 1);
        update.sequence = sequence;
        inner.remember(&update);
        update.history_since_ms = inner.history.front().map_or(0, |oldest| oldest.time_ms);
        inner.draw(&news);
        // Who does not know the update before a reset gets everything: nobody is sent what was in it.
        let told = if news.reset { News::default() } else { news };
        inner.keep(sequence, told);
        inner.update = Some(update);
        drop(inner);
        self.newest.send_replace(sequence);
    }

    /// The newest update, without points, and all that came after update `after`; everything and `reset` when that is not
    /// known. `None` before the first update, and when `after` is the newest.
    pub fn since(&self, after: u64) -> Option<(PriceUpdate, News)> {
        let inner = self.lock();
        let update = inner.update.clone()?;
        if update.sequence == after {
            return None;
        }
        let from = inner
            .news
            .iter()
            .position(|(sequence, _)| *sequence == after);
        let news = match from {
            Some(at) => {
                let mut news = News::default();
                for (_, later) in inner.news.range(at + 1..) {
                    news.extend(later.clone());
                }
                news
            }
            None => News {
                reset: true,
                points: inner.oldest_first(),
                changes: Vec::new(),
            },
        };
        Some((update, news))
    }

    /// The estimates of the last three hours after `after_ms`, at most one in each `step_ms`.
    pub fn history(&self, after_ms: u64, step_ms: u64) -> Vec<HistoryEntry> {
        let mut next_ms = 0;
        let wanted = |entry: &&HistoryEntry| {
            let due = entry.time_ms > after_ms && entry.time_ms >= next_ms;
            if due {
                next_ms = entry.time_ms.saturating_add(step_ms);
            }
            due
        };
        self.lock().history.iter().filter(wanted).cloned().collect()
    }

    /// The stamp of the oldest estimate that is held, Unix milliseconds.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.lock().history.front().map(|entry| entry.time_ms)
    }

    /// Puts estimates of the past before all that are held.
    pub fn prepend_history(&self, past: Vec<HistoryEntry>) {
        let mut inner = self.lock();
        let first_ms = inner
            .history
            .front()
            .map_or(u64::MAX, |entry| entry.time_ms);
        for entry in past
            .into_iter()
            .rev()
            .filter(|entry| entry.time_ms < first_ms)
        {
            inner.history.push_front(entry);
        }
    }

    /// Whether the amounts have not been counted since `unix_ms`.
    pub fn amounts_are_older_than(&self, unix_ms: u64) -> bool {
        let counted = self
            .lock()
            .amounts
            .as_ref()
            .map(|(counted_ms, _)| *counted_ms);
        counted.is_none_or(|counted_ms| counted_ms <= unix_ms)
    }

    /// Publishes a count of amounts that was made at `unix_ms`.
    pub fn publish_amounts(&self, amounts: Amounts, unix_ms: u64) {
        self.lock().amounts = Some((unix_ms, amounts));
    }

    /// The newest count of amounts.
    pub fn amounts(&self) -> Option<Amounts> {
        self.lock()
            .amounts
            .as_ref()
            .map(|(_, amounts)| amounts.clone())
    }

    /// Changes with each update: its sequence.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn draw(&mut self, news: &News) {
        if news.reset {
            self.news.clear();
            self.kept = 0;
            self.points.clear();
        }
        self.points.extend(news.points.iter().copied());
        for (id, state) in &news.changes {
            if *state == TransactionState::Removed {
                self.points.remove(id);
            } else if let Some(dot) = self.points.get_mut(id) {
                dot.state = *state;
            }
        }
    }

    fn keep(&mut self, sequence: u64, news: News) {
        self.kept += news.count();
        self.news.push_back((sequence, news));
        while self.news.len() > KEPT || self.kept > KEPT_DOTS {
            let Some((_, forgotten)) = self.news.pop_front() else {
                return;
            };
            self.kept -= forgotten.count();
        }
    }

    fn oldest_first(&self) -> Vec<(DotId, Dot)> {
        let mut points: Vec<(DotId, Dot)> =
            self.points.iter().map(|(id, dot)| (*id, *dot)).collect();
        points.sort_unstable_by_key(|(id, dot)| (dot.time_ms, *id));
        points
    }

    fn remember(&mut self, update: &PriceUpdate) {
        let due = self
            .history
            .back()
            .is_none_or(|last| last.time_ms + HISTORY_STEP_MS <= update.time_ms);
        if let Some(estimate) = update.estimate.filter(|_| due) {
            self.history.push_back(HistoryEntry {
                time_ms: update.time_ms,
                estimate: Some(estimate),
            });
        }
        while self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn id(name: u8) -> DotId {
        DotId::new(&[name; 32], 0)
    }

    fn news(name: u8) -> News {
        let dot = Dot {
            time_ms: 1,
            value_sats: 40_000,
            round_usd: 20.0,
            state: TransactionState::Mempool,
        };
        News {
            points: vec![(id(name), dot)],
            ..News::default()
        }
    }

    fn ids(news: &News) -> Vec<DotId> {
        news.points.iter().map(|(id, _)| *id).collect()
    }

    fn feed() -> Feed {
        let feed = Feed::default();
        for (number, name) in [1, 2, 3].into_iter().enumerate() {
            feed.publish(
                PriceUpdate::default(),
                news(name),
                1000 + number as u64 * 500,
            );
        }
        feed
    }

    #[test]
    fn a_subscriber_gets_what_it_missed() {
        let feed = feed();
        let (update, news) = feed.since(1000).unwrap();
        assert_eq!(
            (update.sequence, news.reset, ids(&news)),
            (2000, false, vec![id(2), id(3)])
        );
        assert_eq!(feed.since(2000), None);
    }

    #[test]
    fn one_that_is_not_known_gets_everything() {
        let feed = feed();
        for unknown in [0, 999, 5000] {
            let (_, news) = feed.since(unknown).unwrap();
            assert_eq!((news.reset, ids(&news)), (true, vec![id(1), id(2), id(3)]));
        }
    }

    #[test]
    fn a_reset_makes_earlier_updates_unknown() {
        let feed = feed();
        let reset = News {
            reset: true,
            ..news(4)
        };
        feed.publish(PriceUpdate::default(), reset, 2500);
        let (_, news) = feed.since(2000).unwrap();
        assert_eq!((news.reset, ids(&news)), (true, vec![id(4)]));
        assert_eq!(feed.since(2500), None);
    }

    #[test]
    fn a_flood_of_news_is_not_kept() {
        let feed = feed();
        let half = News {
            changes: vec![(id(1), TransactionState::Confirmed); KEPT_DOTS / 2],
            ..News::default()
        };
        for sequence in [2500, 3000, 3500] {
            feed.publish(PriceUpdate::default(), half.clone(), sequence);
        }
        assert!(feed.since(2500).unwrap().1.reset, "too much to be told");
        assert!(!feed.since(3000).unwrap().1.reset);
        assert_eq!(feed.lock().kept, KEPT_DOTS);
    }

    #[test]
    fn numbers_rise_even_when_the_clock_does_not() {
        let feed = feed();
        feed.publish(PriceUpdate::default(), News::default(), 7);
        assert_eq!(feed.since(0).unwrap().0.sequence, 2001);
    }

    #[test]
    fn an_update_says_since_when_there_is_history() {
        let feed = Feed::default();
        let priced = |time_ms| PriceUpdate {
            time_ms,
            estimate: Some(satscope_proto::v1::Estimate::default()),
            ..PriceUpdate::default()
        };
        feed.publish(PriceUpdate::default(), News::default(), 1000);
        assert_eq!(feed.since(0).unwrap().0.history_since_ms, 0);
        feed.publish(priced(50_000), News::default(), 1500);
        assert_eq!(feed.since(0).unwrap().0.history_since_ms, 50_000);
        feed.prepend_history(vec![HistoryEntry {
            time_ms: 20_000,
            estimate: None,
        }]);
        feed.publish(priced(50_500), News::default(), 2000);
        assert_eq!(feed.since(0).unwrap().0.history_since_ms, 20_000);
    }

    #[test]
    fn amounts_are_counted_anew_only_when_they_are_old() {
        let feed = Feed::default();
        assert!(feed.amounts_are_older_than(0));
        feed.publish_amounts(Amounts::default(), 7000);
        assert!(!feed.amounts_are_older_than(6999));
        assert!(feed.amounts_are_older_than(7000));
        assert_eq!(feed.amounts(), Some(Amounts::default()));
    }

    #[test]
    fn changes_reach_those_who_begin_later() {
        let feed = feed();
        let news = News {
            changes: vec![
                (id(1), TransactionState::Removed),
                (id(2), TransactionState::Confirmed),
            ],
            ..News::default()
        };
        feed.publish(PriceUpdate::default(), news, 2500);
        let (_, news) = feed.since(0).unwrap();
        assert_eq!(ids(&news), [id(2), id(3)]);
        assert_eq!(news.points[0].1.state, TransactionState::Confirmed);
    }
}
