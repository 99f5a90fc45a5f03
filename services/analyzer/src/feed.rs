//! The shared feed of updates: it numbers them, and gives each subscriber all that it has missed.

mod news;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use satscope_kit::{clock::Steady, upstream::SILENCE};
use satscope_log::{Bounds, Replay};
use satscope_proto::v1::{Amounts, HistoryEntry, PriceUpdate, StaleReason};
use tokio::sync::watch;

use crate::{
    history::History,
    points::{Dot, DotId, News},
    sequence::Sequence,
};
pub use news::Told;
use news::{Whole, as_they_are, oldest_first};

/// Bounds of the record for subscribers that return: five minutes at two updates a second, and ten times the dots that these
/// usually touch.
const KEPT: Bounds = Bounds {
    updates: 600,
    ids: 30_000,
};

/// The shared feed.
#[derive(Debug)]
pub struct Feed {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    /// The newest update's sequence.
    sequence: Sequence,
    /// The newest update, without points, and the moment at which it was made.
    update: Option<(PriceUpdate, Steady)>,
    /// All dots as of that update. Shared, so that a subscriber reads them while the next update is made.
    points: Arc<HashMap<DotId, Dot>>,
    /// Whether the dots of a whole window have been published.
    is_whole: bool,
    /// The newest copy of all dots, while a subscriber is being sent it.
    whole: Weak<Whole>,
    recent: Replay<u64, DotId>,
    history: History,
    /// The newest count of amounts.
    amounts: Option<Amounts>,
}

impl Default for Feed {
    fn default() -> Self {
        let sequence = Sequence::begin();
        let inner = Inner {
            sequence,
            update: None,
            points: Arc::default(),
            is_whole: false,
            whole: Weak::new(),
            recent: Replay::new(KEPT),
            history: History::default(),
            amounts: None,
        };
        Feed {
            inner: Mutex::new(inner),
            newest: watch::Sender::new(sequence.get()),
        }
    }
}

impl Feed {
    /// Publishes an update that was made at `now`, under the next sequence of its event clock.
    pub fn publish(&self, mut update: PriceUpdate, news: News, now: Steady) {
        let mut inner = self.lock();
        inner.sequence = inner.sequence.next(update.time_ms);
        update.sequence = inner.sequence.get();
        update.history_since_ms = inner.history.oldest_ms().unwrap_or(0);
        inner.draw(&news);
        inner.is_whole |= news.reset;
        let sequence = update.sequence;
        inner.keep(sequence, news);
        inner.update = Some((update, now));
        drop(inner);
        self.newest.send_replace(sequence);
    }

    /// Begins a new epoch, because the event clock was set to `clock_ms`, Unix milliseconds. Dots and history entries
    /// with later stamps are dropped.
    pub fn begin_epoch(&self, clock_ms: u64) {
        let mut inner = self.lock();
        inner.sequence = inner.sequence.begin_anew();
        inner.recent = Replay::new(KEPT);
        Arc::make_mut(&mut inner.points).retain(|_, dot| dot.time_ms <= clock_ms);
        inner.history.set_back(clock_ms);
    }

    /// The newest update without points, its age counted up to `now`, and all that changed after update `after`. Gives
    /// all dots, and `reset`, if the changes after `after` are not known. `None` before the first update, and if
    /// `after` is the newest.
    ///
    /// Until the dots of a whole window have been published, `reset` is given only to a subscriber that has seen
    /// nothing (`after` is 0).
    pub fn since(&self, after: u64, now: Steady) -> Option<(PriceUpdate, Told)> {
        self.since_within(after, now, Duration::ZERO)
    }

