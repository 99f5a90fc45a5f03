//! The analyzer's state: the window, the estimate and the dots. Pure: time comes with the events.

use std::sync::Arc;

use satscope_log::{Block, Change, Event, NodeStatus, Window};
use satscope_oracle::{Amounts, Estimate};

use crate::{
    course::{self, Course},
    points::{News, Points},
};

/// The window, the oracle's view of it, the dots and the last price.
#[derive(Debug, Default)]
pub struct State {
    window: Window,
    oracle: satscope_oracle::Window,
    points: Points,
    news: News,
    last: Option<Price>,
    /// Number of transactions in the window that were met before a block had them.
    met_in_mempool: usize,
    status: Arc<NodeStatus>,
    time_ms: u64,
}

/// A price, and the event clock's time at which it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// The estimate.
    pub estimate: Estimate,
    /// The event clock when it was made, Unix milliseconds.
    pub as_of_ms: u64,
    /// Whether the window itself has this price; if not, it is the last one, repeated.
    pub is_own: bool,
}

impl Price {
    /// The estimate as it stands at `now_ms` of the event clock, Unix milliseconds. The doubt of a repeated one grows
    /// with its age.
    pub fn at(&self, now_ms: u64) -> Estimate {
        match self.is_own {
            true => self.estimate,
            false => self.estimate.repeated(now_ms),
        }
    }
}

impl State {
    /// Empties the window, because another is about to be sent. The last estimate is kept and repeated.
    pub fn reset(&mut self) {
        self.window = Window::default();
        self.oracle = satscope_oracle::Window::new();
        self.points = Points::default();
        self.met_in_mempool = 0;
        self.news = News {
            reset: true,
            ..News::default()
        };
        self.repeat();
    }

    /// Repeats the last estimate of an earlier process, made at `as_of_ms` of the event clock, Unix milliseconds. The
    /// event clock stands there until the first event.
    pub fn restore(&mut self, estimate: Estimate, as_of_ms: u64) {
        if self.time_ms == 0 {
            self.time_ms = as_of_ms;
        }
        self.last = Some(Price {
            estimate,
            as_of_ms,
            is_own: false,
        });
    }

    /// Forgets the last estimate, because it is of another node.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// Takes an event of the stream. A late event does not set the event clock back.
    pub fn apply(&mut self, event: &Event, time_ms: u64) {
        self.time_ms = self.time_ms.max(time_ms);
        if let Event::Status(status) = event {
            self.status = status.clone();
            self.expire();
        }
        for change in self.window.apply(event, self.time_ms) {
            self.take(change);
        }
    }

    /// Moves the event clock on to `time_ms`, Unix milliseconds, without an event.
    pub fn advance(&mut self, time_ms: u64) {
        self.time_ms = self.time_ms.max(time_ms);
        self.expire();
    }

    /// Sets the event clock to `time_ms`, Unix milliseconds, which may lie before its present time.
    pub fn set_clock(&mut self, time_ms: u64) {
        self.time_ms = time_ms;
        self.repeat();
    }

    /// Makes an estimate, and adds it to the course that makes the dots.
    pub fn estimate(&mut self) {
        let Some(estimate) = self.oracle.estimate(self.time_ms) else {
            self.repeat();
            return;
        };
        self.last = Some(Price {
            estimate,
            as_of_ms: self.time_ms,
            is_own: true,
        });
        let now_ms = self.time_ms;
        let course = self.points.course();
        if !course.is_some_and(|course| course.reaches(now_ms, estimate)) {
            self.make_dots(estimate);
        }
    }

    /// Makes all dots anew, because there were none or the price has locked on elsewhere.
    fn make_dots(&mut self, estimate: Estimate) {
        let past = self.past(course::moments(self.time_ms));
        let past: Vec<_> = past
            .into_iter()
            .map(|price| (price.as_of_ms, price.estimate))
            .collect();
        let course = Course::new(&past, self.time_ms, estimate);
        let news = self.points.begin(course, &self.window);
        self.news.extend(news);
    }

    /// The estimates that would have been made at these moments, whole minutes in Unix milliseconds. Moments without an
    /// estimate are left out.
    pub fn past(&mut self, times_ms: Vec<u64>) -> Vec<Price> {
        let made_at = |as_of_ms: u64| {
            // An estimate reads the whole minute of its moment. At the start of a minute none of its payments had come
            // yet, so the minute before is read.
            let estimate = self.oracle.estimate(as_of_ms.saturating_sub(1))?;
            Some(Price {
                estimate,
                as_of_ms,
                is_own: true,
            })
        };
        times_ms.into_iter().filter_map(made_at).collect()
    }

    /// The newest price; `None` before the first.
    pub fn price(&self) -> Option<Price> {
        self.last
    }

    /// Whether the window's payments, if any, were all first met in blocks.
    pub fn are_all_met_in_blocks(&self) -> bool {
        self.met_in_mempool == 0 && self.active() > 0
    }

    /// The news about the dots since the last call.
    pub fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// The newest status of the node link.
    pub fn status(&self) -> &NodeStatus {
        &self.status
    }

    /// The window as it stands.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Transactions in the window.
    pub fn active(&self) -> usize {
        self.window.len()
    }

    /// The blocks of the window, oldest first, and in any case the newest.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.window.blocks()
    }

    /// The amounts that the price is read from.
    pub fn amounts(&self) -> Amounts {
        self.oracle.amounts()
    }

    /// The event clock, Unix milliseconds; 0 before the first event.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Marks the last price as repeated, because the window has no price of its own.
    fn repeat(&mut self) {
        if let Some(last) = &mut self.last {
            last.is_own = false;
        }
    }

    fn expire(&mut self) {
        for change in self.window.expire(self.time_ms) {
            self.take(change);
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Entered(accepted, state) => {
                self.met_in_mempool += usize::from(!accepted.met_in_block);
                self.oracle
                    .insert(accepted.first_seen_ms, &accepted.values_sats);
                self.news.points.extend(self.points.enter(&accepted, state));
            }
            Change::Moved(txid, state) => {
                self.news.changes.extend(self.points.move_to(&txid, state));
            }
            Change::Left(accepted) => {
                self.met_in_mempool -= usize::from(!accepted.met_in_block);
                self.oracle
                    .remove(accepted.first_seen_ms, &accepted.values_sats);
                self.news.changes.extend(self.points.leave(&accepted.txid));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
