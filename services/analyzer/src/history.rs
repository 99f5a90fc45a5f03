//! The estimates of the last three hours of the event clock.

use std::collections::VecDeque;

use satscope_log::WINDOW_MS;
use satscope_proto::v1::HistoryEntry;

/// At most one estimate is kept for each span of this, milliseconds: the first.
const STEP_MS: u64 = 1000;

/// The estimates of the last [`WINDOW_MS`], oldest first.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<HistoryEntry>,
}

impl History {
    /// Keeps an estimate if it is the first of its second, and drops those more than three hours older.
    pub fn remember(&mut self, entry: HistoryEntry) {
        let newest_ms = self.entries.back().map(|newest| newest.time_ms);
        if newest_ms.is_some_and(|newest_ms| entry.time_ms / STEP_MS <= newest_ms / STEP_MS) {
            return;
        }
        let oldest_ms = entry.time_ms.saturating_sub(WINDOW_MS);
        self.entries.push_back(entry);
        while self
            .entries
            .front()
            .is_some_and(|oldest| oldest.time_ms < oldest_ms)
        {
            self.entries.pop_front();
        }
    }

    /// The estimates after `after_ms`, Unix milliseconds, with at least `step_ms` from one to the next.
    pub fn since(&self, after_ms: u64, step_ms: u64) -> Vec<HistoryEntry> {
        let mut next_ms = 0;
        let wanted = |entry: &&HistoryEntry| {
            let due = entry.time_ms > after_ms && entry.time_ms >= next_ms;
            if due {
                next_ms = entry.time_ms.saturating_add(step_ms);
            }
            due
        };
        self.entries.iter().filter(wanted).copied().collect()
    }

    /// The stamp of the oldest estimate, Unix milliseconds.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.entries.front().map(|oldest| oldest.time_ms)
    }

    /// Drops the estimates after `clock_ms`, Unix milliseconds, because the event clock was set back to it.
    pub fn set_back(&mut self, clock_ms: u64) {
        self.entries.retain(|entry| entry.time_ms <= clock_ms);
    }

    /// The multiples of `step_ms` up to `now_ms`, at most three hours back, that have no estimate within half a step.
    pub fn gaps(&self, now_ms: u64, step_ms: u64) -> Vec<u64> {
        let has_none = |time_ms: &u64| {
            let (from_ms, to_ms) = (time_ms - step_ms / 2, time_ms + step_ms / 2);
            let at = self
                .entries
                .partition_point(|entry| entry.time_ms < from_ms);
            self.entries
                .get(at)
                .is_none_or(|entry| entry.time_ms > to_ms)
        };
        let first = now_ms.saturating_sub(WINDOW_MS) / step_ms + 1;
        let steps = first..=now_ms / step_ms;
        steps.map(|step| step * step_ms).filter(has_none).collect()
    }

    /// Adds estimates of the past at the moments that [`History::gaps`] gave.
    pub fn fill(&mut self, past: Vec<HistoryEntry>) {
        self.entries.extend(past);
        self.entries
            .make_contiguous()
            .sort_by_key(|entry| entry.time_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    const NOW_MS: u64 = 1_700_000_000_000;

    fn entry(time_ms: u64) -> HistoryEntry {
        HistoryEntry {
            time_ms,
            estimate: None,
        }
    }

    fn history(times_ms: impl IntoIterator<Item = u64>) -> History {
        let mut history = History::default();
        times_ms
            .into_iter()
            .for_each(|time_ms| history.remember(entry(time_ms)));
        history
    }

    fn times(history: &History) -> Vec<u64> {
        let entries = history.since(0, 0);
        entries.iter().map(|entry| entry.time_ms).collect()
    }

    #[test]
    fn one_estimate_a_second_is_kept_for_three_hours_of_the_event_clock() {
        let history = history([
            NOW_MS,
            NOW_MS + 500,
            NOW_MS + 1000,
            NOW_MS + WINDOW_MS + 500,
        ]);
        assert_eq!(times(&history), [NOW_MS + 1000, NOW_MS + WINDOW_MS + 500]);
    }

    #[test]
    fn a_clock_that_goes_days_ahead_leaves_nothing_of_before() {
        let history = history([NOW_MS, NOW_MS + 72 * HOUR_MS]);
        assert_eq!(times(&history), [NOW_MS + 72 * HOUR_MS]);
    }

    #[test]
    fn a_clock_that_is_set_back_has_new_history_at_once() {
        let mut history = history([NOW_MS, NOW_MS + HOUR_MS]);
        history.set_back(NOW_MS + 2000);
        history.remember(entry(NOW_MS + 2000));
        assert_eq!(times(&history), [NOW_MS, NOW_MS + 2000]);
    }

    #[test]
    fn gaps_are_found_and_filled_and_what_is_held_is_not_made_again() {
        const STEP_MS: u64 = 120_000;
        let now_ms = 100 * STEP_MS;
        assert_eq!(History::default().gaps(now_ms, STEP_MS).len(), 90);
        // An hour without estimates among three with one a minute.
        let minutes = (0..=180).filter(|minute| !(60..120).contains(minute));
        let mut history = history(minutes.map(|minute| now_ms - WINDOW_MS + minute * 60_000));
        let gaps = history.gaps(now_ms, STEP_MS);
        assert!((28..=30).contains(&gaps.len()), "{gaps:?}");
        history.fill(gaps.into_iter().map(entry).collect());
        assert!(times(&history).is_sorted());
        assert_eq!(history.gaps(now_ms, STEP_MS), [0; 0]);
    }
}