    /// Like [`Feed::since`], but may give the shared copy of all dots that is still being sent to another subscriber,
    /// if it was made at most `within` before `now`. Changes after that copy come with the next call.
    pub fn since_within(
        &self,
        after: u64,
        now: Steady,
        within: Duration,
    ) -> Option<(PriceUpdate, Told)> {
        let (update, made_at, missed, points, reset) = {
            let inner = self.lock();
            let (update, made_at) = inner.update.clone()?;
            let recent = &inner.recent;
            let missed = recent
                .behind(after)
                .and_then(|behind| recent.touched(behind, KEPT.ids));
            let reset = inner.is_whole || after == 0;
            if update.sequence != after
                && missed.is_none()
                && let Some(whole) = inner.shared(update.sequence, reset, now, within)
            {
                drop(inner);
                let update = as_of(whole.update.clone(), whole.made_at, now);
                return Some((update, Told::All(whole)));
            }
            (update, made_at, missed, inner.points.clone(), reset)
        };
        if update.sequence == after {
            return None;
        }
        let told = match missed {
            Some(missed) => Told::Missed(as_they_are(&missed, &points)),
            None => {
                let points = points.iter().map(|(id, dot)| (*id, *dot)).collect();
                let whole = Arc::new(Whole {
                    update: update.clone(),
                    made_at,
                    news: News {
                        reset,
                        points: oldest_first(points),
                        changes: Vec::new(),
                    },
                });
                self.lock().whole = Arc::downgrade(&whole);
                Told::All(whole)
            }
        };
        Some((as_of(update, made_at, now), told))
    }

    /// Keeps an estimate for the history.
    pub fn remember(&self, entry: HistoryEntry) {
        self.lock().history.remember(entry);
    }

    /// The estimates of the last three hours after `after_ms`, at most one in each `step_ms`.
    pub fn history(&self, after_ms: u64, step_ms: u64) -> Vec<HistoryEntry> {
        self.lock().history.since(after_ms, step_ms)
    }

    /// The multiples of `step_ms` in the three hours up to `now_ms` for which the history has no estimate.
    pub fn history_gaps(&self, now_ms: u64, step_ms: u64) -> Vec<u64> {
        self.lock().history.gaps(now_ms, step_ms)
    }

    /// Adds estimates of the past at the moments that [`Feed::history_gaps`] gave.
    pub fn fill_history(&self, past: Vec<HistoryEntry>) {
        self.lock().history.fill(past);
    }

    /// The event clock at the newest count of amounts, Unix milliseconds; `None` before the first.
    pub fn amounts_ms(&self) -> Option<u64> {
        self.lock().amounts.as_ref().map(|amounts| amounts.time_ms)
    }

    /// Publishes a count of amounts.
    pub fn publish_amounts(&self, amounts: Amounts) {
        self.lock().amounts = Some(amounts);
    }

    /// The newest count of amounts; `None` before the first.
    pub fn amounts(&self) -> Option<Amounts> {
        self.lock().amounts.clone()
    }

    /// A receiver of the newest update's sequence; it changes with each update.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The update, made at `made_at`, with its estimate's age counted up to `now`.
fn as_of(mut update: PriceUpdate, made_at: Steady, now: Steady) -> PriceUpdate {
    if let Some(estimate) = &mut update.estimate {
        let since_ms = now.since_ms(made_at);
        estimate.age_ms = estimate.age_ms.saturating_add(since_ms);
        // An update comes at least every two seconds. An older one means that this process stood still and has not looked at its
        // links since.
        if Duration::from_millis(since_ms) > SILENCE && !estimate.stale {
            estimate.stale = true;
            estimate.set_stale_reason(StaleReason::UpstreamLost);
        }
    }
    update
}

impl Inner {
    /// The newest copy of all dots, if it [serves](Whole::serves) and the updates after it are known.
    fn shared(
        &self,
        sequence: u64,
        reset: bool,
        now: Steady,
        within: Duration,
    ) -> Option<Arc<Whole>> {
        let whole = self.whole.upgrade()?;
        let goes_on = self.recent.behind(whole.update.sequence).is_some();
        let is_same = whole.news.reset == reset && whole.serves(sequence, now, within);
        (goes_on && is_same).then_some(whole)
    }

    fn draw(&mut self, news: &News) {
        let points = Arc::make_mut(&mut self.points);
        if news.reset {
            points.clear();
        }
        points.extend(news.points.iter().copied());
        for (id, state) in &news.changes {
            let Some(state) = state else {
                points.remove(id);
                continue;
            };
            if let Some(dot) = points.get_mut(id) {
                dot.state = *state;
            }
        }
    }

    /// A reset's dots are not kept: a subscriber without them gets the full set.
    fn keep(&mut self, sequence: u64, news: News) {
        if news.reset || self.recent.is_new() {
            self.recent.begin(sequence);
            return;
        }
        let added = news.points.into_iter().map(|(id, _)| id);
        let changed = news.changes.into_iter().map(|(id, _)| id);
        self.recent
            .push(sequence, added.collect(), changed.collect());
    }
}
